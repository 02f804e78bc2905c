"""Whose a user's calls are, where a sender has said it of the user and the calls do not."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from fakes.tagged_events import RECEIVED_MS, calls, received
from rigs.analytics_erasing import erase, traces
from rigs.analytics_server import listening

from bridge.analytics.store import ReceivedEvent, ReceivedRecord, Store

ACME = "acme-inc"


def said(number: int, user: str, company: str | None = ACME, at_ms: int = RECEIVED_MS) -> ReceivedRecord:
    """Return an update of a user."""
    return ReceivedRecord(f"00000000-0000-4000-8000-{number:012}", at_ms, user, company)


def of(user: str, number: int, **tag: str) -> ReceivedEvent:
    """Return a call of a user; `tag` goes into its `bridge` object."""
    (one,) = calls(1, number, userName=user)
    return received(one | {"bridge": one["bridge"] | tag})


async def companies(store: Store) -> list[str | None]:
    """Return the company of each call, in the order of their times."""
    rows = await store.ask(
        "SELECT n.value FROM facts f LEFT JOIN names n ON n.id = f.company AND n.field = 'company' ORDER BY f.time",
        (),
        5,
    )
    return [company for (company,) in rows]


async def test_later_calls_are_the_companys(tmp_path: Path) -> None:
    """What was said holds from there on: within its batch, in the next ones, and after a start."""
    async with Store.opened(tmp_path) as store:
        appended = await store.append([of("zebulon", 0), said(1, "zebulon"), of("zebulon", 1), of("bob", 2)])
        assert (appended.new, appended.records) == (3, 1)
        await store.append([of("zebulon@carbon.super", 3)])
        assert await companies(store) == [None, ACME, None, ACME]
    async with Store.opened(tmp_path) as store:
        await store.append([of("zebulon", 4), said(2, "zebulon", "other"), of("zebulon", 5)])
        assert await companies(store) == [None, ACME, None, ACME, ACME, "other"]


async def test_what_a_call_says_itself_holds(tmp_path: Path) -> None:
    """A call that names its company keeps it, and one that does not comes back as it came."""
    named, nameless = (of("zebulon", 0, company="own"), of("zebulon", 1))
    async with Store.opened(tmp_path) as store:
        await store.append([said(1, "zebulon"), named, nameless])
        assert await companies(store) == ["own", ACME]
        again = await store.events([named.id, nameless.id])
        assert [one["bridge"].get("company") for one in again] == ["own", None]


async def test_what_comes_again_says_nothing_about_now(tmp_path: Path) -> None:
    """A rewind brings old records again: the newest one holds, and each counts once."""
    async with Store.opened(tmp_path) as store:
        await store.append([said(1, "zebulon", "first"), said(2, "zebulon", "second")])
        again = await store.append(
            [said(1, "zebulon", "first"), said(2, "zebulon", "second"), said(1, "zebulon", "first")]
        )
        assert again.records == 0
        await store.append([of("zebulon", 0)])
        assert await companies(store) == ["second"]
        assert await store.ask("SELECT value FROM meta WHERE key = 'records'", (), 5) == [(2,)]


async def test_an_erased_user_belongs_to_nobody(tmp_path: Path) -> None:
    """The link goes with the user, and an older record does not bring it back; a newer one may."""
    later_ms = RECEIVED_MS + 2 * 10**9
    (call,) = calls(1, 3_000_000, userName="zebulon")
    async with Store.opened(tmp_path) as store:
        await store.append([said(1, "zebulon"), of("zebulon", 0)])
        await erase(store, "user", "zebulon", before_ms=RECEIVED_MS + 1)
    assert await asyncio.to_thread(traces, tmp_path, "zebulon") == []
    async with Store.opened(tmp_path) as store:
        new = ReceivedEvent(call["bridge"]["id"], later_ms, call)
        await store.append([said(2, "zebulon"), new])
        assert await companies(store) == [None]
        await erase(store, "user", "zebulon", before_ms=later_ms + 10**9)
        await store.append([said(3, "zebulon", at_ms=later_ms + 2 * 10**9)])
    async with Store.opened(tmp_path) as store:
        await erase(store, "company", ACME, before_ms=later_ms + 3 * 10**9)
    assert await asyncio.to_thread(traces, tmp_path, "zebulon") == []


async def test_a_bridge_sends_it_as_moesifs_clients_do(tmp_path: Path) -> None:
    """An update of a user with a company comes over /ingest; other records count, and change nothing."""

    def record(number: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "bridge": {"id": said(number, "").id, "received": "2026-11-01T00:00:00.000Z"},
            "eventType": "record",
            "origin": {"path": path, "record": body},
        }

    sent = [
        record(1, "/v1/users", {"user_id": "zebulon@carbon.super", "company_id": ACME}),
        record(2, "/v1/users", {"user_id": "bob"}),
        record(3, "/v1/companies", {"company_id": ACME, "user_id": "bob"}),
        *calls(1, 0, userName="zebulon"),
        *calls(1, 1, userName="bob"),
    ]
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        headers = {"Content-Type": "application/x-ndjson"}
        body = "\n".join(map(json.dumps, sent))
        async with client.post("/ingest", data=body, headers=headers) as answer:
            assert (await answer.json())["records"] == 3
        asked = {"measures": ["calls"], "by": ["company", "user"], "from": "-10y"}
        async with client.post("/api/query", json=asked) as answer:
            rows = (await answer.json())["rows"]
        assert {(row["user"], row["company"]) for row in rows} == {("zebulon", ACME), ("bob", None)}
        async with client.get("/api/state") as answer:
            books = (await answer.json())["books"]
        assert (books["shown"], books["records"]) == (2, 3)

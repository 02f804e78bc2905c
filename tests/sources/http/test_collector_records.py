"""What Moesif's SDKs send beside events, with the key of a tenant, and what only they tell of an event."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import fittings
from rigs.rig import journalling
from rigs.serving import Serving, serving

from bridge.batches import Batch
from bridge.contracts import Gateway
from bridge.demo.moesif_lookalike import KEY, MoesifLookalike
from bridge.events.origin import RECORD_PATHS
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.sources.http.settings import HttpSourceSettings
from bridge.sources.http.source import HttpSource

Json = dict[str, Any]

USER: Json = {"user_id": "ada", "metadata": {"plan": "gold", "tags": ["ü", None, 1.5]}}
UPSERTS = [path for path in RECORD_PATHS if path != "/v1/actions"]
ACTION: Json = {"action_name": "Paid", "request": {"uri": "https://x/y"}, "user_id": "ada"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as started:
        yield started


def coded(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


async def origins(served: Serving) -> list[Json]:
    """Return the `origin` of every event on disk."""
    return [json.loads(body)["origin"] for body in await served.journalled()]


@pytest.mark.parametrize("path", RECORD_PATHS)
async def test_records_are_answered_as_moesif_does_and_kept_as_they_are(served: Serving, path: str) -> None:
    """One record or an array of them, gzipped or not: 201, and each is on disk as it came (P1)."""
    other = USER | {"user_id": "bob"}
    assert (await served.post(coded(USER), path=path))[:2] == (201, {})
    body = gzip.compress(coded([other, USER | {"n": 2**62}]))
    assert (await served.post(body, path=f"{path}/batch", Content_Encoding="gzip"))[0] == 201
    assert await origins(served) == [
        {"path": path, "record": USER},
        {"path": path, "record": other},
        {"path": path, "record": USER | {"n": 2**62}},
    ]
    assert served.requests(f"{path}/batch", 201) == 1
    assert (await served.post(None, path=path, method="GET"))[0] == 405


@pytest.mark.parametrize("path", UPSERTS)
async def test_a_repeat_of_an_upsert_is_no_duplicate(served: Serving, path: str) -> None:
    """A, B, A within the window ends as A: each says how things are now, also all in one body."""
    first, second = USER, USER | {"metadata": {"plan": "free"}}
    for one in (first, second, first):
        assert (await served.post(coded(one), path=path))[0] == 201
    await served.post(coded([first, second, first]), path=f"{path}/batch")
    assert [origin["record"] for origin in await origins(served)] == [first, second, first] * 2
    assert served.journal.totals.sum("events_duplicate", "http") == 0


async def test_actions_are_known_again_like_events(served: Serving) -> None:
    """An action that is sent again is taken once: by its transaction id, else by the request it came in (P5)."""
    named = ACTION | {"transaction_id": "a3765025-46ec-45dd-bc83-b136c8d1d257"}
    for one in (named, named | {"metadata": {"retry": True}}, ACTION, ACTION, ACTION | {"user_id": "bob"}):
        assert (await served.post(coded(one), path="/v1/actions"))[0] == 201
    assert [origin["record"] for origin in await origins(served)] == [
        named,
        ACTION,
        ACTION | {"user_id": "bob"},
    ]
    assert served.journal.totals.sum("events_duplicate", "http") == 2


async def test_what_is_no_record_is_rejected_alone(served: Serving) -> None:
    """As for events: 201 whatever comes, and what cannot be a record is counted."""
    assert (await served.post(coded([USER, 5, "x"]), path="/v1/users/batch"))[0] == 201
    assert (await served.post(b"nonsense", path="/v1/users"))[0] == 201
    assert len(await served.journalled()) == 1
    assert served.journal.totals.sum("events_rejected", "http") == 3


async def test_records_wait_for_the_journal(served: Serving) -> None:
    """201 comes after the commit (P1), and 503 when there is no room."""
    served.gate.open.clear()
    post = asyncio.create_task(served.post(coded(USER), path="/v1/users"))
    await served.gate.entered.wait()
    assert not post.done()
    served.gate.open.set()
    assert (await post)[0] == 201
    served.gate.full_calls = 1
    assert (await served.post(coded(USER), path="/v1/users"))[0] == 503


async def test_the_senders_key_tells_the_tenant(tmp_path: Path) -> None:
    """A tenant's key lets in, and what came with it is known as that tenant's; the key itself is not kept."""
    async with journalling(tmp_path) as behind:
        source = HttpSource(
            "http",
            HttpSourceSettings.model_validate({"listen": "0.0.0.0:0", "tokens": ["token"]}),
            behind.fittings(sender_keys={"default key": "", "key of acme": "acme.com"}),
        )
        await source.bind()
        served = Serving(source, behind)
        event = {"request": {"uri": "https://x/y", "verb": "GET"}, "metadata": {"plan": "gold"}}
        try:
            for key in ("default key", "key of acme", "token"):
                headers = {"X_Moesif_Application_Id": key}
                assert (await served.post(coded(USER), path="/v1/users", **headers))[0] == 201
                named = coded(event | {"transaction_id": key})
                assert (await served.post(named, path="/v1/events", **headers))[0] == 201
            assert (await served.post(coded(USER), path="/v1/users", X_Moesif_Application_Id="key"))[0] == 401
        finally:
            await served.session.close()
            await source.finish()
        assert [origin.get("tenant") for origin in await origins(served)] == [None] * 2 + ["acme.com"] * 2 + [
            None
        ] * 2
        assert b"key of acme" not in b"".join(
            body for body in await served.journalled() if b"/v1/users" in body
        )


async def test_what_only_an_sdk_tells_arrives(served: Serving) -> None:
    """Session, company, tags, direction and weight of an SDK's event reach Moesif; a weight of 0 is ignored."""
    told: Json = {
        "session_token": "s-1",
        "company_id": "acme",
        "subscription_id": "sub",
        "tags": "a,b",
        "direction": "Outgoing",
        "blocked_by": "rule",
        "user_id": "ada",
    }
    request: Json = {
        "time": "2026-11-21T00:44:34.208",
        "uri": "https://x/y?q=1",
        "verb": "GET",
        "headers": {"User-Agent": "sdk/1"},
    }
    for number, weight in enumerate((0, 1, 4, "4", "many", None)):
        event: Json = {"request": request, "transaction_id": f"{number:08d}-0000-4000-8000-000000000000"}
        await served.post(coded(event | told | {"weight": weight}), path="/v1/events")
    block = list(await served.journalled())
    async with MoesifLookalike() as moesif:
        settings = MoesifSettings.model_validate({"type": "moesif", "base_url": moesif.url, "key": KEY})
        sink = MoesifSink("moesif", settings, fittings(Gateway("gateway-1", None)))
        await sink.send(await sink.encode(Batch([f"{n}" for n in range(6)], block, [0] * 6)))
        await sink.close()
        assert [event.get("weight") for event in moesif.events] == [None, None, 4, 4, None, None]
        for event in moesif.events:
            assert {key: event[key] for key in told} == told
            assert event["request"]["ip_address"] == "0.0.0.0"
            assert event["request"]["uri"] == "https://x/y?q=1"

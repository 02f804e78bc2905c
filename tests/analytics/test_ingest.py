"""POST /ingest and /account, over a real listener."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.country_file import write_countries
from fakes.small_disks import small_disk
from fakes.tagged_events import RECEIVED_MS, calls, recorded_batch, recorded_body
from rigs.analytics_server import listening

from bridge.analytics.server.ingest import received
from bridge.analytics.server.serving import serving
from bridge.analytics.store import Store
from bridge.settings import AnalyticsSettings, BridgeSettings

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    settings = BridgeSettings(
        state_dir=tmp_path, analytics=AnalyticsSettings.model_validate({"listen": "127.0.0.1:0"})
    )
    async with serving(settings) as url, aiohttp.ClientSession(url) as session:
        yield session


async def posted(
    server: aiohttp.ClientSession, body: bytes, headers: dict[str, str], path: str = "/ingest"
) -> tuple[int, dict[str, Any]]:
    async with server.post(path, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_every_form_of_the_http_sink(server: aiohttp.ClientSession) -> None:
    """Lines and arrays, plain and gzip, are the same events."""
    body, count = recorded_body(), len(recorded_batch())
    array = b"[" + b",".join(body.splitlines()) + b"]"
    packed = NDJSON | {"Content-Encoding": "gzip"}
    assert await posted(server, body, NDJSON) == (
        200,
        {"new": count, "known": 0, "old": 0, "erased": 0, "records": 0},
    )
    assert await posted(server, array, JSON) == (
        200,
        {"new": 0, "known": count, "old": 0, "erased": 0, "records": 0},
    )
    assert await posted(server, gzip.compress(body), packed) == (
        200,
        {"new": 0, "known": count, "old": 0, "erased": 0, "records": 0},
    )


async def test_one_absurd_event_harms_no_other(tmp_path: Path) -> None:
    """A time of receipt that no clock has, a size that no answer has: all are kept, shown, rolled up and summed."""
    odd = [*calls(3)]
    odd[0]["bridge"]["received"] = "9999-12-31T23:59:59.999-14:00"
    for one, size in zip(odd, (2**63 - 1, 2**63 - 1, 5), strict=True):
        one["properties"] = {"responseSize": size}
    async with Store.opened(tmp_path) as store:
        assert (await store.append(received(json.dumps(odd).encode(), RECEIVED_MS))).new == 3
        for _ in range(2):
            await store.roll_up(RECEIVED_MS + 10**9)
        assert await store.ask("SELECT sum(calls), sum(response_bytes_sum) FROM rollup_ended", (), 5) == [
            (3, 5)
        ]
        found = await store.events([one["bridge"]["id"] for one in odd])
        assert [one["properties"] for one in found] == [one["properties"] for one in odd]


@pytest.mark.parametrize("level", [0, 2])
async def test_countries_are_looked_up_for_senders_without_one(tmp_path: Path, level: int) -> None:
    """An address without a country gets one from the database, unless nobody may look; the event stays as it came."""
    database = write_countries(tmp_path / "c.mmdb", {"203.0.113.0/24": {"country": {"iso_code": "SE"}}})
    sent: list[dict[str, Any]] = [
        {"userIp": "203.0.113.9"},
        {"userIp": "203.0.113.9", "properties": {"country": "NO"}},
        {"userIp": "198.51.100.1"},
        {"userIp": "UNKNOWN"},
        {},
    ]
    events = [one | said for one, said in zip(calls(len(sent)), sent, strict=True)]
    settings = BridgeSettings.model_validate(
        {
            "state_dir": tmp_path,
            "analytics": {"listen": "127.0.0.1:0"},
            "privacy": {"level": level, "country_database": database},
        }
    )
    async with serving(settings) as url, aiohttp.ClientSession(url) as server:
        await posted(server, json.dumps(events).encode(), JSON)
        question = {"measures": ["calls"], "by": ["country"], "from": "2026-10-01", "to": "2026-12-01"}
        async with server.post("/api/query", json=question) as answer:
            counted = {row["country"]: row["calls"] for row in (await answer.json())["rows"]}
        async with server.get(f"/api/events/{events[0]['bridge']['id']}") as answer:
            assert (await answer.json())["event"] == events[0]
    assert counted == ({"SE": 1, "NO": 1, None: 3} if level == 0 else {"NO": 1, None: 4})


async def test_a_bare_event_gets_the_id_that_a_bridge_would_give(server: aiohttp.ClientSession) -> None:
    """An event from curl, without a `bridge` object, is the one that a bridge has sent."""
    await posted(server, recorded_body(), NDJSON)
    bare = b"\n".join(recorded_batch().bodies)
    assert await posted(server, bare, NDJSON) == (
        200,
        {"new": 0, "known": len(recorded_batch()), "old": 0, "erased": 0, "records": 0},
    )


@pytest.mark.parametrize(
    "form",
    [
        str.upper,
        lambda text: text.replace("-", ""),
        lambda text: f"{{{text}}}",
        lambda text: f"-{text[:8]}{text[9:]}",
    ],
)
async def test_an_id_is_the_same_in_every_spelling(server: aiohttp.ClientSession, form: Any) -> None:
    """Whoever writes an id in another way sends the same event."""
    (event,) = calls(1, 0xABCDEF)
    other = event | {"bridge": event["bridge"] | {"id": form(event["bridge"]["id"])}}
    for body, count in ((event, 1), (other, 0)):
        status, content = await posted(server, json.dumps(body).encode(), NDJSON)
        assert (status, content["new"]) == (200, count)


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"{}", JSON, 400, "event 0: unrecognised"),
        (b'{"bridge":{"id":"no"},"apiName":"A"}', JSON, 400, "event 0: unrecognised: bridge.id is no UUID"),
        (b"[1]", JSON, 400, "event 0: not_an_object"),
        (b"nonsense", NDJSON, 400, "event 0: not_json"),
        (b"x", NDJSON | {"Content-Encoding": "gzip"}, 400, "the body is not gzip"),
        (b"x", NDJSON | {"Content-Encoding": "br"}, 415, "Content-Encoding is br"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "Content-Type is"),
        (
            gzip.compress(bytes(17 * 2**20)),
            NDJSON | {"Content-Encoding": "gzip"},
            413,
            "more than 16777216 bytes",
        ),
    ],
)
async def test_what_is_refused(
    server: aiohttp.ClientSession, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    """What cannot be stored is refused with its reason and a cure."""
    got, content = await posted(server, body, headers)
    assert (got, content["error"][: len(error)]) == (status, error)
    assert content["cure"]


async def test_one_bad_event_keeps_all_out(server: aiohttp.ClientSession) -> None:
    """Nothing of a request is stored that holds one that is refused; the answer names it."""
    body = "\n".join([*map(json.dumps, calls(3)), "{}"]).encode()
    status, content = await posted(server, body, NDJSON)
    assert (status, [one["index"] for one in content["refused"]]) == (400, [3])
    async with server.get("/api/state") as answer:
        assert (await answer.json())["events"] == 0


async def test_the_state_shows_senders_and_books(server: aiohttp.ClientSession) -> None:
    """What a sender says of itself stands beside what the store has."""
    await posted(server, "\n".join(map(json.dumps, calls(3))).encode(), NDJSON)
    account = {"sender": "gateway-1", "instance": "a", "taken": 5, "newest": "2026-11-01T00:00:02.007Z"}
    async with server.get("/api/state") as answer:
        assert (await answer.json())["books"]["taken"] is None
    # The store has more than the first account says: what came since was taken, too.
    for taken, missing in ((2, 0), (5, 2)):
        body = json.dumps(account | {"taken": taken, "sinks": {"analytics": {"pending": 2}}}).encode()
        assert await posted(server, body, JSON, "/account") == (200, {})
        async with server.get("/api/state") as answer:
            state = await answer.json()
        assert state["books"]["missing"] == missing
    assert state["events"] == 3
    assert (state["oldest"], state["newest"]) == ("2026-11-01T00:00:00.007Z", "2026-11-01T00:00:02.007Z")
    assert [(one["name"], one["taken"], one["pending"]) for one in state["senders"]] == [("gateway-1", 5, 2)]
    assert state["books"] == {
        "taken": 5,
        "shown": 3,
        "let_go": 0,
        "too_old": 0,
        "erased": 0,
        "records": 0,
        "missing": 2,
    }


async def test_health_and_metrics(server: aiohttp.ClientSession) -> None:
    """The process says that it is well, and what it has counted."""
    await posted(server, recorded_body(), NDJSON)
    async with server.get("/health") as answer:
        assert (await answer.json())["status"] == "ok"
    async with server.get("/metrics") as answer:
        text = await answer.text()
    assert f"apim_bridge_analytics_events_new_total {float(len(recorded_batch()))}" in text
    assert f"apim_bridge_analytics_events {float(len(recorded_batch()))}" in text
    # Alerts look at these: they are there before anything is counted.
    for status in (400, 413, 415, 503):
        assert f'apim_bridge_analytics_refused_total{{status="{status}"}} 0.0' in text


async def test_metrics_tell_what_is_missing(server: aiohttp.ClientSession) -> None:
    """What a bridge has taken and the store has not is a metric, as in the books."""
    await posted(server, "\n".join(map(json.dumps, calls(3))).encode(), NDJSON)
    account = {"sender": "gateway-1", "instance": "a", "taken": 5}
    await posted(server, json.dumps(account).encode(), JSON, "/account")
    async with server.get("/metrics") as answer:
        assert "apim_bridge_analytics_missing_events 2.0" in await answer.text()


async def test_a_disk_without_room_is_counted(tmp_path: Path) -> None:
    """Events that the disk does not take are answered 503 with the cure, and counted."""
    with small_disk(tmp_path / "disk", 24 * 2**20) as disk:
        async with listening(disk.path) as url, aiohttp.ClientSession(url) as client:
            status, content = await posted(client, json.dumps([*calls(1)]).encode(), JSON)
            assert status == 503
            assert "make room" in content["cure"]
            async with client.get("/metrics") as answer:
                text = await answer.text()
    assert 'apim_bridge_analytics_refused_total{status="503"} 1.0' in text
    assert "apim_bridge_analytics_events_new_total 0.0" in text


async def test_foreign_web_pages_are_turned_away(server: aiohttp.ClientSession) -> None:
    """A page of another origin may neither read nor write."""
    status, _ = await posted(server, recorded_body(), NDJSON | {"Origin": "https://example.com"})
    assert status == 401

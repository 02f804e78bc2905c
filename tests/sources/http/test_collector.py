"""Moesif's collector API: WSO2's own publisher and other SDKs are served as Moesif would serve them."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import SECRET, fittings
from rigs.rig import journalling
from rigs.serving import Serving, serving

from bridge.batches import Batch
from bridge.contracts import Arrival, Gateway
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import JournalError
from bridge.events.event import decode
from bridge.events.ids import event_id
from bridge.events.times import parse_ms
from bridge.formats.moesif.parsing import canonical
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.sources.http.settings import HttpSourceSettings
from bridge.sources.http.source import HttpSource

Json = dict[str, Any]

CASES = ("v1232-ok-200", "next-ok-200", "next-bodies", "v1230-faults-mixed")
OF_THE_CONNECTION = {"Content-Length", "Connection"}
# In each event of WSO2's publisher, whatever the call had.
MADE_UP = {
    ("Cache-Control", "no-cache"),
    ("Vary", "Accept-Encoding"),
    ("Pragma", "no-cache"),
    ("Expires", "-1"),
    ("Content-Type", "application/json; charset=utf-8"),
    ("Content-Type", "application/json"),
    ("User-Agent", "UNKNOWN"),
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as started:
        yield started


def sent(number: int = 1, **metadata: Any) -> Json:
    """Return an event as WSO2's publisher 1.2.32 sends it."""
    return {
        "regexMap": {"request.verb": "GET"},
        "request": {
            "time": "2026-11-21T00:44:34.208",
            "uri": "/pizzashack/1.0.0/order",
            "verb": "GET",
            "headers": {"User-Agent": "curl/8.5.0", "Content-Type": "application/json"},
            "ip_address": "203.0.113.45",
        },
        "response": {"time": "2026-11-21T00:44:34.331", "status": 200, "headers": {"Pragma": "no-cache"}},
        "user_id": "alice",
        "metadata": {
            "apiName": "PizzaShackAPI",
            "apiId": "8a972559-e872-3ce6-bb8f-6edcc2df606a",
            "apiResourceTemplate": "/order",
            "correlationId": f"00000000-0000-4000-8000-{number:012d}",
            "userName": "alice@carbon.super",
            "backendLatency": "114",
            **metadata,
        },
        "transaction_id": f"f7e8923c-ee56-4c0d-ae4f-{number:012d}",
        "weight": 0,
    }


def coded(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def requests_of(recorded: Path, case: str) -> list[Json]:
    """Return what was captured, in order."""
    lines = (recorded / "moesif-publisher" / case / "requests.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def events_in(requests: list[Json]) -> list[Json]:
    """Return the events of captured requests."""
    bodies = [request["body"] for request in requests if request["method"] == "POST"]
    return [event for body in bodies for event in (body if isinstance(body, list) else [body])]


async def delivered(served: Serving) -> list[Json]:
    """Send all that is on disk through the Moesif sink to the look-alike, and return what came there."""
    bodies: list[bytes] = []
    ids: list[str] = []
    seq = 1
    while seq <= served.journal.last_seq:
        block = await served.journal.next_block(seq)
        bodies += block.bodies
        ids += block.ids
        seq = block.seq + 1
    async with MoesifLookalike(key=SECRET) as moesif:
        moesif.knobs.full_uris = False
        settings = MoesifSettings.model_validate({"type": "moesif", "base_url": moesif.url, "key": SECRET})
        sink = MoesifSink("moesif", settings, fittings(Gateway("gateway-1", None)))
        batch = Batch(ids, bodies, [0] * len(ids))
        await sink.send(await sink.encode(batch))
        await sink.close()
        assert moesif.duplicates == 0
        return moesif.events


# What WSO2's publisher really sends


@pytest.mark.parametrize("case", CASES)
async def test_captured_requests_are_answered_as_moesif_answers(
    served: Serving, recorded: Path, case: str
) -> None:
    """Each captured request, headers and all, gets the status that Moesif gave; each event is on disk once (P5)."""
    requests = requests_of(recorded, case)
    for request in requests:
        body = coded(request["body"]) if request["method"] == "POST" else None
        lines = [f"{name}: {value}" for name, value in request["headers"] if name not in OF_THE_CONNECTION]
        head = [f"{request['method']} {request['path']} HTTP/1.1", *lines, "Connection: close"]
        if body is not None:
            head.append(f"Content-Length: {len(body)}")
        answer = await served.raw("\r\n".join([*head, "", ""]).encode() + (body or b""))
        assert answer.startswith(b"HTTP/1.1 %d " % request["replied"]["status"]), answer
        assert b"etag" not in answer.lower()
        assert b"x-moesif" not in answer.lower()
    found = Counter(str(decode(body).correlationId) for body in await served.journalled())
    assert found == Counter({event["metadata"]["correlationId"]: 1 for event in events_in(requests)})


@pytest.mark.parametrize("case", CASES)
async def test_each_captured_event_reaches_moesif_once_and_loses_no_field(
    served: Serving, recorded: Path, case: str
) -> None:
    """What WSO2's publisher says of a call arrives whole; only what it made up does not."""
    events = {event["metadata"]["correlationId"]: event for event in events_in(requests_of(recorded, case))}
    assert (await served.post(coded(list(events.values())), path="/v1/events/batch"))[0] == 201
    arrived = {event["metadata"]["correlationId"]: event for event in await delivered(served)}
    assert arrived.keys() == events.keys()
    for name, event in events.items():
        check_nothing_is_lost(event, arrived[name])


def check_nothing_is_lost(event: Json, arrived: Json) -> None:
    metadata = event["metadata"]
    fault = "errorCode" in metadata
    for side in ("request", "response"):
        for key, value in event[side].items():
            # What was built with the batch, or stands for nothing, is no fact.
            if value not in ("UNKNOWN", "N/A"):
                check_field(event, arrived, side, key)
    if fault:
        assert arrived["response"]["time"] == arrived["request"]["time"]
    for key, value in metadata.items():
        if key in {"requestHeaders", "responseHeaders"}:
            assert arrived[key.removesuffix("Headers")]["headers"].items() >= value.items()
        elif isinstance(value, str) and not isinstance(arrived["metadata"][key], str):
            assert json.dumps(arrived["metadata"][key]) == value
        else:
            assert arrived["metadata"][key] == value, key
    assert arrived.get("weight", 1) == 1
    assert "regexMap" not in arrived
    invented = fault and "userName" not in metadata
    assert arrived["user_id"] == ("UNKNOWN" if invented else event["user_id"])


def check_field(event: Json, arrived: Json, side: str, key: str) -> None:
    before, after = event[side], arrived[side]
    value, template = before[key], event["metadata"].get("apiResourceTemplate", "/")
    if key == "headers":
        assert not value.items() - after["headers"].items() - MADE_UP
    elif key == "time":
        assert after[key].endswith("Z")
        assert parse_ms(after[key]) == parse_ms(value) or (
            side == "response" and "errorCode" in arrived["metadata"]
        )
    elif key == "uri" and "://" not in value and not template.startswith("/"):
        # Operations of GraphQL are no path; an asynchronous API has its kind of message before the path.
        kind, _, path = template.rpartition(":")
        assert after[key] == value.removesuffix(template) + (path if kind else "")
    elif key == "body" and before.get("transfer_encoding") == "base64":
        assert after[key] == value.replace("\n", "")
    else:
        assert after[key] == value, key


async def test_one_body_four_times_at_once_arrives_once(served: Serving, recorded: Path) -> None:
    """Four copies over four connections, as after a reset: 201 each time, each event journalled once (P5)."""
    body = next(r["body"] for r in requests_of(recorded, "v1232-ok-200") if r["path"] == "/v1/events/batch")
    answers = await asyncio.gather(
        *(served.post(coded(body), path="/v1/events/batch") for _ in range(4)),
    )
    assert [answer[0] for answer in answers] == [201] * 4
    assert len(await served.journalled()) == len(body)
    assert len(await delivered(served)) == len(body)
    assert served.journal.totals.sum("events_duplicate", "http") == 3 * len(body)


async def test_a_retry_with_a_new_transaction_id_is_a_duplicate(served: Serving) -> None:
    """WSO2's publisher 1.2 gives a retried event a new transaction_id and, a fault, a new time (P5)."""
    fault = sent(errorCode="900804", errorType="THROTTLED")
    again = fault | {
        "transaction_id": "another",
        "response": fault["response"] | {"time": "2026-11-21T01:00"},
    }
    for event in (fault, again):
        assert (await served.post(coded(event), path="/v1/events"))[0] == 201
    assert len(await served.journalled()) == 1


async def test_the_same_event_by_the_log_and_by_the_publisher_is_one(served: Serving) -> None:
    """Whichever way an event comes, its id is the same, so the second copy is known (P5)."""
    await served.post(coded(sent()), path="/v1/events")
    line = {
        "apiName": "PizzaShackAPI",
        "proxyResponseCode": 200,
        "apiId": "8a972559-e872-3ce6-bb8f-6edcc2df606a",
        "correlationId": "00000000-0000-4000-8000-000000000001",
        "requestTimestamp": "2026-11-21T00:44:34.208Z",
        "backendLatency": 114,
    }
    receipt = await served.behind.gate(Arrival("log", [coded(line)], ["response"], [0], b"file"))
    assert (receipt.accepted, receipt.duplicates) == (0, 1)


async def test_an_sdks_transaction_id_is_its_events_id(served: Serving) -> None:
    """An event of another SDK is known by its transaction_id, which lasts (P5), and Moesif sees that very id."""
    event = sent() | {"metadata": {"plan": "gold"}}
    later = event | {"request": event["request"] | {"body": "more"}}
    for one in (event, later, event | {"transaction_id": "f7e8923c-ee56-4c0d-ae4f-0000000000ff"}):
        assert (await served.post(coded(one), path="/v1/events"))[0] == 201
    arrived = await delivered(served)
    assert [one["transaction_id"] for one in arrived] == [
        event["transaction_id"],
        "f7e8923c-ee56-4c0d-ae4f-0000000000ff",
    ]


# What is answered, whatever comes


async def test_config_and_rules_come_at_once(served: Serving) -> None:
    """The gateway's start waits for these: the same answers always, without an ETag, even if the journal is stuck."""
    served.gate.open.clear()
    waiting = asyncio.create_task(served.post(coded(sent()), path="/v1/events"))
    await served.gate.entered.wait()
    for path, content in (("/v1/config", {"sample_rate": 100}), ("/v1/rules", [])):
        status, answer, headers = await served.post(None, path=path, method="GET")
        assert (status, answer) == (200, content)
        assert not [name for name in headers if "etag" in name.lower() or "moesif" in name.lower()]
        assert served.requests(path, 200) == 1
    served.gate.open.set()
    assert (await waiting)[0] == 201


async def test_201_comes_after_the_commit(served: Serving) -> None:
    """No event is acknowledged before it is on disk (P1)."""
    served.gate.open.clear()
    post = asyncio.create_task(served.post(coded(sent()), path="/v1/events"))
    await served.gate.entered.wait()
    await served.post(None, path="/v1/config", method="GET")  # the server has had every chance to answer
    assert not post.done()
    served.gate.open.set()
    assert (await post)[0] == 201
    assert len(await served.journalled()) == 1


@pytest.mark.parametrize(
    ("body", "headers", "rejected"),
    [
        (b"[]", {}, 0),
        (b"", {}, 0),
        (b"nonsense", {}, 1),
        (b"[1]", {}, 1),
        (b"{}", {}, 1),
        (b'{"request":{}}', {}, 1),
        (b'{"request":5,"response":[]}', {}, 1),
        (coded(sent())[:-20], {}, 1),
        (b"no gzip", {"Content_Encoding": "gzip"}, 1),
        (b"{}", {"Content_Encoding": "br"}, 1),
        (b" " * 5000, {}, 1),
    ],
)
async def test_whatever_comes_is_201(
    tmp_path: Path, body: bytes, headers: dict[str, str], rejected: int
) -> None:
    """The sender would drop or block on any 4xx: bad events are answered with 201, counted and logged."""
    async with serving(tmp_path, max_body_bytes=4000) as served:
        assert (await served.post(body, path="/v1/events/batch", **headers))[0] == 201
        assert served.journal.totals.sum("events_rejected", "http") == rejected
        assert ("http_request_rejected" in served.logged()) is bool(rejected)
        assert (await served.post(coded(sent()), path="/v1/events"))[0] == 201
        assert len(await served.journalled()) == 1


async def test_a_bad_event_loses_nothing_else(served: Serving) -> None:
    """Of a batch with bad events, each bad one is counted alone and each good one is taken."""
    events = [sent(1), {"a": 1}, sent(2) | {"unknown": [1]}, 5, sent(3)]
    assert (await served.post(coded(events), path="/v1/events/batch"))[0] == 201
    assert len(await served.journalled()) == 3
    assert served.journal.totals.sum("events_rejected", "http") == 2


@pytest.mark.parametrize(
    "path",
    ["//v1/events", "/v1//events/batch", "/collector/v1/events", "/v1/v1/events", "/a//v1/events?b=/v1/"],
)
async def test_a_base_url_with_a_path_of_its_own_works(served: Serving, path: str) -> None:
    """A prefix, a doubled slash and gzip are as good as the plain form."""
    body = gzip.compress(coded([sent()]))
    assert (await served.post(body, path=path, Content_Encoding="gzip"))[0] == 201
    assert len(await served.journalled()) == 1
    assert (await served.post(None, path="/a//v1/config", method="GET"))[:2] == (200, {"sample_rate": 100})


async def test_what_is_not_there_is_404(served: Serving) -> None:
    """Other paths of Moesif's API are not served, and a wrong method is 405."""
    assert (await served.post(b"{}", path="/v1/user"))[0] == 404
    assert (await served.post(b"{}", path="/v1/events/other"))[0] == 404
    status, _, headers = await served.post(None, path="/v1/events", method="GET")
    assert (status, headers["Allow"]) == (405, "POST")


async def test_503_when_full_and_when_the_journal_fails(served: Serving) -> None:
    """With a full or broken journal nothing is taken, and the sender is told to retry; then it goes on."""
    served.gate.full_calls = 1
    status, _, headers = await served.post(coded(sent()), path="/v1/events")
    assert (status, headers["Retry-After"]) == (503, "7")
    served.gate.fail_call, served.gate.failure = 2, JournalError("disk")
    assert (await served.post(coded(sent()), path="/v1/events"))[0] == 503
    assert (await served.post(coded(sent()), path="/v1/events"))[0] == 201
    assert {"http_waits_for_journal", "http_goes_on"} <= set(served.logged())


async def test_bodies_in_flight_have_a_budget(tmp_path: Path) -> None:
    """A large body is taken alone; beside it another one is 503, not lost (P8)."""
    large = sent(1, note="x" * 30_000)
    async with serving(tmp_path, in_flight_bytes=10_000) as served:
        served.gate.open.clear()
        first = asyncio.create_task(served.post(coded(large), path="/v1/events"))
        await served.gate.entered.wait()
        status, _, headers = await served.post(coded(sent(3, note="x" * 30_000)), path="/v1/events")
        assert (status, headers["Retry-After"]) == (503, "1")
        assert "http_too_much_at_once" in served.logged()
        served.gate.open.set()
        assert (await first)[0] == 201
        assert (await served.post(coded(sent(2)), path="/v1/events"))[0] == 201
        assert len(await served.journalled()) == 2


async def test_a_body_of_many_megabytes_is_taken(served: Serving) -> None:
    """A batch larger than any portion is taken whole, each event once."""
    events = [sent(number, note="x" * 5000) for number in range(600)]
    assert (await served.post(coded(events), path="/v1/events/batch"))[0] == 201
    assert len(await served.journalled()) == 600


# Who may send


async def test_any_key_will_do_on_loopback(tmp_path: Path) -> None:
    """Only this machine can reach it: whatever key the gateway was given is let in, with tokens set too."""
    async with serving(tmp_path, tokens=["token"]) as served:
        for number, key in enumerate(("", "anything", "N/A")):
            headers = {"X_Moesif_Application_Id": key} if key else {}
            assert (await served.post(coded(sent(number)), path="/v1/events", **headers))[0] == 201
        assert (await served.post(coded(sent(9))))[0] == 401


async def test_elsewhere_only_known_keys_are_let_in(tmp_path: Path) -> None:
    """Beyond loopback the key must be moesifKey or a token; another one is 401, counted and said."""
    async with journalling(tmp_path) as behind:
        source = HttpSource(
            "http",
            HttpSourceSettings.model_validate({"listen": "0.0.0.0:0", "tokens": ["token", "zweitér"]}),
            behind.fittings(sender_keys={"the moesif key": ""}),
        )
        await source.bind()
        served = Serving(source, behind)
        try:
            for key in ("", "wrong", "the moesif key 2", "TOKEN", "Bearer token"):
                headers = {"X_Moesif_Application_Id": key} if key else {}
                for path, method in (
                    ("/v1/events/batch", "POST"),
                    ("/v1/config", "GET"),
                    ("/v1/rules", "GET"),
                ):
                    assert (await served.post(coded(sent()), path=path, method=method, **headers))[0] == 401
            assert served.requests("/v1/events/batch", 401) == 5
            assert "http_request_unauthorised" in served.logged()
            assert await served.journalled() == []
            for number, key in enumerate(("the moesif key", "token", "zweitér")):
                headers = {"X_Moesif_Application_Id": key}
                assert (await served.post(coded(sent(number)), path="/v1/events", **headers))[0] == 201
            assert len(await served.journalled()) == 3
        finally:
            await served.session.close()
            await source.finish()


# Two User-Agent headers


def twice(body: bytes) -> bytes:
    """Return a request as Moesif's Java SDK sends it, on a connection that stays open."""
    lines = [
        "POST /v1/events HTTP/1.1",
        "User-Agent: moesifapi-java/unknown",
        "user-agent: unirest-java/1.3.11",
        "Host: bridge",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_two_user_agents_in_any_pieces(served: Serving) -> None:
    """WSO2's publisher sends two of them; wherever the network cuts, each request is taken, one after another."""
    body = coded(sent(1, note="\nuser-agent: a\nuser-agent: b"))
    whole = twice(body)
    reader, writer = await served.connect()
    for cut in range(1, len(whole) - len(body) + 2):
        writer.write(whole[:cut])
        await asyncio.sleep(0)
        await served.post(None, path="/v1/config", method="GET")  # the first piece has been read
        writer.write(whole[cut:])
        assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 201 "), cut
    writer.close()
    (journalled,) = await served.journalled()
    assert json.loads(journalled)["properties"]["note"] == "\nuser-agent: a\nuser-agent: b"


async def test_a_piece_of_a_body_is_no_head(served: Serving) -> None:
    """What looks like a head at the beginning of a piece of a body stays as it is."""
    note = b"POST / \nuser-agent: a\nuser-agent: b"
    first, rest = b'{"correlationId":"c","apiName":"', note + b'"}'
    length = len(first) + len(rest)
    head = b"POST /events HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n" % length
    reader, writer = await served.connect(head + first)
    await served.post(None, path="/v1/config", method="GET")  # the first piece has been read
    writer.write(rest)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    writer.close()
    (journalled,) = await served.journalled()
    assert json.loads(journalled)["apiName"] == note.decode()


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Content-Type"])
async def test_other_headers_still_stand_once(served: Serving, name: str) -> None:
    """Two lengths or two hosts remain an error: they are how requests are smuggled."""
    head = f"POST /v1/events HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\nContent-Type: a/b\r\n{name}: 2\r\n\r\n[]"
    assert (await served.raw(head.encode())).startswith(b"HTTP/1.1 400 ")


def test_ids_by_log_and_publisher_agree_on_all_that_was_captured(recorded: Path) -> None:
    """For each captured event, the log's form of the same call has the same id (P5)."""
    for case in CASES:
        for event in events_in(requests_of(recorded, case)):
            metadata = event["metadata"]
            # As `OffsetDateTime.toString()` writes it into the log.
            time = event["request"]["time"].removesuffix(".000").removesuffix(":00") + "Z"
            line = {"requestTimestamp": time, "proxyResponseCode": event["response"]["status"]} | {
                key: metadata[key] for key in ("apiId", "correlationId", "errorType") if key in metadata
            }
            assert event_id(decode(coded(canonical(event)))) == event_id(decode(coded(line)))

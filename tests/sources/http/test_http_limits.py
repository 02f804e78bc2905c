"""What one request may hold: however much a sender puts into a few bytes, the others are served throughout (P8)."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from rigs.events import event
from rigs.serving import Serving, request, serving

from bridge.events.sizes import MAX_EVENT_BYTES, MAX_EVENT_VALUES
from bridge.transports.http.inflating import MOST_MEMBERS


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as started:
        yield started


def numbers() -> bytes:
    return gzip.compress(b"[" + b"1," * 7_000_000 + b"1]", 1)


def empty_objects() -> bytes:
    return gzip.compress(b"{}" * 7_000_000, 1)


def brackets() -> bytes:
    return gzip.compress(b"[" * 15_000_000, 1)


def lines() -> bytes:
    return gzip.compress(b"{}\n" * 4_000_000, 1)


def quotes() -> bytes:
    return gzip.compress(b'["",' + b'"",' * 4_000_000, 1)


def members() -> bytes:
    return gzip.compress(b"") * (MOST_MEMBERS + 1)


@pytest.mark.parametrize(
    ("packed", "path", "status", "word"),
    [
        pytest.param(numbers, "/events", 400, "things", id="numbers"),
        pytest.param(empty_objects, "/events", 400, "things", id="empty objects"),
        pytest.param(lines, "/events", 400, "things", id="lines"),
        pytest.param(brackets, "/events", 400, "", id="brackets"),
        pytest.param(quotes, "/events", 400, "", id="texts"),
        pytest.param(members, "/events", 413, f"{MOST_MEMBERS} members", id="empty members"),
        pytest.param(numbers, "/traffic-log", 400, "things", id="traffic log"),
        pytest.param(numbers, "/v1/events", 400, "things", id="Moesif"),
        pytest.param(numbers, "/firehose", 400, "", id="Firehose"),
    ],
)
async def test_a_small_request_with_too_much_in_it_is_refused(
    served: Serving, packed: Callable[[], bytes], path: str, status: int, word: str
) -> None:
    """What unpacks to millions of values that are not events is refused after a few; others are served."""
    body = await asyncio.to_thread(packed)
    bomb = asyncio.create_task(served.post(body, path=path, Content_Encoding="gzip"))
    number = 0
    while not bomb.done():
        number += 1
        assert (await served.post(event(number)))[0] == 202
    answered, content, _ = await bomb
    assert answered == status
    assert word in json.dumps(content)
    assert served.journal.totals.sum("events_rejected") < 10_000
    assert len(await served.journalled()) == number


async def test_more_events_than_a_request_may_have(served: Serving) -> None:
    """A request with more events than that is 413 with the limit in words; what was taken is a duplicate later."""
    served.source._reception.most_events = 100
    body = b"[" + b",".join(event(n, userAgent="x" * 2000) for n in range(101)) + b"]"
    status, content, _ = await served.post(body)
    assert (status, content["error"].startswith("more than 100 events")) == (413, True)
    assert (await served.post(event(7, userAgent="x" * 2000)))[1]["duplicates"] == 1


async def test_more_events_than_an_sdk_may_send_at_a_time(served: Serving) -> None:
    """A Moesif SDK is told, too: nothing behind the limit is called taken, and nothing is a rejected event."""
    served.source._reception.most_events = 100
    body = b"[" + b",".join(b'{"request":{"uri":"/%d"}}' % n + b" " * 2000 for n in range(5000)) + b"]"
    status, content, _ = await served.post(body, path="/v1/events/batch")
    assert (status, content["error"].startswith("more than 100 events")) == (413, True)
    assert content["cure"] == "send fewer events in one request"
    assert served.journal.totals.sum("events_rejected") == 0
    assert 100 < len(await served.journalled()) < 5000


async def test_large_bodies_leave_room_to_others(served: Serving) -> None:
    """While large requests are taken, portion by portion, small ones are taken in between."""
    large = b"[" + b",".join(event(n, userAgent="x" * 500) for n in range(1000, 11_000)) + b"]"
    posts = [asyncio.create_task(served.post(large.replace(b"-8000-", b"-800%d-" % n))) for n in range(3)]
    small = 0
    while not all(post.done() for post in posts):
        small += 1
        assert (await served.post(event(small)))[0] == 202
    assert {(await post)[0] for post in posts} <= {202, 503}
    assert small > 5


async def test_work_ends_with_its_sender(served: Serving) -> None:
    """A sender that goes away in the middle of a large request ends the work; what is on disk by then stays."""
    events = [event(n, userAgent="x" * 900) for n in range(5000)]
    served.gate.open.clear()
    _, writer = await served.connect(request(b"[" + b",".join(events) + b"]"))
    await served.gate.entered.wait()
    writer.transport.abort()
    await served.post(b"", method="GET")
    served.gate.open.set()
    assert (await served.post(event(6000)))[0] == 202
    await asyncio.sleep(0)
    while served.source._busy:
        await served.post(b"", method="GET")
        break
    assert len(await served.journalled()) < 3000


def many_keys() -> bytes:
    return b'{"correlationId":"large",' + b",".join(b'"k%d":1' % n for n in range(MAX_EVENT_VALUES)) + b"}"


@pytest.mark.parametrize("path", ["/events", "/v1/events", "/traffic-log", "/firehose"])
@pytest.mark.parametrize(
    ("large", "reason"),
    [
        pytest.param(many_keys, "too_many_values", id="keys"),
        pytest.param(
            lambda: b'{"correlationId":"large","userAgent":"%b"}' % (b"x" * MAX_EVENT_BYTES),
            "too_long",
            id="bytes",
        ),
    ],
)
async def test_an_event_has_a_greatest_size_on_every_path(
    tmp_path: Path, path: str, large: Callable[[], bytes], reason: str
) -> None:
    """An event with more keys or bytes than any event may have is rejected alone, by its reason, on every path."""
    body = large()
    headers = {}
    if path == "/firehose":
        headers = {"X_Amz_Firehose_Protocol_Version": "1.0", "X_Amz_Firehose_Request_Id": "1"}
        good = b'{"requestId":"1","httpMethod":"GET"}'
        records = [{"data": base64.b64encode(one).decode()} for one in (good, body)]
        body = json.dumps({"records": records}).encode()
    async with serving(tmp_path, max_body_bytes="32MiB") as served:
        status, _, _ = await served.post(body, path=path, **headers)
        assert status in {200, 201, 202, 400}
        rejected = {reason: count for (_, reason), count in served.journal.totals.items("events_rejected")}
        assert rejected == {reason: 1}


async def test_large_events_are_taken_whole(served: Serving) -> None:
    """An event that is large and yet no larger than it may be is taken, by the fast way and by the other."""
    known = event(1, userAgent="x" * 300_000)
    unknown = event(2, more={f"k{n}": n for n in range(30_000)})
    in_texts = event(3, userAgent="[1,2]," * 50_000)
    for body in (known, unknown, in_texts):
        assert (await served.post(body))[0] == 202
    assert await served.journalled() == [known, unknown, in_texts]


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate, chunked", "GZIP,chunked"])
async def test_transfer_codings_are_refused(served: Serving, coding: str) -> None:
    """A body with a compressed transfer coding is never taken for plain: 501 (RFC 9112, section 6.1)."""
    body = event(1)
    head = b"POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %b\r\n\r\n" % coding.encode()
    answer = await served.raw(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert await served.journalled() == []


async def test_senders_that_trickle_bodies_give_way(tmp_path: Path) -> None:
    """Bodies that come a little at a time hold their room only until somebody needs it."""
    async with serving(tmp_path, in_flight_bytes="1KB") as served:
        room = served.source._reception._room
        room.stalled_seconds = 0.05
        # Far more is missing than can trickle in before it gives way.
        reader, writer = await served.connect(request(b"x" * 1_000_000)[:-995_400])
        ended = asyncio.create_task(reader.read())
        body = event(1, userAgent="x" * 1600)
        status = 503
        while status == 503:
            writer.write(b"x")
            status = (await served.post(body))[0]
        assert status == 202
        assert (await ended).startswith(b"HTTP/1.1 408 ")
        writer.close()

"""The HTTP source over real sockets: what it takes, what it answers, and what no sender can do to it."""

import asyncio
import gc
import gzip
import json
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rigs.events import event
from rigs.serving import Serving, request, serving
from rigs.waiting import until

from bridge.errors import JournalError, JournalWaits, SettingsError
from bridge.sources.http.settings import HttpSourceSettings

ONE = {"accepted": 1, "duplicates": 0, "rejected": []}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as started:
        yield started


# What is taken


@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param(event(1), 1, id="one"),
        pytest.param(b"[%b,%b]" % (event(1), event(2)), 2, id="array"),
        pytest.param(b"%b\n%b\n" % (event(1), event(2)), 2, id="lines"),
        pytest.param(b'{"apim_event_response":%b}' % event(1), 1, id="wrapped"),
        pytest.param(b'{"apim_event_response":[%b,%b]}' % (event(1), event(2)), 2, id="wrapped array"),
        pytest.param(b"[]", 0, id="empty array"),
    ],
)
async def test_every_form_is_taken(served: Serving, body: bytes, count: int) -> None:
    """One event, an array, lines, bare or wrapped: 202 with counts, and each event's own bytes are on disk."""
    status, content, headers = await served.post(body)
    assert (status, content) == (202, {"accepted": count, "duplicates": 0, "rejected": []})
    assert headers["Content-Type"] == "application/json"
    assert await served.journalled() == [event(n + 1) for n in range(count)]


async def test_a_wrapper_decides_the_kind(served: Serving) -> None:
    """An event from `apim_event_faulty` is a fault even where its own fields do not say so."""
    await served.post(b'{"apim_event_faulty":%b}' % event(1))
    (journalled,) = await served.journalled()
    assert json.loads(journalled)["eventType"] == "fault"


async def test_content_type_is_never_demanded(served: Serving) -> None:
    """Lines called JSON, and an event called text, are taken for what they are."""
    body = b"%b\n%b" % (event(1), event(2))
    assert (await served.post(body, Content_Type="application/json"))[1]["accepted"] == 2
    assert (await served.post(event(3), Content_Type="text/plain"))[1]["accepted"] == 1
    assert (await served.post(event(4), Content_Type="application/x-ndjson"))[1]["accepted"] == 1


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity"])
async def test_gzip_is_taken(served: Serving, encoding: str) -> None:
    """A body under gzip is unpacked."""
    body = event(1) if encoding == "identity" else gzip.compress(event(1))
    assert (await served.post(body, Content_Encoding=encoding))[:2] == (202, ONE)
    assert await served.journalled() == [event(1)]


async def test_a_chunked_body_is_taken(served: Serving) -> None:
    """A body without a length, sent piece by piece, is one body."""

    async def pieces() -> AsyncIterator[bytes]:
        for byte in event(1):
            yield bytes([byte])

    assert (await served.post(pieces()))[:2] == (202, ONE)
    assert await served.journalled() == [event(1)]


async def test_a_sender_that_asks_first_is_told_to_go_on(served: Serving) -> None:
    """`Expect: 100-continue`, as curl sends it with large bodies, is answered before the body is there."""
    head, _, body = request(event(1), "Expect: 100-continue").partition(b"\r\n\r\n")
    reader, writer = await served.connect(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    writer.close()


# What is answered, and when


async def test_202_comes_after_the_commit(served: Serving) -> None:
    """No answer leaves before the event is on disk (P1)."""
    served.gate.open.clear()
    reader, writer = await served.connect(request(event(1)))
    await served.gate.entered.wait()
    answer = asyncio.create_task(reader.readline())
    await served.post(b"", method="GET")  # the server has had every chance to answer
    assert not answer.done()
    served.gate.open.set()
    assert (await answer).startswith(b"HTTP/1.1 202 ")
    assert await served.journalled() == [event(1)]
    writer.close()


async def test_requests_at_the_same_time_share_commits(served: Serving) -> None:
    """Many requests wait for few transactions."""
    served.gate.open.clear()
    posts = [asyncio.create_task(served.post(event(n))) for n in range(50)]
    while served.gate.waiting < len(posts):
        served.gate.entered.clear()
        await served.gate.entered.wait()
    served.gate.open.set()
    assert {(await post)[0] for post in posts} == {202}
    assert served.journal.last_seq < len(posts) / 2
    assert sorted(await served.journalled()) == sorted(event(n) for n in range(50))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[%b,%b]" % (event(1), event(2)), id="with correlation ids"),
        pytest.param(b'{"apiName":"a"}\n{"apiName":"a"}', id="without"),
    ],
)
async def test_a_repeated_request_gives_duplicates(served: Serving, body: bytes) -> None:
    """The same request again is answered 202, and its events are journalled once (P5)."""
    assert (await served.post(body))[1] == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert (await served.post(body))[:2] == (202, {"accepted": 0, "duplicates": 2, "rejected": []})
    assert len(await served.journalled()) == 2


async def test_rejected_events_are_named_by_index(served: Serving) -> None:
    """Good events of a request are taken; each bad one is named with its place, its reason and a detail."""
    body = b'[%b,5,{"apim_event_response":[%b,{"a":1}]},nonsense,%b]' % (event(1), event(2), event(3))
    status, content, _ = await served.post(body)
    assert (status, content["accepted"]) == (202, 3)
    assert [(one["index"], one["reason"]) for one in content["rejected"]] == [
        (1, "not_an_object"),
        (3, "unrecognised"),
        (4, "not_json"),
    ]
    assert all(one["detail"] for one in content["rejected"])
    assert await served.journalled() == [event(1), event(2), event(3)]


async def test_what_cannot_be_told_apart_has_its_index_too(served: Serving) -> None:
    """A broken array among lines takes one index, and the list is in the order of the request."""
    content = (await served.post(b"%b\n[%b\n5\n%b\n" % (event(1), event(2), event(3))))[1]
    assert content["accepted"] == 2
    assert [(one["index"], one["reason"]) for one in content["rejected"]] == [
        (1, "not_json"),
        (2, "not_an_object"),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nonsense", "not_json"),
        (b"[1]", "not_an_object"),
        (b'{"a":1}', "unrecognised"),
        (b"[" * 5000 + b"]" * 5000, "too_deep"),
        (b'{"apiName":%b}' % (b"[" * 5000 + b"]" * 5000), "too_deep"),
        (b"[%b" % event(1), "not_json"),
    ],
)
async def test_400_when_nothing_was_good(served: Serving, body: bytes, reason: str) -> None:
    """A request without one good event is 400, in the same words, and is counted."""
    status, content, _ = await served.post(body)
    assert (status, content["accepted"], content["duplicates"]) == (400, 0, 0)
    assert [(one["index"], one["reason"]) for one in content["rejected"]] == [(0, reason)]
    assert served.journal.totals.sum("events_rejected", "http") == 1


async def test_a_long_list_of_rejected_events_is_cut(served: Serving) -> None:
    """Only the first hundred are named; the number of all is given."""
    content = (await served.post(b"[%b%b]" % (event(1), b",5" * 150)))[1]
    assert [one["index"] for one in content["rejected"]] == list(range(1, 101))
    assert content["rejected_total"] == 150


async def test_an_empty_body_is_400(served: Serving) -> None:
    """No body and a blank one say what should be there."""
    for body in (b"", b" \r\n"):
        status, content, _ = await served.post(body)
        assert (status, set(content)) == (400, {"error", "cure"})


async def test_other_paths_and_methods(served: Serving) -> None:
    """404 for other paths, 405 with Allow for other methods, and HEAD gets no body."""
    assert (await served.post(event(1), path="/event"))[0] == 404
    assert (await served.post(event(1), path="/events/"))[0] == 404
    status, content, headers = await served.post(b"", method="PUT")
    assert (status, headers["Allow"], set(content)) == (405, "POST", {"error", "cure"})
    assert (await served.post(None, method="HEAD"))[:2] == (405, None)
    assert (await served.post(event(1), path="/events?from=test"))[0] == 202
    assert served.requests("/events", 405) == 2
    assert served.requests("other", 404) == 2
    assert served.requests("/events", 202) == 1


async def test_tokens(tmp_path: Path) -> None:
    """With tokens, a request without one of them is 401 and nothing of it is taken."""
    async with serving(tmp_path, tokens=["first", "zweitér"]) as served:
        for authorization in ("", "Bearer", "Bearer wrong", "Basic first", "first", "Bearer first second"):
            status, content, headers = await served.post(event(1), Authorization=authorization)
            assert (status, set(content)) == (401, {"error", "cure"})
            assert headers["WWW-Authenticate"].startswith("Bearer")
        assert (await served.post(event(1)))[0] == 401
        assert await served.journalled() == []
        for number, authorization in enumerate(("Bearer first", "bearer first", "BEARER  zweitér")):
            assert (await served.post(event(number), Authorization=authorization))[0] == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example", "Content_Type": "text/plain"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "rebind.evil.example"}, 421),
        ({"Host": "bridge.example.com", "Origin": "https://bridge.example.com"}, 0),
        ({"Host": "127.0.0.1"}, 0),
    ],
)
async def test_foreign_web_pages_cannot_post(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    """Without tokens no foreign web page can send events, on any path; with tokens, the token decides."""
    record = b'{"request": {"time": "2026-11-21T00:16:33.310Z", "uri": "/a", "verb": "GET"}}'
    firehose = {"X_Amz_Firehose_Protocol_Version": "1.0", "X_Amz_Firehose_Request_Id": "1"}
    bearer = {"Authorization": "Bearer first"}
    paths = (("/events", event(1), 202), ("/v1/events", record, 201), ("/traffic-log", b"{}", 400))
    async with serving(tmp_path, hosts=["bridge.example.com"]) as served:
        for path, body, usual in (*paths, ("/nowhere", b"", 404), ("/firehose", b'{"records": []}', 200)):
            answer = await served.post(body, path=path, **firehose, **headers)
            assert answer[0] == (status or usual), path
            if status and path != "/firehose":
                assert "hosts in [bridge.sources.http]" in answer[1]["cure"]
        assert len(await served.journalled()) == (0 if status else 2)
        assert ("http_request_from_stranger" in served.logged()) == bool(status)
    async with serving(tmp_path, tokens=["first"]) as served:
        assert (await served.post(event(2), **bearer, **headers))[0] == 202
        # Whatever key a collector's sender on this machine brings will do: for it the door is open.
        assert (await served.post(record, path="/v1/events", **headers))[0] in (status or 421, 201)


async def test_unknown_encodings_are_415(served: Serving) -> None:
    """Only gzip is unpacked; the answer says so."""
    for encoding in ("deflate", "br", "zstd", "gzip, gzip", "ä"):
        status, _, headers = await served.post(zlib.compress(event(1)), Content_Encoding=encoding)
        assert (status, headers["Accept-Encoding"]) == (415, "gzip")


@pytest.mark.parametrize(
    "packed", [event(1), b"{}", gzip.compress(event(1))[:-3], gzip.compress(event(1)) + b"{}"]
)
async def test_broken_gzip_is_400(served: Serving, packed: bytes) -> None:
    """A body that is not what its Content-Encoding says is refused as a whole."""
    assert (await served.post(packed, Content_Encoding="gzip"))[0] == 400
    assert await served.journalled() == []


async def test_too_large_bodies_are_413(tmp_path: Path) -> None:
    """A body beyond the limit is refused: announced, in chunks, or unpacked; and the connection serves on."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 1000

    async with serving(tmp_path, max_body_bytes="100KB") as served:
        assert (await served.post(b" " * 100_001))[0] == 413
        assert (await served.post(chunks()))[0] == 413
        assert (await served.post(gzip.compress(b" " * 100_001), Content_Encoding="gzip"))[0] == 413
        assert (await served.post(event(1) + b" " * (100_000 - len(event(1)))))[:2] == (202, ONE)


async def test_an_announced_size_is_refused_before_it_is_sent(served: Serving) -> None:
    """A sender that announces too much is refused at once."""
    reader, writer = await served.connect(
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_gzip_bomb_takes_no_memory(tmp_path: Path) -> None:
    """A few bytes that unpack to very many get 413 before they are unpacked (P8)."""
    bomb = gzip.compress(bytes(200 * 2**20), 9)
    async with serving(tmp_path, max_body_bytes="1MiB") as served:
        tracemalloc.start()
        try:
            assert (await served.post(bomb, Content_Encoding="gzip"))[0] == 413
            assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
        finally:
            tracemalloc.stop()


# When the bridge cannot take it


async def test_503_while_the_journal_is_full(served: Serving) -> None:
    """A full journal is 503 with Retry-After; the same request is taken when there is room."""
    served.gate.full_calls = 2
    status, content, headers = await served.post(event(1))
    assert (status, headers["Retry-After"], set(content)) == (503, "7", {"error", "cure"})
    assert (await served.post(b"[]"))[0] == 202, "it needs no room, and says nothing of it"
    assert (await served.post(event(1)))[0] == 503
    assert (await served.post(event(1)))[:2] == (202, ONE)
    assert [name for name in served.logged() if name.startswith("http")] == [
        "http_listening",
        "http_waits_for_journal",
        "http_goes_on",
    ]


async def test_503_says_what_keeps_the_journal(served: Serving) -> None:
    """A journal that somebody locks is not full: the 503 says what it is, without paths and processes."""
    served.gate.fail_call = 1
    served.gate.failure = JournalWaits("process 7 (sqlite3) holds /var/x; end it", 9, reason="locked")
    status, content, headers = await served.post(event(1))
    assert (status, headers["Retry-After"]) == (503, "9")
    assert content["error"] == "another program holds the journal's write lock"
    assert "/var/x" not in str(content)
    assert (await served.post(event(1)))[0] == 202


@pytest.mark.parametrize(
    ("failure", "expected"), [(JournalError("/var/x"), 503), (ValueError("/var/x"), 500)]
)
async def test_a_failure_tells_nothing_of_the_house(
    served: Serving, failure: Exception, expected: int
) -> None:
    """What breaks inside becomes a plain answer, without the error's text, and is logged; the sender may retry."""
    served.gate.fail_call, served.gate.failure = 1, failure
    status, content, _ = await served.post(event(1))
    assert status == expected
    assert "/var/x" not in json.dumps(content)
    assert "http_request_failed" in served.logged()
    assert (await served.post(event(1)))[:2] == (202, ONE)


async def test_a_large_request_goes_to_disk_in_portions(served: Serving) -> None:
    """When one portion fails the whole is 503; sent again, what was taken is a duplicate, and nothing is lost."""
    events = [event(number, userAgent="x" * 900) for number in range(3000)]
    body = b"[" + b",".join(events) + b"]"
    served.gate.fail_call, served.gate.failure = 2, JournalError("disk")
    assert (await served.post(body))[0] == 503
    taken = len(await served.journalled())
    assert 0 < taken < 3000
    status, content, _ = await served.post(body)
    assert (status, content) == (202, {"accepted": 3000 - taken, "duplicates": taken, "rejected": []})
    assert await served.journalled() == events


async def test_bodies_share_their_room(tmp_path: Path) -> None:
    """Beyond `in_flight_bytes` one body at a time is taken; the next is 503, and small ones go on (P8)."""
    async with serving(tmp_path, in_flight_bytes="4KB") as served:
        served.gate.open.clear()
        large = asyncio.create_task(served.post(event(1, userAgent="x" * 5000)))
        await served.gate.entered.wait()
        again = asyncio.create_task(served.post(event(2, userAgent="x" * 2500)))
        await until(lambda: served.gate.waiting == 2)
        status, _, headers = await served.post(event(3, userAgent="x" * 2500))
        assert (status, headers["Retry-After"]) == (503, "1")
        small = asyncio.create_task(served.post(event(4)))
        await until(lambda: served.gate.waiting == 3)
        served.gate.open.set()
        assert [(await one)[0] for one in (large, again, small)] == [202, 202, 202]


async def test_stalled_uploads_give_way(tmp_path: Path) -> None:
    """Bodies that stop coming hold their room only until somebody needs it; they get 408, and are not taken."""
    async with serving(tmp_path, in_flight_bytes="1KB") as served:
        reader, writer = await served.connect(request(b"x" * 5000)[:-100])
        room = served.source._reception._room
        await until(lambda: room.coming)
        body = event(1, userAgent="x" * 1600)
        assert (await served.post(body))[0] == 503
        room.stalled_seconds = 0
        assert (await served.post(body))[:2] == (202, ONE)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        assert await served.journalled() == [body]
        assert not room.coming
        writer.close()


async def test_large_bodies_leave_their_room_to_the_next(served: Serving) -> None:
    """One large request after the other is taken: none holds room when it is answered (P8)."""
    for number in range(5):
        assert (await served.post(event(number) + b" " * 2**20))[:2] == (202, ONE)


async def test_finish_answers_what_is_on_its_way_and_refuses_the_rest(served: Serving) -> None:
    """At the stop: no new connection, 503 on old ones, and 202 for the request that was being committed (P1)."""
    idle_reader, idle_writer = await served.connect(request(event(1)))
    await idle_reader.readuntil(b"]}")
    served.gate.open.clear()
    served.gate.entered.clear()
    reader, writer = await served.connect(request(event(2)))
    await served.gate.entered.wait()
    finishing = asyncio.create_task(served.source.finish())
    await asyncio.sleep(0)
    with pytest.raises(ConnectionError):
        await served.connect()
    idle_writer.write(request(event(3)))
    refused = await idle_reader.read()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5\r\n" in refused
    assert b"Connection: close\r\n" in refused
    assert not finishing.done()
    served.gate.open.set()
    assert (await reader.read()).startswith(b"HTTP/1.1 202 ")
    await finishing
    assert await served.journalled() == [event(1), event(2)]
    writer.close()
    idle_writer.close()


# What no sender can do to it


async def test_a_slow_body_is_cut_off_and_holds_nobody_up(tmp_path: Path) -> None:
    """Half a request blocks no other; after `request_timeout` it is 408 and its connection is closed."""
    async with serving(tmp_path, request_timeout=0.2) as served:
        slow = asyncio.create_task(served.raw(request(event(1))[:-5]))
        assert (await served.post(event(2)))[:2] == (202, ONE)
        answer = await slow
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Connection: close\r\n" in answer
        assert await served.journalled() == [event(2)]


@pytest.mark.parametrize("sent", [b"", b"POST /events HTT", b"POST /events HTTP/1.1\r\nHost:"])
async def test_a_connection_without_a_request_is_closed(tmp_path: Path, sent: bytes) -> None:
    """Nothing, or half a head, is cut off after `idle_timeout`."""
    async with serving(tmp_path, idle_timeout=0.2) as served:
        assert await served.raw(sent) == b""


async def test_a_head_that_comes_byte_by_byte_is_cut_off(tmp_path: Path) -> None:
    """Sending a little now and then does not keep a connection open: the whole head has `idle_timeout`."""
    async with serving(tmp_path, idle_timeout=0.3) as served:
        reader, writer = await served.connect(b"POST /events HTTP/1.1\r\nHost: a\r\nX: ")
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait((ended,), timeout=0.02)
        assert ended.exception() is not None or ended.result() == b""
        writer.close()


async def test_a_head_without_end_is_refused(served: Serving) -> None:
    """Hundreds of headers are 400 before the head has ended: they take no memory (P8)."""
    answer = await served.raw(b"POST /events HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 500)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_idle_connections_are_survived(tmp_path: Path) -> None:
    """However many idle connections are open, the one that sends is served."""
    async with serving(tmp_path, max_connections=1001) as served:
        idle = await asyncio.gather(*(served.connect() for _ in range(1000)))
        assert (await served.post(event(1)))[:2] == (202, ONE)
        for _, writer in idle:
            writer.close()


async def test_too_many_connections_are_turned_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where every connection has a request that is being answered, one more gets 503 at once; no trace is logged."""
    async with serving(tmp_path, max_connections=1) as served:
        served.gate.open.clear()
        reader, writer = await served.connect(request(event(1)))
        await served.gate.entered.wait()
        assert (await served.raw(b"")).startswith(b"HTTP/1.1 503 ")
        assert (await served.raw(request(event(9)))).startswith(b"HTTP/1.1 503 ")
        served.gate.open.set()
        await reader.readuntil(b"]}")
        assert (await served.post(event(3)))[:2] == (202, ONE)
        writer.close()
        assert "http_too_many_connections" in served.logged()
        assert served.behind.metrics.counter("http_connections_turned_away", "http")._value.get() == 2
        assert await served.journalled() == [event(1), event(3)]
    gc.collect()
    assert caplog.text == ""


async def test_silent_connections_give_way(tmp_path: Path) -> None:
    """When all places are taken, connections that never sent a request are closed first, then the longest idle ones."""
    async with serving(tmp_path, max_connections=3) as served:
        first, first_writer = await served.connect(request(event(1)))
        await first.readuntil(b"]}")
        second, second_writer = await served.connect(request(event(2)))
        await second.readuntil(b"]}")
        silent, silent_writer = await served.connect(b"POST /events HT")
        listener = served.source._listener
        assert listener is not None
        await until(lambda: len(listener.connections) == 3)
        assert (await served.raw(request(event(3), "Connection: close"))).startswith(b"HTTP/1.1 202 ")
        assert await silent.read() == b""
        third, third_writer = await served.connect(request(event(4)))
        await third.readuntil(b"]}")
        assert (await served.raw(request(event(5), "Connection: close"))).startswith(b"HTTP/1.1 202 ")
        assert await first.read() == b""
        second_writer.write(request(event(6), "Connection: close"))
        assert (await second.read()).startswith(b"HTTP/1.1 202 ")
        for writer in (first_writer, second_writer, silent_writer, third_writer):
            writer.close()


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_senders_that_trickle_keep_nobody_out(tmp_path: Path) -> None:
    """Heads that come byte by byte on every connection that may be open leave a place for the one that sends."""
    async with serving(tmp_path) as served:
        trickling = await asyncio.gather(
            *(served.connect(b"POST /events HTTP/1.1\r\nHost: a\r\nX: ") for _ in range(1050))
        )
        for number in range(5):
            for _, writer in trickling:
                writer.write(b"x")
            assert (await served.raw(request(event(number), "Connection: close"))).startswith(
                b"HTTP/1.1 202 "
            )
        for _, writer in trickling:
            writer.close()


async def test_half_a_head_is_answered(tmp_path: Path) -> None:
    """On a connection that was used before, an unfinished head gets 408, and the connection ends."""
    async with serving(tmp_path) as served:
        assert served.source._listener is not None
        served.source._listener.head_seconds = 0.05
        reader, writer = await served.connect(request(event(1)))
        await reader.readuntil(b"]}")
        # An empty line behind a request begins none (RFC 9112, section 2.2).
        writer.write(b"\r\n")
        await served.post(event(2))
        writer.write(b"POST /ev")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize(
    "factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_a_sender_that_half_closes_gets_its_answers(tmp_path: Path, factory: Any) -> None:
    """A sender that shuts down its side gets every answer, and then the end of the connection."""

    async def half_close() -> None:
        async with serving(tmp_path) as served:
            served.gate.open.clear()
            reader, writer = await served.connect(request(event(1)))
            writer.write_eof()
            await served.gate.entered.wait()
            later, later_writer = await served.connect(request(event(2)) + request(event(3)))
            later_writer.write_eof()
            await until(lambda: served.gate.waiting == 2)
            served.gate.open.set()
            assert (await reader.read()).count(b"HTTP/1.1 202 ") == 1
            assert (await later.read()).count(b"HTTP/1.1 202 ") == 2
            idle, idle_writer = await served.connect(request(event(4)))
            await idle.readuntil(b"]}")
            idle_writer.write_eof()
            assert await idle.read() == b""
            for one in (writer, later_writer, idle_writer):
                one.close()
            assert sorted(await served.journalled()) == [event(n) for n in (1, 2, 3, 4)]

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(half_close())


async def test_a_sender_that_goes_away_breaks_nothing(served: Serving) -> None:
    """Half a body is not taken; a whole one is, even if nobody waits for the answer."""
    _, writer = await served.connect(request(event(1))[:-5])
    writer.close()
    served.gate.open.clear()
    _, writer = await served.connect(request(event(2)))
    await served.gate.entered.wait()
    writer.transport.abort()
    served.gate.open.set()
    assert (await served.post(event(3)))[:2] == (202, ONE)
    assert sorted(await served.journalled()) == [event(2), event(3)]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"nonsense\r\n\r\n", id="no request"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"POST /events HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(
            b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", id="length is no number"
        ),
        pytest.param(
            b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="length below zero"
        ),
        pytest.param(
            b"POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
            id="bad chunk",
        ),
        pytest.param(
            b"POST /events HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"x" * 20_000), id="long header"
        ),
    ],
)
async def test_what_is_no_http_is_400(served: Serving, sent: bytes) -> None:
    """Bytes that are not a request get a 400 in our own words, and the connection ends."""
    answer = await served.raw(sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nServer:" not in head
    assert set(json.loads(body)) == {"error", "cure"}
    assert (await served.post(event(1)))[:2] == (202, ONE)


async def test_a_wrong_length_takes_nothing_it_should_not(served: Serving) -> None:
    """A length that is too long leaves an unfinished request; one that is too short, a broken event and noise."""
    body = event(1)
    reader, writer = await served.connect(request(body).replace(b"Length: %d" % len(body), b"Length: 999"))
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    answer = await served.raw(
        request(body).replace(b"Length: %d" % len(body), b"Length: %d" % (len(body) - 5))
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert await served.journalled() == []


async def test_answers_name_no_server_and_a_date(served: Serving) -> None:
    """No answer says which server made it; each has the time of day (RFC 9110, 6.6.1)."""
    for body, path in ((event(1), "/events"), (b"x", "/events"), (b"", "/")):
        headers = (await served.post(body, path=path))[2]
        assert "Server" not in headers
        assert headers["Date"].endswith(" GMT")


async def test_requests_may_stand_one_behind_the_other(served: Serving) -> None:
    """Pipelined requests are answered in order, and `Connection: close` is kept to."""
    sent = request(event(1)) + request(b"x") + request(event(2), "Connection: close")
    answers = (await served.raw(sent)).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"202", b"400", b"202"]
    assert [b"Connection: close\r\n" in answer for answer in answers] == [False, False, True]


async def test_many_requests_one_behind_the_other_are_all_answered(served: Serving) -> None:
    """However many requests come at once on a connection, and however large, each is answered and on disk."""
    bodies = [b'{"correlationId":"c%d","apiName":"%b"}' % (n, b"x" * 1000 * (n % 200)) for n in range(120)]
    answers = await served.raw(b"".join(map(request, bodies[:-1])) + request(bodies[-1], "Connection: close"))
    assert answers.count(b"HTTP/1.1 202 ") == len(bodies)
    assert await served.journalled() == bodies


async def test_http_1_0_is_answered_and_closed(served: Serving) -> None:
    """An old client gets its answer and the end of the connection."""
    assert (await served.raw(request(event(1), version="1.0"))).startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize(
    "factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_any_body_gets_an_answer(tmp_path_factory: pytest.TempPathFactory, factory: Any) -> None:
    """Whatever the body, the answer is 202, 400, 413 or 415, the server lives and the books balance (P7)."""
    piece = st.sampled_from(
        [
            event(1),
            event(2),
            b'{"apim_event_faulty":',
            b"[",
            b"]",
            b"{",
            b"}",
            b",",
            b"\n",
            b'"',
            b"\xff",
            b"\\ud800",
        ]
    )
    bodies = st.lists(piece, max_size=8).map(b"".join) | st.binary(max_size=40)
    encodings = st.sampled_from(["", "gzip", "packed", "br"])

    async def post(served: Serving, body: bytes, encoding: str) -> None:
        headers = {"Content_Encoding": encoding.replace("packed", "gzip")} if encoding else {}
        sent = gzip.compress(body, 1) if encoding == "packed" else body
        status, content, _ = await served.post(sent, **headers)
        assert status in {202, 400, 413, 415}
        assert set(content) in ({"accepted", "duplicates", "rejected"}, {"error", "cure"})
        assert served.journal.totals.intake_difference() == 0

    with asyncio.Runner(loop_factory=factory) as runner:
        context = serving(tmp_path_factory.mktemp("state"), max_body_bytes=600)
        served = runner.run(context.__aenter__())

        @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(bodies, encodings)
        def any_body(body: bytes, encoding: str) -> None:
            runner.run(post(served, body, encoding))

        any_body()
        assert runner.run(served.post(event(3)))[0] == 202
        runner.run(context.__aexit__(None, None, None))


# Settings


@pytest.mark.parametrize("listen", ["0.0.0.0:9880", "192.0.2.1:9880", "[::]:9880", "gateway:9880"])
def test_beyond_loopback_only_for_known_callers(listen: str) -> None:
    """A listener that other machines can reach without any credential is refused, with the cure."""
    with pytest.raises(SettingsError, match=r"set tokens = .* or listen on 127\.0\.0\.1"):
        HttpSourceSettings.model_validate({"listen": listen}).refuse_open_door("http", [])
    files = {"cert": "/a", "key": "/b"}
    with pytest.raises(SettingsError):
        HttpSourceSettings.model_validate({"listen": listen, "tls": files}).refuse_open_door("http", [])
    HttpSourceSettings.model_validate({"listen": listen, "tokens": ["secret"]}).refuse_open_door("http", [])
    HttpSourceSettings.model_validate(
        {"listen": listen, "tls": {**files, "client_ca": "/c"}}
    ).refuse_open_door("http", [])
    HttpSourceSettings.model_validate({"listen": listen}).refuse_open_door("http", ["moesif's"])


@pytest.mark.parametrize("listen", ["127.0.0.1:9880", "[::1]:9880", "localhost:9880"])
def test_loopback_needs_no_token(listen: str) -> None:
    """On the machine itself no token is asked for."""
    HttpSourceSettings.model_validate({"listen": listen}).refuse_open_door("http", [])


async def test_moesifs_key_alone_lets_in_moesifs_senders(tmp_path: Path) -> None:
    """Beyond loopback with moesifKey and no tokens: the collector takes that key, all else is 401, and said so."""
    async with serving(tmp_path, listen="0.0.0.0:0", moesif_keys=["moesifs-key"]) as served:
        for path, headers in (
            ("/events", {}),
            ("/events", {"Authorization": "Bearer moesifs-key"}),
            ("/events", {"Authorization": "Bearer "}),
            ("/traffic-log", {"Authorization": "Bearer"}),
            ("/firehose", {"X-Amz-Firehose-Access-Key": ""}),
            ("/v1/events", {"X-Moesif-Application-Id": "another"}),
            ("/v1/events", {}),
        ):
            assert (await served.post(event(1), path=path, **headers))[0] == 401
        body = b'{"request": {"time": "2026-11-21T00:16:33.310Z", "uri": "/a", "verb": "GET"}}'
        headers = {"X-Moesif-Application-Id": "moesifs-key"}
        assert (await served.post(body, path="/v1/events", **headers))[0] == 201
        said = next(call for call in served.behind.said.calls if call.args == ("http_request_unauthorised",))
        assert "moesifKey" in said.kwargs["cure"]
        assert "tokens in [bridge.sources.http]" in said.kwargs["cure"]


async def test_an_address_in_use_names_the_key(tmp_path: Path) -> None:
    """A port that is taken is a settings error that names the key and the cure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError,
            match=rf"\[bridge.sources.http\] listen = 127.0.0.1:{port}: Address already in use; choose",
        ):
            async with serving(tmp_path, listen=f"127.0.0.1:{port}"):
                pass

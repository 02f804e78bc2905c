"""`POST /firehose` as AWS Data Firehose speaks it: nothing lost, nothing twice, and its own words in answer."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rigs.clock import FakeClock
from rigs.rig import journalling
from rigs.serving import Serving

from bridge.errors import JournalFull
from bridge.sources.http.endpoints.firehose_requests import RequestIds
from bridge.sources.http.settings import HttpSourceSettings
from bridge.sources.http.source import HttpSource

ID = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
API_KEY = "dGhpcyBpcyBhIHNlY3JldA"


def call(number: int, **fields: str) -> bytes:
    """Return a line of the access log, known by its number."""
    line = {
        "requestId": f"call-{number}",
        "requestTime": "07/Oct/2026:08:21:45 +0000",
        "httpMethod": "GET",
        "resourcePath": "/prod/pets",
        "status": "200",
        "durationMs": "253",
        "apiKey": API_KEY,
        **fields,
    }
    return json.dumps(line).encode()


def record(data: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode()}


class Stream(Serving):
    """A source that serves, and a delivery stream before it."""

    async def deliver(
        self, *records: Any, request_id: str = ID, packed: bool = False, **headers: str | None
    ) -> tuple[int, Any]:
        """POST records as Firehose does; a header that is None is left out."""
        body = json.dumps({"requestId": request_id, "timestamp": 1791361305123, "records": records}).encode()
        return await self.send(gzip.compress(body) if packed else body, request_id, packed=packed, **headers)

    async def send(
        self, body: bytes, request_id: str = ID, *, packed: bool = False, **headers: str | None
    ) -> tuple[int, Any]:
        all_headers: dict[str, str | None] = {
            "X_Amz_Firehose_Protocol_Version": "1.0",
            "X_Amz_Firehose_Request_Id": request_id,
            "Content_Type": "application/json",
            "Content_Encoding": "gzip" if packed else None,
            **headers,
        }
        sent = {name: value for name, value in all_headers.items() if value is not None}
        status, content, answered = await self.post(body, path="/firehose", **sent)
        # What the specification demands of every answer.
        assert answered["Content-Type"] == "application/json"
        assert "Content-Encoding" not in answered
        assert int(answered["Content-Length"]) > 0
        assert content["requestId"] == sent.get("X_Amz_Firehose_Request_Id", "")
        assert isinstance(content["timestamp"], int)
        assert (status == 200) == ("errorMessage" not in content)
        return status, content

    async def deliver_until_taken(self, *records: Any, **options: Any) -> int:
        """Send the same again, as Firehose does, until it is taken; returns how often it was sent."""
        for attempt in range(1, 50):
            if (await self.deliver(*records, **options))[0] == 200:
                return attempt
        raise AssertionError("it is never taken")

    async def calls(self) -> list[int]:
        """Return the numbers of the calls on disk, in order."""
        return [
            int(json.loads(body)["correlationId"].removeprefix("call-")) for body in await self.journalled()
        ]


@asynccontextmanager
async def streaming(folder: Path, **settings: Any) -> AsyncIterator[Stream]:
    """Serve on a journal that may have been used before; the ids of its events are not remembered."""
    async with journalling(folder) as behind:
        positions = await behind.journal.positions("http")
        made = HttpSourceSettings.model_validate({"listen": "127.0.0.1:0", **settings})
        source = HttpSource("http", made, behind.fittings(positions=positions))
        await source.bind()
        stream = Stream(source, behind)
        try:
            yield stream
        finally:
            behind.gate.open.set()
            await stream.session.close()
            await source.finish()


@pytest.fixture
async def stream(tmp_path: Path) -> AsyncIterator[Stream]:
    async with streaming(tmp_path) as started:
        yield started


# What is taken


@pytest.mark.parametrize(
    "data",
    [
        pytest.param([call(0), call(1)], id="one object each"),
        pytest.param([call(0) + b"\n" + call(1) + b"\n"], id="lines"),
        pytest.param([call(0) + call(1)], id="one behind the other"),
        pytest.param([b"[%b,%b]" % (call(0), call(1))], id="array"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
async def test_every_form_of_record_is_taken(stream: Stream, data: list[bytes], packed: bool) -> None:
    """One or many objects in a record, plain or under gzip: on disk when 200 comes (P1)."""
    status, content = await stream.deliver(*map(record, data), packed=packed)
    assert (status, content["requestId"]) == (200, ID)
    assert await stream.calls() == [0, 1]
    assert json.loads((await stream.journalled())[0])["gatewayType"] == "AWS"


async def test_ten_thousand_records_are_taken(stream: Stream) -> None:
    """The largest number of records goes portion by portion, each event once and in order."""
    records = [record(call(number, userArn="u" * 200)) for number in range(10_000)]
    assert (await stream.deliver(*records, packed=True))[0] == 200
    assert await stream.calls() == list(range(10_000))
    assert stream.gate.calls > 2


async def test_a_request_that_is_too_large_is_not_lost(tmp_path: Path) -> None:
    """Firehose drops what is answered with 413: beyond `max_body_bytes` it is 400, and goes to the stream's backup."""
    async with streaming(tmp_path, max_body_bytes="1KiB") as stream:
        status, content = await stream.deliver(record(call(1, userArn="u" * 5000)))
        assert (status, "larger than 1024 bytes" in content["errorMessage"]) == (400, True)


# Once


async def test_a_request_that_comes_again_is_taken_once(tmp_path: Path) -> None:
    """The same request id is taken once, even when nothing but the journal remembers it (P2)."""
    records = [record(call(1)), record(b'{"httpMethod":"GET"}')]
    async with streaming(tmp_path) as stream:
        assert (await stream.deliver(*records))[0] == 200
        assert (await stream.deliver(*records))[0] == 200
    async with streaming(tmp_path) as stream:
        assert (await stream.deliver(*records, packed=True))[0] == 200
        assert len(await stream.journalled()) == 2
        totals = stream.journal.totals
        assert (totals.sum("events_received"), totals.sum("events_duplicate")) == (6, 4)


async def test_a_request_that_was_taken_in_part_goes_on_there(tmp_path: Path) -> None:
    """What fails in the middle is sent again with the same id: nothing lost, nothing twice, in spite of a restart."""
    records = [record(call(number, userArn="u" * 500)) for number in range(5000)]
    records[10] = {"data": "!"}
    async with streaming(tmp_path) as stream:
        stream.gate.fail_call, stream.gate.failure = 3, JournalFull("no room")
        assert (await stream.deliver(*records))[0] == 503
        taken = len(await stream.calls())
        assert 0 < taken < 4999
        looked_at = stream.journal.totals.sum("events_received")
    async with streaming(tmp_path) as stream:
        assert await stream.deliver_until_taken(*records) == 1
        assert sorted(await stream.calls()) == [number for number in range(5000) if number != 10]
        totals = stream.journal.totals
        assert (totals.sum("events_rejected"), totals.sum("events_duplicate")) == (1, looked_at)


async def test_a_call_without_an_id_has_the_same_one_however_it_came(tmp_path: Path) -> None:
    """P5: an event that brings no id is known by its place in the request, also after a failure in the middle."""
    nameless = [record(call(number, requestId="-", userArn="u" * 500)) for number in range(3000)]
    ids: list[list[str]] = []
    for fails in (False, True):
        folder = tmp_path / str(fails)
        folder.mkdir()
        async with streaming(folder) as stream:
            if fails:
                stream.gate.fail_call, stream.gate.failure = 2, JournalFull("no room")
            assert await stream.deliver_until_taken(*nameless) == 1 + fails
            journal = stream.journal
            ids.append([])
            for seq in range(1, journal.last_seq + 1):
                ids[-1] += (await journal.next_block(seq)).ids
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3000


async def test_a_client_that_tries_again_gets_everything_in_once(tmp_path: Path) -> None:
    """Whatever fails on the way, a client that follows the specification ends with each call once."""
    async with streaming(tmp_path) as stream:
        stream.gate.full_calls = 3
        attempts = [
            await stream.deliver_until_taken(
                *[record(call(10 * request + number)) for number in range(10)],
                request_id=f"request-{request}",
            )
            for request in range(5)
        ]
        assert attempts == [4, 1, 1, 1, 1]
        assert await stream.calls() == list(range(50))


async def test_an_id_with_other_records_is_another_request(stream: Stream) -> None:
    """A sender that always has the same id loses nothing."""
    assert (await stream.deliver(record(call(1))))[0] == 200
    assert (await stream.deliver(record(call(2))))[0] == 200
    assert await stream.calls() == [1, 2]


async def test_a_request_that_is_still_being_taken_is_not_begun_again(stream: Stream) -> None:
    """Firehose waits 3 minutes only; the second delivery is told to come again, and then it is done."""
    stream.gate.open.clear()
    first = asyncio.create_task(stream.deliver(record(call(1))))
    await stream.gate.entered.wait()
    status, content = await stream.deliver(record(call(1)))
    assert (status, content["errorMessage"]) == (503, "this request is being taken; send it again")
    # A reload in between makes no difference.
    assert stream.source.renew(stream.source._settings, stream.behind.fittings())
    assert (await stream.deliver(record(call(1))))[0] == 503
    stream.gate.open.set()
    assert (await first)[0] == 200
    assert (await stream.deliver(record(call(1))))[0] == 200
    assert await stream.calls() == [1]


def test_a_request_is_remembered_for_three_hours() -> None:
    """Commits delete rows that are older than three hours, and the youngest stay."""
    clock = FakeClock(hasty=True)
    requests = RequestIds({"a log's own": b""}, clock)
    rows: dict[str, bytes] = {}

    def commit(request_id: str) -> None:
        changes = requests.note(request_id, b"d" * 16, 7)
        requests.apply(changes)
        for key, row in changes.items():
            if row is None:
                del rows[key]
            else:
                rows[key] = row

    commit("first")
    clock.now += 2 * 3600
    commit("second")
    assert requests.taken("first", b"d" * 16) == 7
    assert requests.taken("first", b"e" * 16) == 0
    clock.now += 3600
    commit("third")
    assert set(rows) == {"firehose/second", "firehose/third"}
    again = RequestIds(rows, clock)
    assert [again.taken(name, b"d" * 16) for name in ("first", "second", "third")] == [0, 7, 7]
    assert requests.taken("first", b"d" * 16) == 0


# What is refused


async def test_a_bad_key_is_refused(tmp_path: Path) -> None:
    """The access key is one of the tokens; any other gets 401 in Firehose's form, and is not repeated anywhere."""
    async with streaming(tmp_path, tokens=["k3y-of-the-stream"]) as stream:
        key = "k3y-of-the-stream"
        assert (await stream.deliver(record(call(1))))[0] == 401
        wrong = await stream.deliver(record(call(1)), X_Amz_Firehose_Access_Key="k3y-of-another")
        assert wrong[0] == 401
        assert "k3y" not in wrong[1]["errorMessage"]
        assert await stream.calls() == []
        assert (await stream.deliver(record(call(1)), X_Amz_Firehose_Access_Key=key))[0] == 200
        assert "k3y" not in repr(stream.behind.said.calls)


async def test_without_tokens_any_key_will_do(stream: Stream) -> None:
    """On loopback without tokens whatever key the stream has is taken."""
    assert (await stream.deliver(record(call(1)), X_Amz_Firehose_Access_Key="any"))[0] == 200


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"data": "not base64!"}, id="no base64"),
        pytest.param({"data": "YQ"}, id="cut base64"),
        pytest.param({"data": 5}, id="a number"),
        pytest.param({"nothing": ""}, id="no data"),
        pytest.param(5, id="no object"),
        pytest.param(None, id="null"),
        pytest.param(record(b"\xff\xfe"), id="no text"),
        pytest.param(record(b'{"ticker_symbol":"QXZ"}'), id="no access log"),
    ],
)
async def test_a_bad_record_is_rejected_alone(stream: Stream, bad: object) -> None:
    """One record that cannot be read is counted, and the request succeeds, or it would come for ever (P7)."""
    assert (await stream.deliver(record(call(1)), bad, record(call(2))))[0] == 200
    assert await stream.calls() == [1, 2]
    assert stream.journal.totals.sum("events_rejected") == 1


@pytest.mark.parametrize("data", ["!", "", base64.b64encode(b"no json").decode()])
async def test_a_request_of_which_nothing_can_be_read_is_kept_by_its_sender(
    stream: Stream, data: str
) -> None:
    """Nothing that can be decoded: 400 each time, and nothing is counted."""
    for _ in range(2):
        assert (await stream.deliver({"data": data}, {"data": data}))[0] == 400
    assert stream.journal.totals.sum("events_received") == 0
    assert "http_request_rejected" in stream.behind.logged()


async def test_what_is_not_firehose_is_refused(stream: Stream) -> None:
    """Another protocol version, no id, another encoding, not JSON, or far too many records: 400 with the reason."""
    good = record(call(1))
    assert (await stream.deliver(good, X_Amz_Firehose_Protocol_Version="2.0"))[0] == 400
    assert (await stream.deliver(good, X_Amz_Firehose_Protocol_Version=None))[0] == 400
    assert (await stream.deliver(good, X_Amz_Firehose_Request_Id=None))[0] == 400
    assert (await stream.deliver(good, Content_Encoding="br"))[0] == 400
    assert (await stream.deliver(good, Content_Encoding="gzip"))[0] == 400
    for body in (b"", b"[]", b"{}", b'{"records":5}'):
        assert (await stream.send(body))[0] == 400
    status, content = await stream.send(b'{"records":[' + b"1," * 100_001 + b"1]}")
    assert (status, content["errorMessage"][:12]) == (400, "more records")
    assert await stream.journalled() == []
    assert (await stream.send(b'{"records":[]}'))[0] == 200


async def test_an_id_is_repeated_only_if_it_is_one(stream: Stream) -> None:
    """An invalid id is not repeated in the answer."""
    headers = "X-Amz-Firehose-Protocol-Version: 1.0\r\nX-Amz-Firehose-Request-Id: \xe4"
    head = (
        f"POST /firehose HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n\r\n"
    )
    answer = await stream.raw(head.encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"requestId":"",' in answer


async def test_a_full_journal_is_503(stream: Stream) -> None:
    """Nothing is taken and nothing remembered; the next delivery is taken."""
    stream.gate.full_calls = 1
    status, content = await stream.deliver(record(call(1)))
    assert (status, content["errorMessage"]) == (503, "the journal is full; send it again")
    assert (await stream.deliver(record(call(1))))[0] == 200
    assert await stream.calls() == [1]
    assert stream.behind.logged().count("http_waits_for_journal") == 1


async def test_the_caller_s_key_never_reaches_the_disk(tmp_path: Path) -> None:
    """`apiKey` is nowhere in the journal's files, nor in what was logged."""
    async with streaming(tmp_path) as stream:
        assert (await stream.deliver(record(call(1)), record(b"{" + call(2))))[0] == 200
        assert API_KEY.encode() not in b"".join(await stream.journalled())
        assert API_KEY not in repr(stream.behind.said.calls)
    assert not [path for path in files_of(tmp_path) if API_KEY.encode() in path.read_bytes()]


def files_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())

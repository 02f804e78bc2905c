"""Intake over a real journal: what is accepted, refused, known already; nothing acknowledged too early."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from rigs.clock import FakeClock
from rigs.events import event, number_of
from rigs.rig import Rig, opened, writer_held
from rigs.waiting import until

from bridge.batches import Block
from bridge.contracts import Arrival, Kind
from bridge.errors import JournalFull, JournalWaits
from bridge.events.decoding import decoded
from bridge.events.event import is_fault
from bridge.intake import Intake
from bridge.journal.seen_ids import SeenIds


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, "moesif", clock=FakeClock(hasty=True)) as rig:
        yield rig
        rig.check_books()


@pytest.fixture
def intake(rig: Rig) -> Intake:
    return Intake(rig.journal, SeenIds(window_seconds=600, max_ids=1000, clock=rig.clock))


def arrival(
    *bodies: bytes,
    source: str = "http",
    kind: Kind | None = None,
    places: Sequence[int] = (),
    positions: Mapping[str, bytes | None] | None = None,
    **more: Any,
) -> Arrival:
    return Arrival(
        source,
        bodies,
        [kind] * len(bodies),
        places or range(len(bodies)),
        more.pop("fingerprint", b"f" * 16 if source == "log" else b""),
        positions or {},
        **more,
    )


async def blocks(rig: Rig) -> list[Block]:
    return [await rig.journal.next_block(seq) for seq in range(1, rig.journal.last_seq + 1)]


async def journalled(rig: Rig) -> list[bytes]:
    return [data for block in await blocks(rig) for data in block.bodies]


async def test_accepted_events_are_on_disk_as_they_came(rig: Rig, intake: Intake) -> None:
    """P1: what the receipt calls accepted is in the file, byte for byte, in order."""
    bodies = [event(number) for number in range(3)]
    receipt = await intake(arrival(*bodies))
    assert (receipt.accepted, receipt.duplicates, list(receipt.rejected)) == (3, 0, [])
    assert rig.value("SELECT sum(count) FROM blocks") == 3
    await rig.again("moesif")
    assert await journalled(rig) == bodies


async def test_bad_events_are_refused_one_by_one(rig: Rig, intake: Intake) -> None:
    """P7: each refused event has its index and reason and is counted; the good ones beside it are taken."""
    receipt = await intake(
        arrival(
            event(1), b"{", b"[]", event(2), b'{"a":1}', rejected={"too_long": 2, "not_json": 1}, ignored=4
        )
    )
    assert receipt.accepted == 2
    assert [(index, reason) for index, reason, _ in receipt.rejected] == [
        (1, "not_json"),
        (2, "not_an_object"),
        (4, "unrecognised"),
    ]
    totals = rig.journal.totals
    assert dict(totals.items("events_rejected")) == {
        ("http", "not_json"): 2,
        ("http", "not_an_object"): 1,
        ("http", "unrecognised"): 1,
        ("http", "too_long"): 2,
    }
    assert totals.sum("events_received") == 8
    assert totals.sum("lines_ignored") == 4


async def test_nothing_recognised_is_counted_too(rig: Rig, intake: Intake) -> None:
    """P7: an arrival without one good event changes the totals on disk, and makes no block."""
    assert (await intake(arrival(b"{}"))).accepted == 0
    rig.check_books()
    assert rig.journal.totals.sum("events_rejected") == 1
    assert rig.journal.last_seq == 0


async def test_empty_arrival_commits_nothing(rig: Rig, intake: Intake) -> None:
    """An arrival that brings nothing and moves nothing costs no fsync."""
    before = rig.commits()
    assert (await intake(arrival())).accepted == 0
    assert rig.commits() == before


@pytest.mark.parametrize(
    ("line", "kind", "ignored"),
    [
        (b'{"level":"INFO","message":"started"}', None, True),
        (b"{main} started", None, True),
        (b'{"apiName":"a","correl', None, False),
        (b'{\\"correlationId\\":\\"a', None, False),
        (b"null", None, True),
        (b"null", "response", False),
        (b'{"level":"INFO"}', "response", False),
    ],
)
async def test_other_programs_lines(
    rig: Rig, intake: Intake, line: bytes, kind: Kind | None, ignored: bool
) -> None:
    """In a log, JSON of other programs is ignored; an event that was damaged, or marked as one, is refused."""
    receipt = await intake(arrival(line, source="log", kind=kind, tolerant=True))
    assert bool(receipt.rejected) is not ignored
    assert rig.journal.totals.sum("lines_ignored") == int(ignored)
    assert rig.journal.totals.sum("events_rejected") == int(not ignored)


async def test_kind_of_the_log_line_is_kept(rig: Rig, intake: Intake) -> None:
    """What only the line's prefix says is written into the event; what the event says itself is not repeated."""
    plain, fault = event(1), event(2, errorCode=101503)
    await intake(arrival(plain, fault, event(3), source="log", kind="fault"))
    first, second, third = (json.loads(data) for data in await journalled(rig))
    assert first == {**json.loads(plain), "eventType": "fault"}
    assert second == json.loads(fault)
    assert third["eventType"] == "fault"
    assert all(is_fault(event) for block in await blocks(rig) for event in decoded(block.bodies))


async def test_an_event_is_one_line(rig: Rig, intake: Intake) -> None:
    """Line breaks between an event's members go, inside its texts they stay: a block is one line an event."""
    pretty = json.dumps(json.loads(event(1, userAgent="a\nb")), indent=2).encode()
    await intake(arrival(pretty, event(2)))
    first, second = await journalled(rig)
    assert b"\n" not in first
    assert json.loads(first) == json.loads(pretty)
    assert second == event(2)


async def test_same_event_by_log_and_http(rig: Rig, intake: Intake) -> None:
    """P5: an event that comes by log and over HTTP has one id and is journalled once; the rest is counted."""
    await intake(arrival(event(1), event(2), source="log", kind="response", positions={"log:1": b"9"}))
    pretty = json.dumps(json.loads(event(2)), indent=1).encode()
    receipt = await intake(arrival(pretty, event(3), event(3)))
    assert (receipt.accepted, receipt.duplicates) == (1, 2)
    assert [number_of(data) for data in await journalled(rig)] == [1, 2, 3]
    assert rig.journal.totals.sum("events_duplicate", "http") == 2
    again = await intake(arrival(event(3), source="log", positions={"log:1": b"10"}))
    assert again.duplicates == 1
    assert await rig.journal.positions("log") == {"log:1": b"10"}


async def test_log_alone_is_not_deduplicated(rig: Rig) -> None:
    """Without an HTTP source a line is journalled exactly once by its position (P2), and never compared."""
    intake = Intake(rig.journal, None)
    receipt = await intake(arrival(event(1), event(1), source="log", positions={"log:1": b"2"}))
    assert receipt.accepted == 2
    (block,) = await blocks(rig)
    assert block.ids[0] == block.ids[1]


async def test_event_without_an_id_of_its_own(intake: Intake) -> None:
    """P5: such an event is known by request and index, or by file and offset: a repeat is known, a twin is not."""
    anonymous = event(1, correlationId="UNKNOWN")
    assert (await intake(arrival(anonymous, anonymous))).accepted == 2
    assert (await intake(arrival(anonymous, anonymous))).duplicates == 2
    assert (await intake(arrival(anonymous))).accepted == 1
    line = arrival(anonymous, source="log", places=[120])
    assert (await intake(line)).accepted == 1
    assert (await intake(line)).duplicates == 1
    assert (await intake(arrival(anonymous, source="log", places=[240]))).accepted == 1


async def test_repeat_waits_for_the_first_ones_commit(rig: Rig, intake: Intake) -> None:
    """P5: a repeat of an event that is still on its way to disk is acknowledged only after that commit."""
    async with writer_held(rig):
        first = asyncio.ensure_future(intake(arrival(event(1), event(2))))
        await until(lambda: intake._underway)
        repeat = asyncio.ensure_future(intake(arrival(event(2))))
        await until(lambda: len(intake._underway) == 2)
        assert not first.done()
        assert not repeat.done()
    assert (await repeat).duplicates == 1
    assert first.done()
    assert rig.value("SELECT sum(count) FROM blocks") == 2


async def test_failed_append_takes_its_ids_out(rig: Rig, intake: Intake) -> None:
    """P5: what did not reach the disk is not known; its repeats fail with it, and can be sent again."""
    before = rig.value("PRAGMA page_count")
    await rig.journal._writer.do(
        lambda work: work.connection.execute(f"PRAGMA max_page_count = {before}").fetchone()
    )
    large = [event(number, userAgent=f"{number:x}" * 60_000) for number in range(20)]
    async with writer_held(rig):
        first = asyncio.ensure_future(intake(arrival(*large)))
        await until(lambda: intake._underway)
        # By then its own event would fit; the one it repeats must not be passed over for the log's position.
        repeat = asyncio.ensure_future(
            intake(arrival(large[0], event(77), source="log", positions={"log:1": b"9"}))
        )
        await until(lambda: len(intake._underway) == 2)
    for attempt in (first, repeat):
        with pytest.raises(JournalWaits):
            await attempt
    assert not intake._underway
    assert await rig.journal.positions("log") == {}
    await rig.journal._writer.do(
        lambda work: work.connection.execute("PRAGMA max_page_count = 100000").fetchone()
    )
    receipt = await intake(arrival(large[0], event(77), source="log", positions={"log:1": b"9"}))
    assert (receipt.accepted, receipt.duplicates) == (2, 0)
    assert (await intake(arrival(*large))).duplicates == 1


async def test_large_events_keep_the_order_of_their_source(rig: Rig, intake: Intake) -> None:
    """P2: an arrival that is decoded off the event loop is journalled before those behind it, positions and all."""
    agents = ["x" * 300_000, "x", "x" * 200_000, "x"]
    arrivals = [
        arrival(event(number, userAgent=agent), source="log", positions={"log:1": b"%d" % number})
        for number, agent in enumerate(agents, 1)
    ]
    await asyncio.gather(*map(intake, arrivals))
    assert await rig.journal.positions("log") == {"log:1": b"4"}
    assert list(map(number_of, await journalled(rig))) == [1, 2, 3, 4]


async def test_full_journal_takes_nothing(tmp_path: Path) -> None:
    """P1: without room nothing is taken, counted or remembered; what needs no room still passes."""
    async with opened(tmp_path, "moesif", max_bytes=1500) as rig:
        intake = Intake(rig.journal, SeenIds(window_seconds=600, max_ids=1000, clock=rig.clock))
        await intake(arrival(*(event(number) for number in range(60))))
        with pytest.raises(JournalFull) as caught:
            await intake(arrival(event(100), source="log", positions={"log:1": b"9"}))
        assert "max_bytes" in str(caught.value)
        assert await rig.journal.positions("log") == {}
        assert (await intake(arrival(event(5)))).duplicates == 1
        await intake(arrival(b"{}", source="log", positions={"log:1": b"3"}))
        assert await rig.journal.positions("log") == {"log:1": b"3"}
        rig.check_books()
        await rig.deliver("moesif", 2, 60)
        assert (await intake(arrival(event(100)))).accepted == 1
        rig.check_books()


async def test_caller_that_goes_away(rig: Rig, intake: Intake) -> None:
    """A client that hangs up during the commit leaves no half: the event is journalled, its repeat known."""
    async with writer_held(rig):
        call = asyncio.ensure_future(intake(arrival(event(1))))
        await until(lambda: intake._underway)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (await intake(arrival(event(1)))).duplicates == 1
    assert [number_of(data) for data in await journalled(rig)] == [1]


async def test_events_and_position_are_one_transaction(rig: Rig, intake: Intake) -> None:
    """P2: no snapshot of the file ever has a position without the events before it, or the reverse."""

    async def feed() -> None:
        for number in range(100):
            await intake(arrival(event(number), source="log", positions={"log:1": str(number + 1).encode()}))

    feeding = asyncio.ensure_future(feed())
    looks = 0
    while not feeding.done():
        ((events, position),) = rig.rows(
            "SELECT (SELECT coalesce(sum(count), 0) FROM blocks),"
            " (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM positions WHERE source = 'log')"
        )
        assert events == position
        looks += 1
        await asyncio.sleep(0)
    await feeding
    assert looks > 10
    await intake(arrival(source="log", positions={"log:1": None}))
    assert await rig.journal.positions("log") == {}


async def test_all_that_wso2_writes(rig: Rig, intake: Intake, recorded: Path) -> None:
    """P7: the events of WSO2's own logs are journalled once each, with the kinds of the manifest."""
    for path in sorted((recorded / "wso2-log").glob("*.log")):
        lines = [line for line in path.read_bytes().split(b"\n") if b"apimMetrics: apim:" in line]
        kinds: list[Kind] = ["fault" if b"apimMetrics: apim:faulty" in line else "response" for line in lines]
        bodies = [line[line.index(b"properties :{") + 12 :] for line in lines]
        await intake(Arrival("log", bodies, kinds, range(len(bodies)), path.name.encode()))
    manifest = json.loads((recorded / "wso2-log" / "manifest.json").read_text(encoding="utf-8"))
    wanted = set(manifest["correlationIds"])
    events = [event for block in await blocks(rig) for event in decoded(block.bodies)]
    assert len(events) == manifest["events_in_files"]
    assert {event.correlationId for event in events} == wanted
    assert len({name for block in await blocks(rig) for name in block.ids}) == len(events)

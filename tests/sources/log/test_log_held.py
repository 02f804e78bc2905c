"""Deleted logs that wait to be read take a bounded part of the gateway's disk, and what is let go of is counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body
from rigs.tailing import Tailing

from bridge.sources.log.held import held


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RollingLog]:
    log = RollingLog(tmp_path, keep=2)
    yield log
    log.close()


def roll_full_logs(log: RollingLog, first: int, count: int) -> list[list[bytes]]:
    """Write logs of about 20 KB, each rolled at its end; return the bodies of each."""
    bodies = []
    for number in range(first, first + count):
        bodies.append([log.event(100 * number + at, pad="x" * 2000) for at in range(10)])
        log.roll()
    return bodies


async def test_what_deleted_logs_hold_is_bounded(log: RollingLog) -> None:
    """While the journal is full the oldest deleted logs are let go; the books count each byte of them."""
    tailing = Tailing(log.pattern, max_held_bytes="100KiB")
    tailing.ingest.full = -1
    written = []
    polling = None
    for number in range(20):
        written += roll_full_logs(log, number, 1)
        tailing.source._following.look()
    count, size = held(tailing.source._following.logs)
    assert 0 < count < 18
    assert 50_000 < size <= 100 * 1024
    assert polling is None
    tailing.ingest.full = 0
    await tailing.poll()
    read = set(tailing.ingest.bodies)
    kept = [bodies for bodies in written if read.issuperset(bodies)]
    gone = [bodies for bodies in written if read.isdisjoint(bodies)]
    # The oldest are gone, and of each either all or nothing.
    assert written == gone + kept
    assert len(kept) == count + 2
    lines = sum(len(body) + 1 for bodies in gone for body in bodies)
    assert tailing.ingest.lost["let_go"] > lines
    assert tailing.ingest.lost.total() == tailing.ingest.lost["let_go"]
    assert held(tailing.source._following.logs)[1] <= 100 * 1024
    await tailing.poll(seconds=10)
    assert held(tailing.source._following.logs) == (0, 0)
    tailing.close()


async def test_what_was_read_is_let_go_of_first(log: RollingLog) -> None:
    """A deleted log that was read to its end costs nothing to let go of."""
    tailing = Tailing(log.pattern, max_held_bytes="60KiB")
    await tailing.poll()
    roll_full_logs(log, 0, 2)
    await tailing.poll()
    roll_full_logs(log, 2, 2)
    await tailing.poll()
    roll_full_logs(log, 4, 2)
    await tailing.poll()
    assert not tailing.ingest.lost
    assert len(tailing.ingest.bodies) == 60
    tailing.close()


async def test_losses_are_told_while_the_journal_is_full(log: RollingLog) -> None:
    """Lost bytes are on disk before there is room for events, and counted once, whatever crashes."""
    tailing = Tailing(log.pattern, max_held_bytes="1KiB")
    tailing.ingest.full = 6
    first = [log.event(number) for number in range(3)]
    log.roll()
    second = [log.event(number, pad="x" * 3000) for number in range(10, 20)]
    look = tailing.source._following.look
    look()
    log.path.unlink()
    log.reopen()
    tailing.clock.now += 1
    bodies = await tailing.poll()
    arrivals = tailing.ingest.arrivals
    told = next(at for at, arrival in enumerate(arrivals) if arrival.lost_bytes)
    assert not arrivals[told].bodies
    assert not any(arrival.bodies for arrival in arrivals[:told])
    assert bodies == first
    assert tailing.ingest.lost["let_go"] > sum(map(len, second))
    lost = tailing.ingest.lost.copy()
    tailing.crash()
    log.write(b"\n")
    assert await tailing.poll(seconds=100) == []
    assert await tailing.poll(seconds=100) == []
    assert tailing.ingest.lost == lost
    assert event_body(10) not in tailing.ingest.bodies
    tailing.close()

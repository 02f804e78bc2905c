"""The log source between log and intake: order, waiting, failing, stopping."""

import asyncio
import threading
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from pydantic import ValidationError
from rigs.clock import FakeClock
from rigs.tailing import Tailing
from rigs.waiting import until

from bridge.clock import SystemClock
from bridge.contracts import Arrival, Receipt
from bridge.sources.log.files import CHUNK_BYTES
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.source import LogSource


def write_chunks(log: RollingLog, count: int) -> list[bytes]:
    """Write a backlog of so many chunks: three events each."""
    return [log.event(number, pad="x" * (CHUNK_BYTES // 3 - 400)) for number in range(3 * count)]


async def reached(tailing: Tailing, waiting: int) -> None:
    await until(lambda: tailing.ingest.waiting >= waiting)


async def test_two_arrivals_are_on_their_way_and_no_more(log: RollingLog, tailing: Tailing) -> None:
    """The next chunk is handed on while the one before is being synced; a third waits (P8)."""
    written = write_chunks(log, 5)
    tailing.ingest.gate = asyncio.Event()
    polling = asyncio.create_task(tailing.source.poll())
    await reached(tailing, 2)
    # Time enough for a third one, if it were to come.
    await asyncio.sleep(0.1)
    assert [lag.bytes for lag in tailing.source.lag()] == [log.path.stat().st_size]
    tailing.ingest.gate.set()
    await polling
    assert tailing.ingest.bodies == written
    assert tailing.ingest.most_waiting == 2
    assert len(tailing.ingest.arrivals) == 5
    assert [lag.bytes for lag in tailing.source.lag()] == [0]


async def test_a_full_journal(log: RollingLog, tailing: Tailing) -> None:
    """The log is the buffer: the same arrival is tried again, it is logged once, and nothing overtakes (P2)."""
    written = write_chunks(log, 4)
    tailing.ingest.full = 7
    await tailing.poll()
    assert tailing.ingest.bodies == written
    assert tailing.events().count("log_waits_for_journal") == 1
    assert tailing.events().count("log_goes_on") == 1
    assert tailing.clock.now >= 1004


async def test_logs_that_rotate_while_the_journal_is_full(log: RollingLog, tailing: Tailing) -> None:
    """New logs are opened during the wait, so that log4j2 cannot delete them before they are read."""
    log.keep = 2
    written = [log.event(0)]
    tailing.ingest.full = -1
    polling = asyncio.create_task(tailing.source.poll())
    for number in range(1, 9):
        sleeps = tailing.clock.sleeps
        await until(lambda sleeps=sleeps: tailing.clock.sleeps >= sleeps + 3)  # type: ignore[misc]
        log.roll()
        written.append(log.event(number))
    tailing.ingest.full = 0
    await polling
    await tailing.poll()
    assert tailing.ingest.bodies == written


async def fail(tailing: Tailing, call: int) -> None:
    """Let one of two arrivals that are on their way fail, and the other not."""
    tailing.ingest.fail_call = call
    tailing.ingest.gate = asyncio.Event()
    polling = asyncio.create_task(tailing.source.poll())
    await reached(tailing, 2)
    tailing.ingest.gate.set()
    with pytest.raises(OSError, match="disk error"):
        await polling


@pytest.mark.parametrize("chunks", [2, 4])
@pytest.mark.parametrize("call", [1, 2])
async def test_a_commit_that_fails(log: RollingLog, tailing: Tailing, call: int, chunks: int) -> None:
    """An arrival that the journal could not commit goes again when the source runs again: each event once."""
    written = write_chunks(log, chunks)
    await fail(tailing, call)
    await tailing.poll()
    assert sorted(tailing.ingest.bodies) == sorted(written)
    tailing.crash()
    assert await tailing.poll() == []


@pytest.mark.parametrize("chunks", [2, 4])
@pytest.mark.parametrize("call", [1, 2])
async def test_a_crash_after_a_commit_that_failed(
    log: RollingLog, tailing: Tailing, call: int, chunks: int
) -> None:
    """A crash behind a hole in the committed arrivals loses nothing: the hole shows, and is read again."""
    written = write_chunks(log, chunks)
    await fail(tailing, call)
    assert set(written) - set(tailing.ingest.bodies)
    tailing.crash()
    await tailing.poll()
    assert set(tailing.ingest.bodies) == set(written)
    tailing.crash()
    assert await tailing.poll() == []


@pytest.mark.parametrize("steps", range(0, 30, 3))
async def test_cancelled_and_finished(log: RollingLog, tailing: Tailing, steps: int) -> None:
    """Wherever the stop meets the source, `finish` takes what is there, each event once (P2)."""
    written = write_chunks(log, 4)
    tailing.ingest.gate = asyncio.Event()
    running = asyncio.create_task(tailing.source.run())
    for _ in range(steps):
        await asyncio.sleep(0.0005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    written.append(log.event(99))
    tailing.ingest.gate.set()
    await tailing.source.finish()
    assert tailing.ingest.bodies == written
    tailing.crash()
    assert await tailing.poll() == []


async def test_finish_leaves_to_the_log_what_the_journal_has_no_room_for(
    log: RollingLog, tailing: Tailing
) -> None:
    """A stop does not wait for a full journal; the next start reads on."""
    body = log.event(1)
    tailing.ingest.full = -1
    await tailing.source.finish()
    assert tailing.ingest.calls == 1
    tailing.ingest.full = 0
    tailing.crash()
    assert await tailing.poll() == [body]


async def test_finish_reads_what_is_there_and_no_more(log: RollingLog, tailing: Tailing) -> None:
    """A gateway that goes on writing cannot hold up the stop."""
    written = write_chunks(log, 3)
    tailing.ingest.gate = asyncio.Event()
    finishing = asyncio.create_task(tailing.source.finish())
    await reached(tailing, 1)
    log.event(100)
    tailing.ingest.gate.set()
    await finishing
    assert tailing.ingest.bodies == written


async def test_a_long_catching_up_goes_on_looking(log: RollingLog) -> None:
    """While a backlog is read, logs that appear are opened at every interval, before log4j2 deletes them."""
    log.keep = 1
    tailing = Tailing(log.pattern, poll_interval="5ms")
    written = write_chunks(log, 2)
    tailing.ingest.gate = asyncio.Event()
    polling = asyncio.create_task(tailing.source.poll())
    await reached(tailing, 2)
    for number in range(1000, 1004):
        log.roll()
        written.append(log.event(number))
        tailing.clock.now += 1
        opened = tailing.events().count("following_log")
        await until(lambda opened=opened: tailing.events().count("following_log") > opened)  # type: ignore[misc]
    tailing.ingest.gate.set()
    await polling
    await tailing.poll()
    assert tailing.ingest.bodies == written
    tailing.close()


async def test_a_backlog_without_waiting_goes_on_looking(log: RollingLog, tailing: Tailing) -> None:
    """It also looks between two chunks when the interval is over."""
    log.keep = 1
    written = write_chunks(log, 6)
    take = tailing.ingest.__call__

    async def ingest(arrival: Arrival) -> Receipt:
        if tailing.ingest.calls % 2:
            log.roll()
            written.append(log.event(1000 + tailing.ingest.calls))
            tailing.clock.now += 1
        return await take(arrival)

    tailing.source._ingest = ingest
    await tailing.source.poll()
    await tailing.source.poll()
    assert set(written) - set(tailing.ingest.bodies) <= set(written[-1:])


class SlowClock(FakeClock):
    """Holds up the thread that reads, which asks for the time first."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.inside = 0
        self.most_inside = 0

    def monotonic(self) -> float:
        if threading.current_thread() is not threading.main_thread():
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.go.wait(10)
            self.inside -= 1
        return super().monotonic()


async def test_cancelled_while_a_thread_reads(log: RollingLog, tailing: Tailing) -> None:
    """What a thread is reading when the stop comes is not read a second time beside it."""
    written = write_chunks(log, 2)
    clock = SlowClock()
    tailing.clock = clock
    tailing.crash()
    running = asyncio.create_task(tailing.source.run())
    await until(lambda: clock.inside > 0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    finishing = asyncio.create_task(tailing.source.finish())
    for _ in range(20):
        await asyncio.sleep(0.001)
    clock.go.set()
    await finishing
    assert clock.most_inside == 1
    assert tailing.ingest.bodies == written


async def test_it_runs_until_cancelled(log: RollingLog, tailing: Tailing) -> None:
    """With the machine's own clock, what is written reaches intake by itself."""
    source = LogSource(
        "log",
        LogSourceSettings.model_validate({"paths": [log.pattern], "poll_interval": "1ms"}),
        tailing.fittings(SystemClock(), {}),
    )
    running = asyncio.create_task(source.run())
    for number in range(3):
        log.event(number)
        await until(lambda number=number: len(tailing.ingest.bodies) > number)  # type: ignore[misc]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await source.finish()
    assert tailing.ingest.bodies == [event_body(number) for number in range(3)]


async def test_what_a_lag_says(log: RollingLog, tailing: Tailing) -> None:
    """Lag counts what is seen and not journalled, half a line too."""
    log.event(1)
    log.write(b"half")
    await tailing.poll()
    size = log.path.stat().st_size
    (lag,) = tailing.source.lag()
    assert (lag.path, lag.bytes, lag.offset, lag.size) == (str(log.path), 4, size - 4, size)
    assert size - 4 == len(event_line(event_body(1)))


def test_settings() -> None:
    """Durations and sizes are written with units; a source without paths is refused."""
    settings = LogSourceSettings.model_validate(
        {"paths": ["a"], "poll_interval": "1s", "max_line_bytes": "1MiB"}
    )
    assert (settings.poll_interval, settings.max_line_bytes, settings.ignore_older) == (1, 2**20, 30 * 86400)
    with pytest.raises(ValidationError):
        LogSourceSettings.model_validate({"paths": []})


async def test_other_paths_while_it_follows(tmp_path: Path, log: RollingLog, tailing: Tailing) -> None:
    """A log that new paths leave out is read to its end, even when it is deleted; a new one from its start (P2)."""
    written = [log.event(number) for number in range(3)]
    await tailing.poll()
    written += [log.event(number) for number in range(3, 6)]
    other = tmp_path / "elsewhere" / "other.log"
    other.parent.mkdir()
    other.write_bytes(event_line(event_body(6)))
    tailing.source.renew(
        tailing.settings.model_copy(update={"paths": (str(other),)}), tailing.fittings(tailing.clock, {})
    )
    log.path.unlink()
    await tailing.poll()
    await tailing.poll(seconds=60)
    # Which of the two is read first does not matter.
    assert sorted(tailing.ingest.bodies) == sorted([*written, event_body(6)])
    assert [lag.path for lag in tailing.source.lag()] == [str(other)]
    assert "log_bytes_lost" not in tailing.events()

"""Logs that are truncated, rewritten or copied: no event twice, and what is known to be lost is counted."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from rigs.tailing import Tailing
from rigs.waiting import until


def copytruncate(log: RollingLog) -> Path:
    copy = log.folder / f"{log.name}-copy.log"
    shutil.copyfile(log.path, copy)
    os.truncate(log.path, 0)
    return copy


async def test_a_truncated_log_is_read_from_its_start(log: RollingLog, tailing: Tailing) -> None:
    """A log that shrank is another one; what was seen of it and not read is counted as lost."""
    log.event(1)
    half = event_line(event_body(2))[:60]
    log.write(half)
    await tailing.poll()
    os.truncate(log.path, 0)
    log.event(3, apiName="x")
    assert await tailing.poll() == [event_body(3, apiName="x")]
    assert tailing.count("log_truncations") == 1
    await tailing.poll(seconds=61)
    assert tailing.ingest.lost["truncated"] == len(half)


async def test_a_log_that_was_rewritten_longer_between_two_looks(log: RollingLog, tailing: Tailing) -> None:
    """A size that only grew does not hide a truncation: the bytes before the position changed."""
    log.event(1)
    await tailing.poll()
    os.truncate(log.path, 0)
    written = [log.event(number) for number in range(2, 9)]
    assert await tailing.poll() == written
    assert tailing.count("log_truncations") == 1
    os.truncate(log.path, 0)
    same_size = [log.event(number) for number in range(12, 19)]
    os.utime(log.path, ns=(1, 1))
    assert await tailing.poll() == same_size


async def test_a_log_that_was_rewritten_while_down(log: RollingLog, tailing: Tailing) -> None:
    """The same inode with other content is a new log."""
    log.event(1)
    await tailing.poll()
    tailing.crash()
    os.truncate(log.path, 0)
    written = [log.event(number) for number in range(2, 9)]
    assert await tailing.poll() == written
    tailing.crash()
    assert await tailing.poll() == []


@pytest.mark.parametrize("down", [False, True])
async def test_copytruncate(log: RollingLog, tailing: Tailing, down: bool) -> None:
    """The copy is read on from where the log was, and the log from its start: nothing twice, nothing lost."""
    written = [log.event(number) for number in range(20)]
    await tailing.poll()
    if down:
        tailing.crash()
    written += [log.event(number) for number in range(20, 25)]
    copytruncate(log)
    written += [log.event(number) for number in range(25, 99)]
    await tailing.poll()
    await tailing.poll(seconds=100)
    tailing.crash()
    await tailing.poll(seconds=100)
    assert tailing.ingest.bodies == written
    assert tailing.ingest.lost["truncated"] == 0


@pytest.mark.parametrize("size", [0, 10, 700, 3000, 4500])
async def test_copytruncate_seen_half_way(log: RollingLog, tailing: Tailing, size: int) -> None:
    """Looks while the copy is being made, and between copy and truncation, repeat nothing."""
    written = [log.event(number) for number in range(20)]
    await tailing.poll()
    copy = log.folder / "apim_metrics-copy.log"
    text = log.path.read_bytes()
    with copy.open("wb", buffering=0) as file:
        file.write(text[:size])
        await tailing.poll()
        written.append(log.event(100))
        file.write(text[size:])
        await tailing.poll()
        file.write(log.path.read_bytes()[len(text) :])
        await tailing.poll()
        assert tailing.ingest.bodies == written
        late = log.event(101)
        file.write(event_line(late))
        written.append(late)
        os.truncate(log.path, 0)
        await tailing.poll()
    written.append(log.event(102))
    await tailing.poll()
    assert tailing.ingest.bodies == written
    tailing.crash()
    await tailing.poll(seconds=100)
    assert tailing.ingest.bodies == written
    assert sum("launch" not in key for key in tailing.ingest.rows) == 2


async def test_a_copy_that_is_finished_and_the_log_truncated_between_two_looks(
    log: RollingLog, tailing: Tailing
) -> None:
    """A copy that was known when it was half made is read on from where the log was read, not the copy."""
    written = [log.event(number) for number in range(20)]
    text = log.path.read_bytes()
    await tailing.poll()
    with (log.folder / "apim_metrics-copy.log").open("wb", buffering=0) as file:
        file.write(text[:3000])
        await tailing.poll()
        await tailing.poll()
        file.write(text[3000:])
        written.append(log.event(20))
        file.write(event_line(written[-1]))
        os.truncate(log.path, 0)
    await tailing.poll()
    assert tailing.ingest.bodies == written


async def test_a_log_that_is_rewritten_between_look_and_read(log: RollingLog, tailing: Tailing) -> None:
    """The bytes before the position are compared after each read, so that no line is read from its middle."""
    log.event(1)
    await tailing.poll()
    log.event(2)
    tailing.source._following.look()
    os.truncate(log.path, 0)
    written = [log.event(number, apiName="another") for number in range(3, 9)]
    chunk = tailing.source._following.next_chunk()
    assert chunk is not None
    assert chunk.lines.frames.bodies == written
    assert chunk.lines.frames.places[0] == 0


async def test_a_backup_beside_the_log(log: RollingLog, tailing: Tailing) -> None:
    """A copy that somebody keeps is not read, not after more was written, a roll, or a restart either."""
    written = [log.event(number) for number in range(20)]
    await tailing.poll()
    shutil.copyfile(log.path, log.folder / "apim_metrics-backup.log")
    await tailing.poll()
    assert tailing.events().count("log_is_a_copy") == 1
    written.append(log.event(30))
    await tailing.poll()
    log.roll()
    written.append(log.event(31))
    await tailing.poll()
    assert all(lag.bytes == 0 for lag in tailing.source.lag())
    tailing.crash()
    written.append(log.event(32))
    await tailing.poll()
    assert tailing.ingest.bodies == written


async def test_a_backup_and_a_log_that_grew_while_down(log: RollingLog, tailing: Tailing) -> None:
    """After a restart the position goes with the inode, where log and backup both fit it."""
    for number in range(20):
        log.event(number)
    await tailing.poll()
    tailing.crash()
    shutil.copyfile(log.path, log.folder / "apim_metrics-backup.log")
    os.utime(log.folder / "apim_metrics-backup.log", (1, 1))
    body = log.event(30)
    assert await tailing.poll() == [body]
    assert tailing.count("log_rotations") == 0


async def test_a_copy_that_is_written_instead_of_the_log(log: RollingLog, tailing: Tailing) -> None:
    """When only the copy grows, it is read from where the log ended."""
    for number in range(20):
        log.event(number)
    await tailing.poll()
    copy = log.folder / "apim_metrics-copy.log"
    shutil.copyfile(log.path, copy)
    await tailing.poll()
    with copy.open("ab") as file:
        file.write(event_line(event_body(50)))
    assert await tailing.poll(seconds=1) == []
    assert await tailing.poll(seconds=6) == [event_body(50)]


async def test_a_log_truncated_while_its_events_are_on_their_way(log: RollingLog) -> None:
    """What is forgotten while it is being committed does not come back as a row."""
    tailing = Tailing(log.pattern, poll_interval="5ms")
    log.event(1)
    tailing.ingest.gate = asyncio.Event()
    polling = asyncio.create_task(tailing.source.poll())
    await until(lambda: tailing.ingest.waiting == 1)
    os.truncate(log.path, 0)
    for _ in range(3):
        tailing.clock.now += 61
        await until(lambda: tailing.source._next_look > tailing.clock.now)
    assert "log_truncated" in tailing.events()
    tailing.ingest.gate.set()
    await polling
    log.event(2, apiName="x")
    await tailing.poll(seconds=61)
    await tailing.poll(seconds=61)
    assert sum("launch" not in key for key in tailing.ingest.rows) == 1
    tailing.close()


async def test_a_copy_that_is_there_at_the_first_start(log: RollingLog, tailing: Tailing) -> None:
    """Two files with the same events give each of them once."""
    written = [log.event(number) for number in range(20)]
    shutil.copyfile(log.path, log.folder / "apim_metrics-backup.log")
    await tailing.poll()
    await tailing.poll()
    assert tailing.ingest.bodies == written


async def test_a_copy_that_goes_its_own_way(log: RollingLog, tailing: Tailing) -> None:
    """Somebody writes on in a copy: what only the copy has is read there."""
    for number in range(20):
        log.event(number)
    await tailing.poll()
    copy = log.folder / "apim_metrics-copy.log"
    shutil.copyfile(log.path, copy)
    await tailing.poll()
    with copy.open("ab", buffering=0) as file:
        file.write(event_line(event_body(500)))
        log.event(600)
        await tailing.poll()
        await tailing.poll()
        file.write(event_line(event_body(501)))
        log.event(601)
    await tailing.poll()
    assert sorted(tailing.ingest.bodies[20:]) == sorted(map(event_body, (500, 501, 600, 601)))


async def test_a_copy_whose_original_is_deleted(log: RollingLog, tailing: Tailing) -> None:
    """Move by copy and delete: the copy takes the log's place, and what is written to it later is read."""
    for number in range(20):
        log.event(number)
    await tailing.poll()
    copy = log.folder / "apim_metrics-copy.log"
    shutil.copyfile(log.path, copy)
    await tailing.poll()
    log.path.unlink()
    await tailing.poll(seconds=1)
    await tailing.poll(seconds=6)
    with copy.open("ab") as file:
        file.write(event_line(event_body(50)))
    assert await tailing.poll() == [event_body(50)]
    tailing.crash()
    assert await tailing.poll(seconds=100) == []

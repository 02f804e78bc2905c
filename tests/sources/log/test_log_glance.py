"""Reading on without a look: what a glance sees, and what it leaves to a look."""

import itertools
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from rigs.clock import FakeClock
from rigs.tailing import Tailing

from bridge.sources.log.files import CHUNK_BYTES, LogFile
from bridge.sources.log.glance import Glance, stamps_of
from bridge.sources.log.positions import HEAD_BYTES
from bridge.sources.log.search import SeenFile

_YEARS = itertools.count(1)
# So many lines are more than the head by which a log is known.
_HEAD = 5


class NotingClock(FakeClock):
    """Counts the looks: they alone are made in a thread, and ask for the time there."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_in_threads = 0

    def monotonic(self) -> float:
        self.asked_in_threads += threading.current_thread() is not threading.main_thread()
        return super().monotonic()


def date(folder: Path) -> None:
    """Let the last change of a folder be long ago, and another one than before."""
    at = next(_YEARS) * 10**15
    os.utime(folder, ns=(at, at))


class Glancing:
    """A log of a few lines that was read, in a folder in which nothing has changed for long."""

    def __init__(self, log: RollingLog, pattern: str) -> None:
        self.log = log
        self.tailing = Tailing(pattern)
        self.tailing.clock = self.clock = NotingClock()
        self.tailing.crash()
        self.written = [log.event(number) for number in range(_HEAD)]

    async def settle(self) -> None:
        date(self.log.folder)
        # The first look finds out which folders count.
        await self.tailing.poll()
        await self.tailing.poll()
        self.clock.asked_in_threads = 0

    async def sees(self, *bodies: bytes) -> None:
        """Look or glance once, and have seen all that was written."""
        self.written += bodies
        await self.tailing.poll()
        assert self.tailing.ingest.bodies == self.written

    @property
    def looked(self) -> bool:
        """Whether it looked since this was asked last."""
        asked, self.clock.asked_in_threads = self.clock.asked_in_threads, 0
        return asked > 0


@pytest.fixture
async def glancing(tmp_path: Path) -> AsyncIterator[Glancing]:
    log = RollingLog(tmp_path)
    glancing = Glancing(log, log.pattern)
    await glancing.settle()
    yield glancing
    glancing.tailing.close()
    log.close()


async def test_what_is_written_is_read_without_a_look(glancing: Glancing) -> None:
    """Nothing, a few lines, and a line in two halves are seen by reading on; the position is that of a look (P2)."""
    log, line = glancing.log, event_line(event_body(99))
    await glancing.sees()
    await glancing.sees(*(log.event(number) for number in range(10, 14)))
    log.write(line[:100])
    await glancing.sees()
    assert [lag.bytes for lag in glancing.tailing.source.lag()] == [100]
    log.write(line[100:])
    await glancing.sees(event_body(99))
    assert [lag.bytes for lag in glancing.tailing.source.lag()] == [0]
    assert not glancing.looked
    places = [place for _, place in glancing.tailing.ingest.places]
    text = log.path.read_bytes()
    assert all(
        text[place:].startswith(event_line(body))
        for body, place in zip(glancing.written, places, strict=True)
    )
    glancing.tailing.crash()
    await glancing.sees(log.event(100))


async def test_a_second_after_a_look_comes_the_next(glancing: Glancing) -> None:
    """What only a look sees waits no longer than a second."""
    await glancing.sees(glancing.log.event(10))
    assert not glancing.looked
    glancing.clock.now += 1
    await glancing.sees(glancing.log.event(11))
    assert glancing.looked


async def test_a_folder_that_changed_is_looked_at(glancing: Glancing) -> None:
    """A rolled log is read to its end and the new one from its start, as if every poll had looked (P2)."""
    log = glancing.log
    await glancing.sees(log.event(10))
    before = log.event(11)
    log.roll()
    await glancing.sees(before, log.event(12))
    assert glancing.looked
    assert glancing.tailing.count("log_rotations") == 1


async def test_a_folder_that_changed_just_now_is_looked_at(glancing: Glancing) -> None:
    """Of a folder that was changed in the last second the next change may not show: no poll relies on it."""
    glancing.clock.epoch = glancing.log.folder.stat().st_mtime - glancing.clock.now
    glancing.clock.now += 1
    await glancing.sees()
    assert glancing.looked
    await glancing.sees(glancing.log.event(10))
    assert glancing.looked


async def test_a_log_that_a_link_leads_to(tmp_path: Path) -> None:
    """What counts is the folder that the log is in, not only that of the link."""
    (tmp_path / "far").mkdir()
    log = RollingLog(tmp_path / "far")
    (tmp_path / "near").mkdir()
    link = tmp_path / "near" / "current.log"
    link.symlink_to(log.path)
    glancing = Glancing(log, str(link))
    date(link.parent)
    await glancing.settle()
    await glancing.sees(log.event(11))
    assert not glancing.looked
    before = log.event(12)
    log.roll()
    after = log.event(13)
    await glancing.tailing.poll()
    assert set(glancing.tailing.ingest.bodies) == {*glancing.written, before, after}
    glancing.tailing.close()
    log.close()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second file system")
async def test_a_folder_on_another_device(tmp_path: Path) -> None:
    """That a log's reads need not wait says nothing of a folder elsewhere: only a thread asks for that."""
    log = RollingLog(tmp_path)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        link = Path(folder) / "current.log"
        link.symlink_to(log.path)
        glancing = Glancing(log, str(link))
        date(link.parent)
        await glancing.settle()
        await glancing.sees(log.event(10))
        assert glancing.looked
        glancing.tailing.close()
    log.close()


async def test_folders_that_a_pattern_names(tmp_path: Path) -> None:
    """Logs in folders that may appear at any time are looked for at every poll."""
    (tmp_path / "one").mkdir()
    log = RollingLog(tmp_path / "one")
    glancing = Glancing(log, str(tmp_path / "*" / "apim_metrics*.log"))
    date(tmp_path)
    await glancing.settle()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "apim_metrics.log").write_bytes(event_line(event_body(10)))
    date(tmp_path)
    await glancing.sees(event_body(10))
    glancing.tailing.close()
    log.close()


@pytest.mark.parametrize("lines", [1, _HEAD + 1, 20])
async def test_a_log_that_is_truncated(glancing: Glancing, lines: int) -> None:
    """A glance sees that the bytes before the position are others, and leaves the rest to a look."""
    log = glancing.log
    await glancing.sees(log.event(10))
    await glancing.sees()
    os.truncate(log.path, 0)
    # As long as the name before: so many lines as before take as many bytes.
    await glancing.sees(*(log.event(number, apiName="AnotherAPIToo") for number in range(20, 20 + lines)))
    assert glancing.looked
    assert glancing.tailing.count("log_truncations") == 1
    await glancing.sees(log.event(50))


async def test_a_log_that_was_rewritten_between_look_and_read(glancing: Glancing) -> None:
    """A log is no longer watched when a read finds another log in its file."""
    log, following = glancing.log, glancing.tailing.source._following
    log.event(10)
    following.look()
    os.truncate(log.path, 0)
    written = [log.event(number, apiName="another") for number in range(20, 29)]
    chunk = following.next_chunk()
    assert chunk is not None
    assert chunk.lines.frames.bodies == written
    assert following.next_chunk() is None
    await glancing.sees(log.event(30))


async def test_more_than_a_little(glancing: Glancing) -> None:
    """A chunk or more is read in a thread, and so is a line without end."""
    log = glancing.log
    await glancing.sees(*(log.event(number, pad="x" * (CHUNK_BYTES // 3)) for number in range(10, 15)))
    assert glancing.looked
    await glancing.sees()
    log.write(b"x" * 2 * CHUNK_BYTES)
    await glancing.sees()
    assert glancing.looked


async def test_a_log_that_just_began(glancing: Glancing) -> None:
    """A log is known by its head: as long as that grows, its lines are read with a look."""
    log = glancing.log
    log.roll()
    date(log.folder)
    await glancing.sees()
    assert glancing.looked
    for number in range(10, 20):
        read = log.path.stat().st_size
        await glancing.sees(log.event(number))
        assert glancing.looked == (read < HEAD_BYTES)
    glancing.tailing.crash()
    await glancing.sees(log.event(20))


async def test_the_last_poll_looks(glancing: Glancing) -> None:
    """At the stop every log is read to its end, whatever a glance would see."""
    glancing.written.append(glancing.log.event(10))
    await glancing.tailing.source.finish()
    assert glancing.tailing.ingest.bodies == glancing.written
    assert glancing.looked


async def test_a_file_system_that_may_wait() -> None:
    """Where the system cannot promise to answer from memory, a thread reads: proc is such a file system."""
    # Nobody can write a log there, so what is asked is the part that decides.
    glance = Glance()
    stamps = stamps_of(["/proc"])
    log = LogFile("log:1", SeenFile("/proc/self/limits", (stamps["/proc"][0], 1), 0, 0))
    log.descriptor = os.open(log.path, os.O_RDONLY)
    glance.begin([log], stamps, 0, time.time() + 60)
    assert glance.holds(0)
    with pytest.raises(OSError, match="not supported"):
        glance.read(log, 2**20, 0)
    log.close()
    # From then on not even its folder is asked for on the event loop.
    glance.begin([log], stamps, 0, time.time() + 60)
    assert not glance.holds(0)


async def test_many_logs_at_a_glance(tmp_path: Path) -> None:
    """However many logs were written to, a glance brings little more than a chunk; a look brings the rest (P8)."""
    paths = [tmp_path / f"{number}.log" for number in range(6)]
    numbers = itertools.count()

    def write(lines: int) -> None:
        for path in paths:
            with path.open("ab") as file:
                file.writelines(event_line(event_body(next(numbers), note="x" * 1000)) for _ in range(lines))

    write(_HEAD)
    tailing = Tailing(tmp_path / "*.log")
    date(tmp_path)
    await tailing.poll()
    await tailing.poll()
    write(150)
    chunks = tailing.source._following.glance()
    assert chunks
    brought = sum(chunk.lines.frames.consumed for chunk in chunks)
    assert CHUNK_BYTES <= brought < 2 * CHUNK_BYTES
    tailing.crash()
    await tailing.poll()
    assert len(tailing.ingest.bodies) == 6 * (_HEAD + 150)
    tailing.close()

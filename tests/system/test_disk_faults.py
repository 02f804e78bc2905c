"""Bad disks under the real daemon: full, failing, read-only, and files that are changed behind its back."""

import asyncio
import os
import random
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.small_disks import small_disk
from rigs.daemon import Daemon, balanced, free_port
from rigs.events import event, number_of
from rigs.rig import Rig, accepted, opened, overwrite
from rigs.scenes import KEY, config, done, write_log
from rigs.waiting import until

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import JournalLocked, JournalUnusable, JournalWaits
from bridge.journal import BlockCorrupt, StateLock
from bridge.journal.schema import PAGE_BYTES

SETTINGS = """
[bridge.sources.http]
listen = "127.0.0.1:{port}"
[bridge.journal]
min_free_bytes = 0
"""


class Poster:
    """Posts events that do not compress, and notes which of them were acknowledged."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}/events"
        self._chance = random.Random(3)
        self._next = 0
        self.acknowledged: set[int] = set()
        self.refused = 0

    async def post(self, events: int = 10, size: int = 5000) -> int:
        numbers = range(self._next, self._next + events)
        self._next += events
        text = b"\n".join(event(number, userAgent=self._chance.randbytes(size).hex()) for number in numbers)
        async with self._session.post(self._url, data=text) as response:
            if response.status == 202:
                self.acknowledged.update(numbers)
            else:
                assert response.status == 503
                assert response.headers["Retry-After"]
                self.refused += 1
            return response.status

    async def until(self, status: int) -> None:
        async with asyncio.timeout(30):
            while await self.post() != status:
                pass


def arrived(moesif: MoesifLookalike) -> set[int]:
    return {int(event["metadata"]["correlationId"].rsplit("-", 1)[1], 16) for event in moesif.events}


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[tuple[Daemon, MoesifLookalike, Poster]]:
    """A daemon with HTTP, whose Moesif refuses connections, and a poster."""
    port = free_port()
    async with MoesifLookalike(key=KEY) as moesif, aiohttp.ClientSession() as session:
        daemon = Daemon(folder, config(folder, moesif.url, more=SETTINGS.format(port=port)))
        # The events of these tests have no address of their own.
        moesif.knobs.full_uris = False
        async with daemon:
            await moesif.refuse_connections()
            yield daemon, moesif, Poster(session, port)


async def settle(daemon: Daemon, moesif: MoesifLookalike, poster: Poster) -> None:
    """Let the destination come back, and see that all that was acknowledged arrives and the journal is sound."""
    await moesif.accept_connections()
    status = await daemon.until(lambda now: done(now, len(poster.acknowledged)))
    assert balanced(status)
    assert poster.acknowledged <= arrived(moesif)
    assert moesif.unique == len(arrived(moesif))
    code, output, _ = await daemon.command("journal", "verify")
    assert code == 0, output
    assert await daemon.stop() == 0
    code, output, _ = await daemon.command("journal", "verify")
    assert code == 0, output


async def test_a_full_disk(tmp_path: Path) -> None:
    """P1: on a really full disk nothing is acknowledged that is not there; with room again everything arrives."""
    with small_disk(tmp_path / "state", 12 * 2**20) as disk:
        async with scene(tmp_path) as (daemon, moesif, poster):
            await poster.until(202)
            ballast = disk.fill(leave_bytes=2**20)
            await poster.until(503)
            for _ in range(5):
                await poster.post()
            assert "full" in (await daemon.ask("status"))["obstacle"]
            # A little room comes and goes: full at whatever write it may be.
            for size in range(0, 200_000, 50_000):
                ballast.unlink()
                disk.fill(leave_bytes=size)
                for _ in range(3):
                    await poster.post(events=1 + size // 40_000)
            assert poster.refused > 5
            assert daemon.events("journal_commit_failed")
            # A bridge that is killed then starts on the full disk, too.
            await daemon.kill()
            await daemon.start()
            ballast.unlink()
            await poster.until(202)
            await settle(daemon, moesif, poster)
            assert not daemon.events("journal_set_aside")


def test_a_lock_on_a_full_disk(tmp_path: Path) -> None:
    """The state folder is one daemon's on a full disk, too, though its lock cannot say whose."""
    with small_disk(tmp_path / "state", 2**20) as disk:
        disk.fill()
        with StateLock(disk.path):
            assert StateLock.is_held(disk.path)
            with pytest.raises(JournalLocked), StateLock(disk.path):
                pass
        assert not StateLock.is_held(disk.path)


async def test_writes_that_fail_for_a_while(tmp_path: Path) -> None:
    """P1: an I/O error gets 503, is logged, not taken for damage, and over when the disk works again."""
    async with scene(tmp_path) as (daemon, moesif, poster):
        await poster.until(202)
        # The kernel refuses every write beyond this, as a broken disk does.
        limit = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (PAGE_BYTES, limit[1]))
        for _ in range(5):
            assert await poster.post() == 503
        assert "disk I/O error" in (await daemon.ask("status"))["obstacle"]
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limit)
        await poster.until(202)
        assert (await daemon.ask("status"))["taking_events"]
        assert daemon.events("journal_commit_failed")
        await settle(daemon, moesif, poster)
        assert not daemon.events("journal_damaged")


async def test_a_read_only_disk(tmp_path: Path) -> None:
    """On a read-only file system the start ends with 2 and says what to do; nothing there is changed."""
    with small_disk(tmp_path / "state", 2**20) as disk:
        disk.make_read_only()
        async with MoesifLookalike(key=KEY) as moesif:
            daemon = Daemon(tmp_path, config(tmp_path, moesif.url))
            code, _, errors = await daemon.command("run")
            assert code == 2
            assert "Read-only file system" in errors
            assert "state_dir" in errors
            assert not list(disk.path.iterdir())


async def test_a_journal_that_becomes_read_only(tmp_path: Path) -> None:
    """A journal on a disk that was mounted read-only after an error is refused in words, and not set aside."""
    with small_disk(tmp_path / "state", 4 * 2**20) as disk:
        async with opened(disk.path, "moesif") as rig:
            await rig.append(3)
            await rig.journal.close()
            disk.make_read_only()
            with pytest.raises(JournalUnusable, match="Read-only"):
                await rig.open("moesif")
            assert not list(disk.path.glob("*damaged*"))
            await make_writable(disk.path)
            await rig.open("moesif")
            assert rig.journal.pending == {"moesif": 3}


async def make_writable(path: Path) -> None:
    process = await asyncio.create_subprocess_exec("mount", "-o", "remount,rw", str(path))
    assert await process.wait() == 0


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal"])
async def test_deleted_while_running(tmp_path: Path, name: str) -> None:
    """P1: once the file is gone nothing more is acknowledged, the log says so, and what waits is delivered."""
    async with scene(tmp_path) as (daemon, moesif, poster):
        await poster.until(202)
        (tmp_path / "state" / name).unlink()
        assert await poster.post() == 503
        status = await daemon.ask("status")
        assert "deleted or replaced" in status["obstacle"]
        await moesif.accept_connections()
        await daemon.until(lambda now: not now["sinks"]["moesif"]["pending"])
        assert arrived(moesif) == poster.acknowledged
        assert await poster.post() == 503
        assert await daemon.stop() == 0
        await daemon.start()
        await poster.until(202)
        await daemon.until(lambda now: not now["sinks"]["moesif"]["pending"])
        assert poster.acknowledged <= arrived(moesif)


async def test_a_wal_that_is_missing_at_the_start(tmp_path: Path) -> None:
    """P2, P5: what stood in a lost WAL is read from the log again, under the same ids, and the books balance."""
    async with MoesifLookalike(key=KEY) as moesif:
        lines = list(make_lines(100, seed=3))
        daemon = Daemon(tmp_path, config(tmp_path, moesif.url))
        async with daemon:
            write_log(tmp_path, lines[:50])
            await daemon.until(lambda now: done(now, 50))
            assert await daemon.stop() == 0
            await daemon.start()
            write_log(tmp_path, lines[50:])
            await daemon.until(lambda now: done(now, 100))
            await daemon.kill()
            (tmp_path / "state" / "journal.db-wal").unlink()
            await daemon.start()
            status = await daemon.until(lambda now: done(now, 100))
            assert balanced(status)
            assert not daemon.events("books_differ")
        assert moesif.unique == 100


async def everything(rig: Rig, sink: str) -> list[int]:
    """Deliver all that can be read to a sink, and count the rest as corrupt; returns the events' numbers."""
    cursor = await rig.journal.cursor(sink)
    seq, numbers, lost, bad = cursor.seq, list[int](), 0, list[tuple[int, str]]()
    while seq <= rig.journal.last_seq:
        try:
            block = await rig.journal.next_block(seq)
        except BlockCorrupt as error:
            lost += error.count
            bad.append((error.seq, "crc"))
            seq = error.seq + 1
            continue
        numbers += [number_of(data) for data in block.bodies]
        seq = block.seq + 1
    await rig.deliver(sink, seq, len(numbers), corrupt=lost, corrupt_blocks=bad)
    return numbers


def zeroed(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES, bytes(8 * PAGE_BYTES))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def scattered(path: Path) -> None:
    chance = random.Random(5)
    data = bytearray(path.read_bytes())
    for _ in range(20):
        data[chance.randrange(2 * PAGE_BYTES, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [zeroed, truncated, scattered])
async def test_a_file_that_was_harmed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """P7: zeros in the middle, a lost end, flipped bits: what is readable comes in order, the rest is counted."""
    chance = random.Random(1)
    async with opened(tmp_path, "moesif") as rig:
        for number in range(60):
            job = accepted([number])
            job.bodies[0] = event(number, userAgent=chance.randbytes(4000).hex())
            await rig.journal.append(job)
        await rig.journal.close()
        harm(tmp_path / "journal.db")
        await rig.open("moesif")
        numbers = await everything(rig, "moesif")
        assert numbers == sorted(set(numbers))
        assert len(numbers) > 20
        assert len(numbers) + rig.journal.totals.sum("events_corrupt", "moesif") == 60
        assert rig.journal.pending == {"moesif": 0}
        assert not rig.said_of("books_differ")
        rig.check_books()


async def test_a_slow_disk(tmp_path: Path) -> None:
    """P1: while the disk does not answer nothing is acknowledged, and afterwards all of it is, in few commits."""
    async with opened(tmp_path, "moesif") as rig:
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        appends: list[asyncio.Future[Any]] = []
        try:
            appends = [asyncio.ensure_future(rig.append(1)) for _ in range(50)]
            await until(lambda: rig.journal.stuck_seconds(1e12) > 0)
            assert not any(append.done() for append in appends)
        finally:
            other.execute("ROLLBACK")
            other.close()
        await asyncio.gather(*appends)
        assert rig.journal.pending == {"moesif": 50}
        assert rig.commits() < 10
        rig.check_books()


async def test_deleted_behind_an_open_journal(tmp_path: Path) -> None:
    """P1: a journal without a name takes nothing, even when another file has its place."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(1)
        copy = (tmp_path / "journal.db").read_bytes()
        (tmp_path / "journal.db").unlink()
        (tmp_path / "journal.db").write_bytes(copy)
        with pytest.raises(JournalWaits, match="deleted or replaced"):
            await rig.append(1)
        assert len(rig.said_of("journal_commit_failed")) == 1
        assert not rig.said_of("journal_full")
        assert "deleted or replaced" in str(rig.journal.obstacle())
        await rig.deliver("moesif", 2, 1)
        assert rig.journal.pending == {"moesif": 0}

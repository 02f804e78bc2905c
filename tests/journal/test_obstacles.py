"""What keeps events out of the journal: each is called by its name, with its cure, and is over when it is over."""

from pathlib import Path

import pytest
from fakes.foreign_program import foreign_program
from fakes.small_disks import small_disk
from rigs.rig import accepted, opened

from bridge.errors import JournalFull, JournalWaits
from bridge.journal.schema import WAL_BYTES

MIB = 2**20


async def test_a_foreign_write_lock_is_called_what_it_is(tmp_path: Path) -> None:
    """While another program holds the write lock the journal is not full: program and cure are named."""
    async with opened(tmp_path, "moesif") as rig, foreign_program(tmp_path / "journal.db") as foreign:
        await rig.append(1)
        rig.journal._writer._connection.execute("PRAGMA busy_timeout = 50")
        await foreign.run("BEGIN IMMEDIATE")
        with pytest.raises(JournalWaits, match="write lock") as caught:
            await rig.append(1)
        assert not isinstance(caught.value, JournalFull)
        assert caught.value.reason == "locked"
        assert f"process {foreign.pid} (python" in str(caught.value)
        assert caught.value.in_short == "another program holds the journal's write lock"
        obstacle = rig.journal.obstacle()
        assert obstacle is not None
        assert obstacle.reason == "locked"
        with pytest.raises(JournalWaits, match="write lock"):
            await rig.deliver("moesif", 2, 1)
        assert not rig.said_of("journal_full")
        await foreign.run("ROLLBACK")
        await rig.append(1)
        assert rig.journal.obstacle() is None
        await rig.deliver("moesif", 2, 1)
        rig.check_books()


async def test_a_full_disk_is_called_what_it_is(tmp_path: Path) -> None:
    """A write that finds no room on the disk is the disk's fault, and what was not written is not counted."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(1)
        connection = rig.journal._writer._connection
        connection.execute(f"PRAGMA max_page_count = {rig.value('PRAGMA page_count')}").fetchone()
        large = accepted([100])
        large.bodies[0] += b" " * 10
        large.ids *= 20_000
        large.bodies *= 20_000
        with pytest.raises(JournalWaits, match="make room") as caught:
            await rig.journal.append(large)
        assert caught.value.reason == "disk_error"
        rig.check_books()


async def test_a_reader_that_is_left_open_is_noticed(tmp_path: Path) -> None:
    """P8: a foreign read transaction makes the WAL grow: it is reported with its cure, counts, and ends by itself."""
    folder = tmp_path / "state"
    # In memory: 65 MiB through a busy disk take a minute.
    with small_disk(folder, 256 * MIB):
        async with (
            opened(folder, "moesif", max_bytes=WAL_BYTES) as rig,
            foreign_program(folder / "journal.db") as reader,
            foreign_program(folder / "journal.db") as writer,
        ):
            await rig.append(1)
            assert rig.journal.starved() is None
            await reader.run("BEGIN")
            await reader.run("SELECT count(*) FROM blocks")
            for statement in (
                "PRAGMA synchronous = OFF",
                "CREATE TABLE scratch (x)",
                f"INSERT INTO scratch VALUES (zeroblob({2 * WAL_BYTES + MIB}))",
            ):
                await writer.run(statement)
            rig.clock.now += 1
            with pytest.raises(JournalFull, match="read transaction") as caught:
                await rig.append(1)
            assert caught.value.reason == "open_reader"
            assert f"process {reader.pid} (python" in str(caught.value)
            assert f"{writer.pid}" not in str(caught.value)
            assert str(reader.pid) in (rig.journal.starved() or "")
            assert rig.journal.sizes()["wal_bytes"] > 2 * WAL_BYTES
            assert rig.journal.sizes()["used_bytes"] > WAL_BYTES
            # As long as it reads, nothing helps; the upkeep does not hang at it.
            await rig.journal.tidy()
            assert rig.journal.starved() is not None
            await reader.run("COMMIT")
            await rig.journal.tidy()
            assert rig.journal.starved() is None
            assert rig.journal.sizes()["wal_bytes"] <= WAL_BYTES
            await rig.append(1)
            rig.check_books()

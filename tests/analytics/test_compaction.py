"""`analytics compact` and the start: the files get smaller, hold the same, and are whole whenever it is killed."""

import asyncio
import json
import random
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes.analytics_processes import server_process
from fakes.small_disks import small_disk
from fakes.tagged_events import FIRST_MS, calls, received
from rigs.analytics_erasing import erase
from rigs.forks import FORKS, run_command

from bridge.analytics.store import Store
from bridge.analytics.store.compaction import any_room, compact, much_room
from bridge.analytics.store.verification import StoreVerification
from bridge.errors import StoreUnusable, StoreWaits

COUNT = 3_000
KEPT = 500
GROUPS = 250_000
"""DuckDB frees the room of rows when a whole group of 122,880 is deleted."""


def made() -> list[dict[str, Any]]:
    return [*calls(COUNT, userName="user", strange=["x" * 300])]


async def filled(folder: Path, old: int = 0) -> list[str]:
    """Make a store whose events are nearly all gone, so many older ones among them.

    Returns the ids of those that are there.
    """
    async with Store.opened(folder):
        pass
    # These are quicker made by DuckDB itself.
    with duckdb.connect(folder / "analytics.duckdb") as facts:
        facts.execute(
            "CREATE TEMP TABLE old AS SELECT uuid() AS id, TIMESTAMP '2026-09-01' + INTERVAL 1 SECOND * range AS time"
            " FROM range(?)",
            [old],
        )
        facts.execute("INSERT INTO facts (id, time, received) SELECT id, time, time FROM old")
        facts.execute("INSERT INTO details (id, time, rest) SELECT id, time, '{}' FROM old")
    async with Store.opened(folder, least_free_bytes=0) as store:
        await store.append([received(one) for one in made()])
        await store.account("gateway", "host", 1, {"taken": COUNT})
        assert await store.keep_until(FIRST_MS + (COUNT - KEPT) * 1000) == old + COUNT - KEPT
        rows = await store.ask("SELECT id::VARCHAR FROM facts ORDER BY time", (), 5)
    return [number for (number,) in rows]


def made_smaller(folder: Path, least_free_bytes: int = 0) -> list[str]:
    return [
        one.name
        for one in compact(folder, any_room, memory_bytes=2**28, threads=2, least_free_bytes=least_free_bytes)
    ]


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


async def require_whole(folder: Path, ids: list[str]) -> None:
    """Everything is sound, and the same events are there, whole and in their order."""
    with StoreVerification.opened(folder, memory_bytes=2**28, threads=2) as checks:
        assert [*checks.findings()] == []
    async with Store.opened(folder) as store:
        rows = await store.ask("SELECT id::VARCHAR FROM facts", (), 5)
        assert [number for (number,) in rows] == ids
        assert await store.events(ids) == made()[-KEPT:]
        assert len(await store.accounts()) == 1


async def test_the_files_get_smaller_and_hold_the_same(tmp_path: Path) -> None:
    """Both files, with their rights; what is as small as can be stays as it is."""
    ids = await filled(tmp_path, GROUPS)
    before = sizes(tmp_path)
    assert made_smaller(tmp_path) == ["analytics.duckdb", "people.db"]
    after = sizes(tmp_path)
    assert after.keys() == before.keys()
    assert after["people.db"] < before["people.db"] / 3
    assert after["analytics.duckdb"] < before["analytics.duckdb"]
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in after} == {0o600}
    await require_whole(tmp_path, ids)
    assert "people.db" not in made_smaller(tmp_path)


async def test_numbers_of_people_are_never_given_again(tmp_path: Path) -> None:
    """SQLite's sequence goes into the copy: a number that was erased does not come to mean somebody else."""
    await filled(tmp_path)
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in calls(1, COUNT, userName="last")])
        (number,) = await store.people.find("user", ["last"])
        await erase(store, "user", "last")
    made_smaller(tmp_path)
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in calls(1, COUNT + 1, userName="next")])
        assert await store.people.find("user", ["next"]) > [number]


def _compact_for_ever(folder: Path) -> None:
    while True:
        compact(folder, lambda *_: True, memory_bytes=2**28, threads=2, least_free_bytes=0)


@contextmanager
def compacting(folder: Path) -> Iterator[None]:
    """Copy the files again and again, in a process that is killed when the block ends."""
    process = FORKS.Process(target=_compact_for_ever, args=(folder,))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


async def test_kill_9_at_any_moment_leaves_a_whole_store(tmp_path: Path, *, full: bool) -> None:
    """Whatever was half done, the next one begins anew, and leaves nothing behind."""
    ids = await filled(tmp_path)
    chance = random.Random(3)
    inodes = {(tmp_path / "people.db").stat().st_ino}
    for _ in range(30 if full else 3):
        with compacting(tmp_path):
            # Once it has exchanged a file, at any moment of the next rounds.
            while (tmp_path / "people.db").stat().st_ino in inodes:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0, 0.3))
        inodes.add((tmp_path / "people.db").stat().st_ino)
        made_smaller(tmp_path)
        assert {*sizes(tmp_path)} == {"analytics.duckdb", "people.db", "lock"}
        await require_whole(tmp_path, ids)


async def test_a_start_removes_what_a_killed_one_has_left(tmp_path: Path) -> None:
    """Half a copy is never taken for anything."""
    ids = await filled(tmp_path)
    left = {"analytics.duckdb.new", "analytics.duckdb.new.wal", "people.db.new", "people.db.new-journal"}
    for name in left:
        (tmp_path / name).write_bytes(b"half of it")
    with server_process(tmp_path):
        assert not left & {*sizes(tmp_path)}
    await require_whole(tmp_path, ids)


@contextmanager
def small_files(most_bytes: int) -> Iterator[None]:
    """Let no file get larger than this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_without_room_for_the_copy_the_files_stay(tmp_path: Path) -> None:
    """Looked at before, and met on the way: what is wrong is said, and nothing changes."""
    with small_disk(tmp_path / "disk", 48 * 2**20) as disk:
        folder = disk.path / "store"
        ids = await filled(folder, GROUPS)
        before = sizes(folder)
        with pytest.raises(StoreWaits, match=r"more than the disk of .* has free; make room on it first"):
            made_smaller(folder, 2**40)
        ballast = disk.fill(100 * 1024)
        with pytest.raises(StoreWaits, match="make room on it first"):
            made_smaller(folder)
        ballast.unlink()
        with (
            small_files(64 * 1024),
            pytest.raises(StoreWaits, match=r"cannot be copied: .*; make room on its disk"),
        ):
            made_smaller(folder)
        assert sizes(folder).keys() == before.keys()
        await require_whole(folder, ids)
        assert made_smaller(folder) == ["analytics.duckdb", "people.db"]


async def test_a_store_in_use_is_left_alone(tmp_path: Path) -> None:
    """Only a store that nobody has open can be exchanged."""
    await filled(tmp_path)
    async with Store.opened(tmp_path):
        with pytest.raises(StoreUnusable, match=r"another process has the store in .*; stop it"):
            made_smaller(tmp_path)
    with closing(sqlite3.connect(tmp_path / "people.db")) as foreign:
        foreign.execute("SELECT count(*) FROM people").fetchall()
        before = sizes(tmp_path).keys()
        with pytest.raises(StoreUnusable, match=r"another program has .*people.db open; close it"):
            made_smaller(tmp_path)
        assert sizes(tmp_path).keys() == before
    assert made_smaller(tmp_path) == ["people.db"]


async def test_a_start_gives_room_back_by_itself(tmp_path: Path, *, full: bool) -> None:
    """A large file that is mostly empty gets smaller before the process serves."""
    if not full:
        pytest.skip("it writes half a gigabyte; runs with --full")
    ids = await filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / "people.db", isolation_level=None)) as people:
        people.execute("INSERT INTO rests VALUES (0, x'00', zeroblob(?))", (260 * 2**20,))
        people.execute("DELETE FROM rests WHERE time = 0")
    assert sizes(tmp_path)["people.db"] > 260 * 2**20
    with server_process(tmp_path):
        assert sizes(tmp_path)["people.db"] < 2**20
    await require_whole(tmp_path, ids)


def test_what_is_worth_a_start() -> None:
    """At least half of the file, and at least 256 MiB."""
    mib = 2**20
    assert much_room(300 * mib, 300 * mib)
    assert not much_room(1 * mib, 200 * mib)
    assert not much_room(1000 * mib, 300 * mib)
    assert any_room(1000 * mib, 1)
    assert not any_room(1000 * mib, 0)


async def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """For people and for machines."""
    folder = tmp_path / "store"
    await filled(folder, GROUPS)
    code, output, errors = run_command("analytics", "compact", "--json", "--folder", str(folder))
    told = json.loads(output)
    assert (code, told["path"], {*told["files"]}) == (0, str(folder), {"analytics.duckdb", "people.db"}), (
        errors
    )
    assert told["files"]["people.db"]["after"] < told["files"]["people.db"]["before"]
    made_smaller(folder)
    code, output, _ = run_command("analytics", "compact", "--folder", str(folder))
    assert code == 0
    assert "people.db" not in output
    code, _, errors = run_command("analytics", "compact", "--folder", str(tmp_path / "typo"))
    assert (code, "there is no store" in errors, (tmp_path / "typo").exists()) == (1, True, False)

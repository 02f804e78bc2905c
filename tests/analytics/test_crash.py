"""The process is killed at any moment, the disk is full, the files are damaged: what was answered is there, once."""

import asyncio
import contextlib
import json
import random
import re
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import duckdb
import pytest
from fakes.analytics_processes import server_process
from fakes.small_disks import small_disk
from fakes.tagged_events import calls, received

from bridge.analytics.server.serving import while_whole
from bridge.analytics.store import Store
from bridge.errors import StoreUnusable, StoreWaits

NDJSON = {"Content-Type": "application/x-ndjson"}


def call(number: int) -> dict[str, Any]:
    """Return a call that has something in every table."""
    (event,) = calls(
        1,
        number,
        apiName=f"API {number // 50}",
        userName=f"user{number}",
        properties={"requestHeaders": {"X-Call": str(number)}},
    )
    return event


async def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path, *, full: bool) -> None:
    """What was answered is there after kill -9, once; a sender that repeats what was not answered ends complete."""
    answered = 0
    chance = random.Random(7)
    for _ in range(20 if full else 4):
        with server_process(tmp_path) as process:
            kill = asyncio.get_running_loop().call_later(chance.uniform(0.01, 0.25), process.kill)
            async with aiohttp.ClientSession(process.url) as session:
                with contextlib.suppress(aiohttp.ClientError):
                    while True:
                        # The sender begins with what has no answer yet, and repeats some that has.
                        numbers = range(max(0, answered - 30), answered + 50)
                        body = "\n".join(json.dumps(call(number)) for number in numbers)
                        async with session.post("/ingest", data=body, headers=NDJSON) as answer:
                            await answer.json()
                        answered += 50
            kill.cancel()
    async with Store.opened(tmp_path) as store:
        ((rows, ids),) = await store.ask("SELECT count(*), count(DISTINCT id) FROM facts", (), 5)
        assert rows == ids
        assert answered <= rows <= answered + 50
        assert await store.ask("SELECT count(*) FROM details", (), 5) == [(rows,)]
        expected = [call(one) for one in range(answered)]
        assert await store.events([one["bridge"]["id"] for one in expected]) == expected
        orphans = sqlite3.connect(tmp_path / "people.db").execute("SELECT count(*) FROM people").fetchone()[0]
        assert orphans == rows
        doubles = "SELECT count(*) FROM (SELECT 1 FROM names GROUP BY field, value HAVING count(*) > 1)"
        assert await store.ask(doubles, (), 5) == [(0,)]


async def test_people_of_a_batch_that_came_to_nothing_are_collected(tmp_path: Path) -> None:
    """Personal texts that were committed before a crash, without their events, are gone after the next start."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(call(1))])
    with sqlite3.connect(tmp_path / "people.db") as people:
        people.execute("INSERT INTO people (field, value) VALUES ('user', 'nobody')")
        ((time, number, body),) = people.execute("SELECT time, id, body FROM rests").fetchall()
        people.execute("INSERT INTO rests VALUES (?, ?, ?)", (time + 1000, bytes(16), body))
        people.execute("UPDATE last SET high = high + 1000")
    people.close()
    async with Store.opened(tmp_path) as store:
        assert await store.people.find("user", ["nobody", "user1"]) == [1]
        assert await store.event(call(1)["bridge"]["id"]) == call(1)
    with sqlite3.connect(tmp_path / "people.db") as people:
        assert people.execute("SELECT time, id FROM rests").fetchall() == [(time, number)]
    people.close()


async def test_a_full_disk_takes_nothing_until_there_is_room(tmp_path: Path) -> None:
    """Events that do not fit are refused whole, with the cure, and go in once there is room; questions go on."""
    with small_disk(tmp_path / "disk", 24 * 2**20) as disk:
        async with Store.opened(disk.path / "store", least_free_bytes=0) as store:
            await store.append([received(one) for one in calls(100)])
            ballast = disk.fill(64 * 1024)
            wide = [received(one) for one in calls(2_000, 200, strange=["x" * 400])]
            with pytest.raises(StoreWaits, match=r"make room, or lower max_bytes in \[bridge.analytics\]$"):
                await store.append(wide)
            assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(100,)]
            ballast.unlink()
            assert (await store.append(wide)).new == 2_000
            assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(2_100,)]
            assert await store.event(str(wide[0].id)) == wide[0].event


async def test_a_disk_that_is_nearly_full_takes_no_events(tmp_path: Path) -> None:
    """Events are refused before the disk is full, because a checkpoint needs room, too."""
    async with Store.opened(tmp_path, least_free_bytes=2**60) as store:
        with pytest.raises(StoreWaits, match="bytes free; make room on it"):
            await store.append([received(one) for one in calls(1)])
        assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(0,)]


async def test_a_checkpoint_on_a_full_disk_ends_the_server_and_loses_nothing(tmp_path: Path) -> None:
    """When DuckDB gives the file up, the process ends with the cure; the next one has all that was answered."""
    with small_disk(tmp_path / "disk", 24 * 2**20) as disk:
        with pytest.raises(StoreUnusable, match=r"make room, and start the process again$"):  # noqa: PT012 - all of it
            async with Store.opened(disk.path / "store", least_free_bytes=0) as store, while_whole(store):
                await store.append([received(one) for one in calls(4_000, apiName="A" * 100)])
                ballast = disk.fill()
                with pytest.raises(StoreWaits):
                    await store.settle()
                await asyncio.sleep(10)
        ballast.unlink()
        async with Store.opened(disk.path / "store") as store:
            assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(4_000,)]


def newer_facts(folder: Path) -> None:
    with duckdb.connect(folder / "analytics.duckdb") as facts:
        facts.execute("UPDATE meta SET value = 99 WHERE key = 'schema'")


def newer_people(folder: Path) -> None:
    with sqlite3.connect(folder / "people.db") as people:
        people.execute("PRAGMA user_version = 99")
    people.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def damaged(name: str, start: int, garbage: bytes) -> Any:
    def damage(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.seek(start)
            file.write(garbage)

    return damage


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(newer_facts, "newer apim-bridge .schema 99", id="newer facts"),
        pytest.param(newer_people, "newer apim-bridge .schema 99", id="newer people"),
        pytest.param(
            damaged("analytics.duckdb", 0, bytes(8192)), "analytics.duckdb cannot be opened", id="head"
        ),
        pytest.param(damaged("analytics.duckdb", 12_300, b"z" * 4096), "analytics.duckdb", id="inside"),
        pytest.param(
            lambda folder: (folder / "people.db").unlink(), "people.db is missing beside", id="no people"
        ),
        pytest.param(
            lambda folder: (folder / "analytics.duckdb").unlink(), "duckdb is missing beside", id="no facts"
        ),
        pytest.param(damaged("people.db", 0, b"z" * 200), "people.db is damaged", id="people"),
        pytest.param(
            lambda folder: (folder / "analytics.duckdb").write_bytes(b""), "cannot be opened", id="empty"
        ),
    ],
)
async def test_what_is_damaged_or_newer_is_refused_and_left_alone(
    tmp_path: Path, harm: Any, said: str
) -> None:
    """The message names the file and the cure, and not a byte of the files changes."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(call(one)) for one in range(20)])
    harm(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(StoreUnusable, match=said) as refusal:
        async with Store.opened(tmp_path):
            pass
    assert re.search("go back to that release|put back a copy", str(refusal.value))
    after = contents(tmp_path)
    assert {name: data for name, data in after.items() if not name.endswith(("-wal", "-shm"))} == before


async def test_questions_reach_nothing_outside(tmp_path: Path) -> None:
    """The database can neither read nor write another file, nor load anything, nor change its settings."""
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    async with Store.opened(tmp_path / "store") as store:
        for sql in (
            f"SELECT * FROM read_csv('{outside}')",
            f"COPY facts TO '{outside}'",
            f"ATTACH '{tmp_path}/other.duckdb'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET memory_limit = '9GB'",
        ):
            with pytest.raises(duckdb.Error):
                await store.ask(sql, (), 5)
    assert outside.read_text() == "a\n1\n"

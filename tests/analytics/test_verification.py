"""`analytics verify`: what is sound has no findings, each kind of harm has its own, and nothing is written."""

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from fakes.tagged_events import FIRST_MS, calls, received, recorded_events
from rigs.forks import run_command

from bridge.analytics.store import Store
from bridge.analytics.store.verification import StoreFinding, StoreVerification
from bridge.errors import StoreUnusable


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A store that has something in every table."""
    path = tmp_path / "store"
    async with Store.opened(path) as store:
        await store.append([received(one) for one in recorded_events()])
        await store.append([received(one) for one in calls(50, userName="zebulon", strange=["x"])])
        timeless = [one | {"requestTimestamp": None} for one in calls(3, 100)]
        await store.append([received(one) for one in timeless])
        assert await store.keep_until(FIRST_MS + 10_000) > 0
        await store.account("gateway", "host", 1, {"taken": 1})
        await store.kept.annotate(1, "deployed")
    return path


def found(folder: Path) -> list[StoreFinding]:
    with StoreVerification.opened(folder, memory_bytes=2**28, threads=2) as checks:
        return [*checks.findings()]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_sound_store_has_no_findings_and_is_left_alone(folder: Path) -> None:
    """Whatever WSO2 has written, its store is sound; not a byte of it changes."""
    before = contents(folder)
    with StoreVerification.opened(folder, memory_bytes=2**28, threads=2) as checks:
        assert [*checks.findings()] == []
        assert checks.rows["facts"] == checks.rows["details"] > 43
        assert (checks.rows["untimed"], checks.rows["gone"]) == (3, 10)
        assert checks.rows["people"] > 1
        assert checks.rows["rests"] > 1
    assert contents(folder) == before


async def test_what_a_killed_process_leaves_behind_is_no_finding(folder: Path) -> None:
    """Texts of a batch that came to nothing, which the next start collects (S2), and a write-ahead log."""
    with closing(sqlite3.connect(folder / "people.db", isolation_level=None)) as people:
        people.execute("INSERT INTO people (field, value) VALUES ('user', 'nobody')")
        people.execute("INSERT INTO rests SELECT max(time) + 1, zeroblob(16), x'7b7d' FROM rests")
        people.execute("UPDATE last SET high = (SELECT max(time) FROM rests)")
    assert found(folder) == []


def facts(*statements: str) -> Callable[[Path], None]:
    """Return the harm that these statements do to DuckDB's file."""

    def harm(folder: Path) -> None:
        with duckdb.connect(folder / "analytics.duckdb") as connection:
            for statement in statements:
                connection.execute(statement)

    return harm


def people(*statements: str) -> Callable[[Path], None]:
    """Return the harm that these statements do to people.db."""

    def harm(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "people.db", isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return harm


def torn(name: str, start: int) -> Callable[[Path], None]:
    """Return the harm of 4 KiB that a disk gives back wrong."""

    def harm(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.seek(start)
            # DuckDB's checksum is the same where equal words take the place of equal words, an even number of them.
            file.write(random.Random(start).randbytes(4096))

    return harm


HARMS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "an event twice": (facts("INSERT INTO facts FROM facts LIMIT 1"), "facts", "more than once .S1"),
    "details twice": (facts("INSERT INTO details FROM details LIMIT 1"), "details", "more than once .S1"),
    "no details": (
        facts("DELETE FROM details WHERE id IN (SELECT id FROM details LIMIT 2)"),
        "facts",
        "2 events are not in details .S3",
    ),
    "no event": (
        facts("DELETE FROM facts WHERE id IN (SELECT id FROM facts WHERE time <> received LIMIT 1)"),
        "details",
        "1 events are not in facts .S3",
    ),
    "no JSON": (
        facts("UPDATE details SET rest = '{' WHERE id IN (SELECT id FROM details LIMIT 1)"),
        "details",
        "no JSON .S4",
    ),
    "a number without a name": (
        facts("UPDATE facts SET api = 99999 WHERE id IN (SELECT id FROM facts LIMIT 4)"),
        "facts, api",
        "4 numbers have no text in names",
    ),
    "the name of another field": (
        facts("UPDATE names SET field = 'version' WHERE field = 'api'"),
        "facts, api",
        "have no text in names",
    ),
    "a name twice": (
        facts("INSERT INTO names SELECT id + 1000, field, value FROM names WHERE field = 'api' LIMIT 1"),
        "names",
        "more than once",
    ),
    "a timed event among the untimed": (
        facts("INSERT INTO untimed SELECT id FROM facts WHERE time <> received LIMIT 1"),
        "untimed",
        "1 events are taken for what they are not .S1",
    ),
    "an untimed event that is not said to be one": (
        facts("DELETE FROM untimed"),
        "untimed",
        "3 events are taken for what they are not .S1",
    ),
    "an untimed id of no event": (
        facts("INSERT INTO untimed VALUES (uuid())"),
        "untimed",
        "1 ids are of no event",
    ),
    "an event that is gone": (
        facts("INSERT INTO gone SELECT id, received FROM facts LIMIT 1"),
        "gone",
        "1 events are in facts, too .S5",
    ),
    "an event from before": (
        facts("UPDATE meta SET value = value + 20000000 WHERE key = 'kept_from'"),
        "facts",
        "older than what is kept",
    ),
    "meta": (facts("INSERT INTO meta VALUES ('schema', 1)"), "meta", "more than once"),
    "nobody": (people("DELETE FROM people WHERE field = 'user'"), "facts, user", "no text in people .S2"),
    "somebody of no event": (
        people("UPDATE people SET field = 'ip' WHERE value = 'zebulon'"),
        "people, ip",
        "1 texts are of no event",
    ),
    "a rest of no event": (
        people(
            "DELETE FROM last",
            "INSERT INTO rests SELECT max(time) + 1, zeroblob(16), x'7b7d' FROM rests",
        ),
        "rests",
        "1 are of no event",
    ),
    "a rest that is no JSON": (
        people("UPDATE rests SET body = x'7b' WHERE time = (SELECT max(time) FROM rests)"),
        "rests",
        "no JSON .S4",
    ),
    "a page of people.db": (torn("people.db", 8192), "people.db", "."),
}


@pytest.mark.parametrize("harm", HARMS)
def test_each_harm_is_found_with_its_place_and_cure(folder: Path, harm: str) -> None:
    """What breaks one of S1 to S5 is named, and what to do about it."""
    do, where, what = HARMS[harm]
    do(folder)
    findings = found(folder)
    assert any(one.where == where and re.search(what, one.what) for one in findings), findings
    assert all(one.cure for one in findings)


def damage_is_seen(folder: Path, start: int) -> bool:
    """Return whether 4 KiB of garbage in a copy are found; everything then says to put back a copy."""
    with TemporaryDirectory() as name:
        copy = Path(name) / "store"
        shutil.copytree(folder, copy)
        torn("analytics.duckdb", start)(copy)
        try:
            cures = [one.cure for one in found(copy)]
        except StoreUnusable as unusable:
            cures = [str(unusable)]
        assert all("put back a copy" in cure for cure in cures), cures
        return bool(cures)


async def test_damage_of_any_block_is_found(tmp_path: Path) -> None:
    """DuckDB has a checksum for each block, and each is read: only one that nothing stands in may be damaged unseen."""
    async with Store.opened(tmp_path) as store:
        for start in range(0, 12_000, 4_000):
            some = calls(4_000, start, errorMessage="M" * 40, userName=f"user{start}")
            await store.append([received(one) for one in some])
    with duckdb.connect(tmp_path / "analytics.duckdb", read_only=True) as connection:
        ((block, total, free),) = connection.execute(
            "SELECT block_size, total_blocks, free_blocks FROM pragma_database_size()"
        ).fetchall()
    # Three heads of 4 KiB come first.
    seen = [damage_is_seen(tmp_path, 12_288 + number * block + 1_000) for number in range(total)]
    assert seen.count(False) <= free
    assert seen.count(True) > 3


def configuration(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "bridge.toml"
    path.write_text(
        f'[bridge.analytics]\npath = "{tmp_path}/store"\n[bridge.admin]\ntoken = "$secret{{nowhere}}"\n'
    )
    yield from ("--config", str(path))


def test_the_command_says_it(folder: Path, tmp_path: Path) -> None:
    """Exit code and output, for people and for machines; no secret is needed."""
    asked = [*configuration(tmp_path)]
    code, output, errors = run_command("analytics", "verify", *asked)
    assert (code, "everything is sound" in output) == (0, True), output + errors
    # Before the command's name --config means the same.
    code, output, _ = run_command("analytics", *asked, "verify", "--json")
    told: dict[str, Any] = json.loads(output)
    assert (code, told["findings"], told["path"]) == (0, [], str(folder))
    assert told["events"] == told["rows"]["facts"]
    HARMS["no details"][0](folder)
    code, output, _ = run_command("analytics", "verify", *asked)
    assert code == 1
    assert "2 events are not in details" in output
    code, output, _ = run_command("analytics", "verify", "--json", "--folder", str(folder))
    assert (code, json.loads(output)["findings"][0].keys()) == (1, {"where", "what", "cure"})


async def test_a_store_in_use_or_missing_is_said(folder: Path, tmp_path: Path) -> None:
    """Who holds the lock has to be stopped first; a folder without a store is not made."""
    async with Store.opened(folder):
        with pytest.raises(StoreUnusable, match=r"another process has the store in .*; stop it"):
            found(folder)
    code, _, errors = run_command("analytics", "verify", "--folder", str(tmp_path / "nothing"))
    assert (code, "there is no store in" in errors) == (1, True), errors
    assert not (tmp_path / "nothing").exists()

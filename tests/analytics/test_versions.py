"""A store of an earlier version opens, keeps all that it has, and is as one of today's."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb
import pytest
from fakes.tagged_events import received, recorded_events
from rigs.analytics_erasing import erase

from bridge.analytics.store import Store
from bridge.analytics.store.columns import (
    MARK,
    NUMBERS,
    PROPERTY_NUMBERS,
    PROPERTY_TEXTS,
    TAGS,
    TEXTS,
)
from bridge.analytics.store.cubes import CUBES
from bridge.analytics.store.verification import StoreVerification
from bridge.errors import StoreUnusable

_NEW_IN_2: Final = ("gone", "boards", "rolled", *(cube.table for cube in CUBES))
_GIVEN_BACK: Final = (
    TEXTS
    | NUMBERS
    | {f"properties.{name}": column for name, column in (PROPERTY_TEXTS | PROPERTY_NUMBERS).items()}
    | {f"bridge.{name}": column for name, column in TAGS.items()}
)


def _words(marks: int, present: set[str]) -> str:
    """Return the members that columns give back, as version 1 wrote them."""
    said = {name for name, bit in MARK.items() if marks & bit}
    given_back = {
        name for name, column in _GIVEN_BACK.items() if column in present and f"no {name}" not in said
    }
    return ",".join(sorted(given_back | {name for name in said if not name.startswith("no ")}))


def _make_version_1(path: Path) -> None:
    """Turn a store into what the first version would have written of its events."""
    with duckdb.connect(path) as facts:
        for name in _NEW_IN_2:
            facts.execute(f"DROP TABLE {name}")
        facts.execute("CREATE TABLE views (name VARCHAR, body VARCHAR)")
        facts.execute("INSERT INTO views VALUES ('Orders', '{}')")
        columns = sorted(set(_GIVEN_BACK.values()))
        shown = ", ".join(f'f."{column}" IS NOT NULL' for column in columns)
        rows = facts.execute(
            f"SELECT d.id, d.shape, d.rest, {shown} FROM details d JOIN facts f ON f.id = d.id"
        ).fetchall()
        facts.execute("ALTER TABLE details DROP COLUMN shape")
        numbers: dict[str, int] = {}
        for number, marks, rest, *there in rows:
            words = _words(marks, {column for column, has in zip(columns, there, strict=True) if has})
            shape = numbers.setdefault(words, 1_000_000 + len(numbers))
            old = f'{rest[:-1]},"=":{shape}}}' if rest else f'{{"=":{shape}}}'
            facts.execute("UPDATE details SET rest = ? WHERE id = ?", [old, number])
        for words, shape in numbers.items():
            facts.execute("INSERT INTO names VALUES (?, 'shape', ?)", [shape, words])
        facts.execute("DELETE FROM meta WHERE key IN ('too_old', 'erased', 'records')")
        facts.execute("UPDATE meta SET value = 1 WHERE key = 'schema'")


async def test_a_store_of_version_1_is_brought_up(tmp_path: Path) -> None:
    """Its events come back whole, people's marks in time stay, it is rolled up, and takes more."""
    events = recorded_events()
    ids = [event["bridge"]["id"] for event in events]
    async with Store.opened(tmp_path) as store:
        await store.append([received(event) for event in events])
        await store.kept.annotate(1_000, "deployed")
    _make_version_1(tmp_path / "analytics.duckdb")

    async with Store.opened(tmp_path) as store:
        assert await store.events(ids) == events
        assert [text for _, _, text in await store.kept.annotations(0, 2_000)] == ["deployed"]
        assert await store.kept.boards() == []
        assert (await store.append([received(event) for event in events])).known == len(events)
        assert await store.ask("SELECT count(*) FROM names WHERE field = 'shape'", (), 5) == [(0,)]
    # And once more: it is of today's version now.
    async with Store.opened(tmp_path) as store:
        assert await store.events(ids) == events


async def test_a_store_of_version_2_is_brought_up(tmp_path: Path) -> None:
    """It learns to remember whom it has erased, in both of its files."""
    events = recorded_events()
    async with Store.opened(tmp_path) as store:
        await store.append([received(event) for event in events])
    with duckdb.connect(tmp_path / "analytics.duckdb") as facts:
        facts.execute("DELETE FROM meta WHERE key IN ('erased', 'records')")
        facts.execute("UPDATE meta SET value = 2 WHERE key = 'schema'")
    with closing(sqlite3.connect(tmp_path / "people.db", isolation_level=None)) as people:
        for table in ("erased", "erasing_keys", "companies"):
            people.execute(f"DROP TABLE {table}")
        people.execute("PRAGMA user_version = 1")
    for _ in range(2):
        async with Store.opened(tmp_path) as store:
            assert await store.events([event["bridge"]["id"] for event in events]) == events
            assert await store.ask("SELECT value FROM meta WHERE key = 'erased'", (), 5) == [(0,)]
            await erase(store, "user", "nobody")
    with StoreVerification.opened(tmp_path, memory_bytes=2**28, threads=2) as checks:
        assert [*checks.findings()] == []


async def test_an_older_version_is_not_called_damaged(tmp_path: Path) -> None:
    """Who verifies before an upgrade is told to start first."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(event) for event in recorded_events()])
    _make_version_1(tmp_path / "analytics.duckdb")
    with (
        pytest.raises(StoreUnusable, match="version 1, and this is no fault"),
        StoreVerification.opened(tmp_path, memory_bytes=2**28, threads=2),
    ):
        pass


async def test_what_cannot_be_brought_up_stays_as_it_is(tmp_path: Path) -> None:
    """A file that says version 1 and lacks a table of it is damaged, and is not written to."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(event) for event in recorded_events()])
    _make_version_1(tmp_path / "analytics.duckdb")
    with duckdb.connect(tmp_path / "analytics.duckdb") as facts:
        facts.execute("DROP TABLE views")

    with pytest.raises(StoreUnusable, match=r"damaged.*views"):
        async with Store.opened(tmp_path):
            pass

    with duckdb.connect(tmp_path / "analytics.duckdb") as facts:
        assert facts.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall() == [(1,)]
        assert not facts.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'boards'").fetchall()

"""Erases, and reads everything that is left: each value of each column of each file, and the bytes of all others."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb

from bridge.analytics.store import Store
from bridge.analytics.store.erasing import ErasedCounts
from bridge.analytics.store.subjects import Erasure

AFTER_ALL_MS: Final = 4_000_000_000_000
"""Later than all calls of the tests."""


async def erase(
    store: Store, field: str, value: str, *, before_ms: int = AFTER_ALL_MS, keeps_counts: bool = False
) -> ErasedCounts:
    """Erase as a job does it, from both databases and from the disk."""
    erasure, counts = Erasure(field, value, before_ms, keeps_counts), ErasedCounts()
    async for _ in store.eraser.take_out(erasure, counts):
        pass
    await store.exchange()
    await store.eraser.end(erasure)
    return counts


def traces(folder: Path, text: str) -> list[str]:
    """Return where a text is left in a store that nobody has open.

    DuckDB's and SQLite's files are opened, and every value is read as text: what is compressed in them no search of
    bytes finds. The bytes of every file are searched, too, free blocks and write-ahead logs included.
    """
    word = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)
    found = bytes_with(folder, text)
    for where, value in _values(folder):
        if word.search(value):
            found.append(where)
    return found


def bytes_with(folder: Path, text: str) -> list[str]:
    """Return the files that have a text in their bytes, write-ahead logs included; somebody may have the store open."""
    needles = {text.encode(), json.dumps(text)[1:-1].encode()}
    return [
        f"bytes of {path.relative_to(folder)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


def _values(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        head = path.read_bytes()[:16]
        if head.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
                tables = [
                    name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                ]
                yield from _rows(path.name, file, tables)
        elif head[8:12] == b"DUCK":
            with duckdb.connect(path, read_only=True) as facts:
                names = facts.execute("SELECT table_name FROM duckdb_tables()").fetchall()
                yield from _rows(path.name, facts, [name for (name,) in names])


def _rows(file: str, connection: Any, tables: list[str]) -> Iterator[tuple[str, str]]:
    for table in tables:
        for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():
            for value in row:
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                yield f"{file}: {table}", text

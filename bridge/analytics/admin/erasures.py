"""Erasures as jobs: asked for, worked on, done. Until then it stands here whose data it is, after that a keyed hash."""

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS erasures (
    id TEXT PRIMARY KEY,
    field TEXT NOT NULL,
    value TEXT,
    digest TEXT,
    keeps_counts INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    begun_ms INTEGER,
    done_ms INTEGER,
    step TEXT NOT NULL,
    total INTEGER,
    deleted INTEGER NOT NULL DEFAULT 0,
    kept INTEGER NOT NULL DEFAULT 0,
    blotted INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    receipt TEXT
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX IF NOT EXISTS erasures_asked ON erasures (asked_ms)",
    "CREATE INDEX IF NOT EXISTS erasures_open ON erasures (asked_ms) WHERE done_ms IS NULL",
)
MOST_OPEN: Final = 10_000
MOST_DONE: Final = 10_000
"""Receipts that are kept; older ones are let go of (P8)."""


@dataclass(frozen=True, slots=True)
class ErasureJob:
    """One of them."""

    id: str
    field: str
    """One of `subjects.ERASABLE`."""
    value: str | None
    """Whose data; None once nothing is left of it."""
    digest: str | None
    """The keyed hash that the store has of it; None before it was begun."""
    keeps_counts: bool
    asked_ms: int
    """What was asked or received before is erased."""
    asked_by: str
    begun_ms: int | None
    done_ms: int | None
    step: str
    """`events`, `copy`, `done`; `waiting` before it was begun, and while something stands in the way."""
    total: int | None
    """How many calls it had when it was begun."""
    deleted: int
    kept: int
    blotted: int
    tries: int
    problem: str | None
    """What stood in the way the last time, with its cure."""
    receipt: Mapping[str, Any] | None


_COLUMNS: Final = tuple(one.name for one in fields(ErasureJob))


def ask(
    connection: sqlite3.Connection, field: str, value: str, *, keeps_counts: bool, now_ms: int, by: str
) -> str | None:
    """Ask for an erasure; returns its id. What waits already is asked for anew, with this time. None: too many wait."""
    waiting = connection.execute(
        "SELECT id FROM erasures WHERE done_ms IS NULL AND begun_ms IS NULL AND field = ? AND value = ?"
        " AND keeps_counts = ?",
        (field, value, keeps_counts),
    ).fetchone()
    if waiting is not None:
        connection.execute("UPDATE erasures SET asked_ms = ? WHERE id = ?", (now_ms, waiting[0]))
        return str(waiting[0])
    ((count,),) = connection.execute("SELECT count(*) FROM erasures WHERE done_ms IS NULL").fetchall()
    if count >= MOST_OPEN:
        return None
    number = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO erasures (id, field, value, keeps_counts, asked_ms, asked_by, step)"
        " VALUES (?, ?, ?, ?, ?, ?, 'waiting')",
        (number, field, value, keeps_counts, now_ms, by),
    )
    return number


def find(connection: sqlite3.Connection, number: str) -> ErasureJob | None:
    """Return one by its id."""
    rows = _jobs(connection, "WHERE id = ?", number)
    return rows[0] if rows else None


def every(connection: sqlite3.Connection, limit: int = 500) -> list[ErasureJob]:
    """Return them, the last one that was asked for first."""
    return _jobs(connection, "ORDER BY asked_ms DESC, id LIMIT ?", limit)


def unfinished(connection: sqlite3.Connection) -> list[ErasureJob]:
    """Return those that are not done, the first one that was asked for first."""
    return _jobs(connection, "WHERE done_ms IS NULL ORDER BY asked_ms, id")


def oldest_ms(connection: sqlite3.Connection) -> int | None:
    """Return when the oldest that is not done was asked for; None: all are done."""
    ((asked_ms,),) = connection.execute("SELECT min(asked_ms) FROM erasures WHERE done_ms IS NULL").fetchall()
    return None if asked_ms is None else int(asked_ms)


def begin(connection: sqlite3.Connection, number: str, digest: str, *, now_ms: int) -> None:
    """Say that it is being worked on, for the first time or again."""
    connection.execute(
        "UPDATE erasures SET begun_ms = coalesce(begun_ms, ?), digest = ?, step = 'events', tries = tries + 1"
        " WHERE id = ?",
        (now_ms, digest, number),
    )


def progress(connection: sqlite3.Connection, number: str, step: str, counts: Mapping[str, Any]) -> None:
    """Say how far it is."""
    connection.execute(
        "UPDATE erasures SET step = :step, total = :total, deleted = :deleted, kept = :kept, blotted = :blotted"
        " WHERE id = :id",
        {"id": number, "step": step, **counts},
    )


def put_off(connection: sqlite3.Connection, numbers: Sequence[str], problem: str) -> None:
    """Say what stands in the way; they are tried again."""
    connection.executemany(
        "UPDATE erasures SET step = 'waiting', problem = ? WHERE id = ?",
        [(problem, number) for number in numbers],
    )


def forget_value(connection: sqlite3.Connection, number: str, receipt: Mapping[str, Any]) -> None:
    """Keep its receipt: nothing says any more whose data it was, once the write-ahead log is emptied."""
    connection.execute(
        "UPDATE erasures SET value = NULL, problem = NULL, receipt = ? WHERE id = ?",
        (json.dumps(receipt, ensure_ascii=False), number),
    )


def end(connection: sqlite3.Connection, number: str, *, now_ms: int) -> None:
    """Say that it is done."""
    connection.execute(
        "UPDATE erasures SET step = 'done', done_ms = ?, problem = NULL WHERE id = ?", (now_ms, number)
    )
    connection.execute(
        "DELETE FROM erasures WHERE done_ms IS NOT NULL AND id NOT IN"
        " (SELECT id FROM erasures WHERE done_ms IS NOT NULL ORDER BY done_ms DESC LIMIT ?)",
        (MOST_DONE,),
    )


def _jobs(connection: sqlite3.Connection, where: str, *values: object) -> list[ErasureJob]:
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM erasures {where}", values)  # noqa: S608 - our own words
    return [_job(row) for row in rows]


def _job(row: Sequence[Any]) -> ErasureJob:
    said = dict(zip(_COLUMNS, row, strict=True))
    said["keeps_counts"] = bool(said["keeps_counts"])
    if said["receipt"] is not None:
        said["receipt"] = json.loads(said["receipt"])
    return ErasureJob(**said)

"""Monitors as they are kept, how each stands, and its incidents. Their probes are in `admin/probes.py`."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from bridge.analytics.monitoring.monitor import Monitor
from bridge.analytics.monitoring.standing import Standing

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS monitors (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    standing TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    rolled_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, id)
) STRICT
""",
    """
CREATE TABLE IF NOT EXISTS incidents (
    number INTEGER PRIMARY KEY,
    monitor INTEGER NOT NULL,
    begin_ms INTEGER NOT NULL,
    end_ms INTEGER,
    ending TEXT,
    reason TEXT NOT NULL,
    status INTEGER,
    detail TEXT NOT NULL
) STRICT
""",
    "CREATE INDEX IF NOT EXISTS incidents_by_time ON incidents (monitor, begin_ms)",
)
OPERATORS: Final = ""
"""The owner of what operators make; a key's own monitors have its hash there."""
MOST_MONITORS: Final = 1_000
"""Of operators; and of all keys together."""
MOST_OF_A_KEY: Final = 3
"""As at API Analytics."""
MOST_INCIDENTS: Final = 1_000
"""Of one monitor; the oldest are let go of."""
_COLUMNS: Final = "number, owner, id, version, body, standing, made_ms"


@dataclass(frozen=True, slots=True)
class KeptMonitor:
    """A monitor as it is kept."""

    number: int
    owner: str
    id: str
    version: int
    monitor: Monitor
    standing: Standing
    made_ms: int


class Incident(NamedTuple):
    """A time for which an endpoint was down."""

    begin_ms: int
    end_ms: int | None
    """None: it still is."""
    ending: str | None
    """`up`, or `paused`: nobody asks any more."""
    reason: str
    """One of REASONS (`monitoring/probe.py`)."""
    status: int | None
    detail: str
    """The reason in an operator's words."""


def every(connection: sqlite3.Connection, owner: str | None = None) -> list[KeptMonitor]:
    """Return the monitors of an owner, or of all owners, by their ids."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM monitors WHERE owner = ? OR ? IS NULL ORDER BY owner, id",  # noqa: S608 - our own names
        (owner, owner),
    )
    return [_kept(row) for row in rows]


def find(connection: sqlite3.Connection, owner: str, id_: str) -> KeptMonitor | None:
    """Return one monitor, None if there is none with this id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM monitors WHERE owner = ? AND id = ?",  # noqa: S608 - our own names
        (owner, id_),
    ).fetchone()
    return None if row is None else _kept(row)


def keep(
    connection: sqlite3.Connection, owner: str, id_: str, monitor: Monitor, *, now_ms: int, most: int
) -> int | None:
    """Keep a monitor under its id; returns its new version, None where the owner has `most` others."""
    body = msgspec.json.encode(monitor).decode()
    changed = connection.execute(
        "UPDATE monitors SET version = version + 1, body = ? WHERE owner = ? AND id = ? RETURNING version",
        (body, owner, id_),
    ).fetchone()
    if changed is not None:
        return int(changed[0])
    made = connection.execute(
        "INSERT INTO monitors (owner, id, version, body, standing, made_ms) SELECT ?, ?, 1, ?, '{}', ?"
        " WHERE (SELECT count(*) FROM monitors WHERE owner = ?) < ?"
        " AND (? = '' OR (SELECT count(*) FROM monitors WHERE owner <> '') < ?)",
        (owner, id_, body, now_ms, owner, most, owner, MOST_MONITORS),
    )
    return 1 if made.rowcount else None


def remove(connection: sqlite3.Connection, owner: str, id_: str) -> bool:
    """Delete a monitor with all that is known of it; returns whether there was one."""
    gone = connection.execute(
        "DELETE FROM monitors WHERE owner = ? AND id = ? RETURNING number", (owner, id_)
    ).fetchone()
    if gone is None:
        return False
    for table in ("incidents", "probes", "probe_hours"):
        connection.execute(f"DELETE FROM {table} WHERE monitor = ?", gone)  # noqa: S608 - our own names
    return True


def stand(connection: sqlite3.Connection, number: int, standing: Standing) -> bool:
    """Keep how a monitor stands; returns False if it is gone."""
    text = msgspec.json.encode(standing).decode()
    return bool(
        connection.execute("UPDATE monitors SET standing = ? WHERE number = ?", (text, number)).rowcount
    )


def begin_incident(connection: sqlite3.Connection, number: int, standing: Standing) -> None:
    """Keep that an endpoint is down."""
    outcome = standing.outcome
    assert outcome is not None  # noqa: S101 - it is down because of one
    connection.execute(
        "INSERT INTO incidents (monitor, begin_ms, reason, status, detail) VALUES (?, ?, ?, ?, ?)",
        (number, standing.since_ms, outcome.reason or "", outcome.status, outcome.detail),
    )
    connection.execute(
        "DELETE FROM incidents WHERE monitor = ? AND number <= (SELECT number FROM incidents WHERE monitor = ?"
        " ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (number, number, MOST_INCIDENTS),
    )


def end_incident(connection: sqlite3.Connection, number: int, end_ms: int, ending: str) -> None:
    """Keep that an incident is over, if there is one."""
    connection.execute(
        "UPDATE incidents SET end_ms = ?, ending = ? WHERE monitor = ? AND end_ms IS NULL",
        (end_ms, ending, number),
    )


def incidents(
    connection: sqlite3.Connection, number: int, since_ms: int, until_ms: int = 1 << 62
) -> list[Incident]:
    """Return the incidents of which some part lies between two times, the newest first."""
    rows: Sequence[tuple[int, int | None, str | None, str, int | None, str]] = connection.execute(
        "SELECT begin_ms, end_ms, ending, reason, status, detail FROM incidents"
        " WHERE monitor = ? AND begin_ms < ? AND (end_ms IS NULL OR end_ms > ?) ORDER BY begin_ms DESC, number DESC",
        (number, until_ms, since_ms),
    ).fetchall()
    return [Incident(*row) for row in rows]


def _kept(row: tuple[int, str, str, int, str, str, int]) -> KeptMonitor:
    number, owner, id_, version, body, standing, made_ms = row
    return KeptMonitor(
        number,
        owner,
        id_,
        version,
        msgspec.json.decode(body, type=Monitor),
        msgspec.json.decode(standing, type=Standing),
        made_ms,
    )

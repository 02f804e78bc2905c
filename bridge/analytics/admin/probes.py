"""The probes of monitors, and what is left of them by the hour."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from bridge.analytics.monitoring.sketch import TimesSketch, packed, quantiles, sketch_of, unpacked
from bridge.analytics.monitoring.spans import ProbeRow, up_down
from bridge.analytics.monitoring.standing import ProbeState

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS probes (
    monitor INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    state INTEGER NOT NULL,
    covers_ms INTEGER NOT NULL,
    status INTEGER,
    reason TEXT,
    PRIMARY KEY (monitor, time_ms)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS probe_hours (
    monitor INTEGER NOT NULL,
    hour_ms INTEGER NOT NULL,
    up_ms INTEGER NOT NULL,
    down_ms INTEGER NOT NULL,
    probes INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    median_ms INTEGER,
    sketch BLOB NOT NULL,
    PRIMARY KEY (monitor, hour_ms)
) STRICT, WITHOUT ROWID
""",
    "CREATE TABLE IF NOT EXISTS watches (begin_ms INTEGER PRIMARY KEY, end_ms INTEGER NOT NULL) STRICT",
)
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
PROBES_KEPT_MS: Final = 8 * DAY_MS
HOURS_KEPT_MS: Final = 91 * DAY_MS
MOST_WATCHES: Final = 10_000
# What failed is decided by the tries that follow it, ten at most, each of which may take two minutes.
_SETTLED_MS: Final = HOUR_MS
_NO_TIMES: Final = TimesSketch()
_COLUMNS: Final = "time_ms, took_ms, state, covers_ms, status, reason"


class ProbeHour(NamedTuple):
    """What is left of the probes of an hour, or of another time."""

    start_ms: int
    up_ms: int
    down_ms: int
    probes: int
    failed: int
    sketch: TimesSketch
    """Of the times of the answers that were as expected."""


def note(connection: sqlite3.Connection, monitor: int, row: ProbeRow) -> None:
    """Keep a probe."""
    # A clock that was set back may show the same millisecond again.
    connection.execute(
        f"INSERT OR REPLACE INTO probes (monitor, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own names
        (monitor, *row),
    )


def count_as_down(connection: sqlite3.Connection, monitor: int, since_ms: int) -> None:
    """Say of failures since a time, of which it was not known what they are, that the endpoint was down."""
    connection.execute(
        "UPDATE probes SET state = ? WHERE monitor = ? AND time_ms >= ? AND state = ?",
        (ProbeState.DOWN, monitor, since_ms, ProbeState.FAILING),
    )


def watch(connection: sqlite3.Connection, begin_ms: int, end_ms: int) -> None:
    """Keep that this process has been there to ask from one time to another."""
    connection.execute(
        "INSERT INTO watches VALUES (?, ?) ON CONFLICT DO UPDATE SET end_ms = max(end_ms, excluded.end_ms)",
        (begin_ms, end_ms),
    )


def probes(
    connection: sqlite3.Connection, monitor: int, start_ms: int, end_ms: int, most: int = 1 << 31
) -> list[ProbeRow]:
    """Return the newest probes from one time to before another, by time."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM probes WHERE monitor = ? AND time_ms >= ? AND time_ms < ?"  # noqa: S608 - our own names
        " ORDER BY time_ms DESC LIMIT ?",
        (monitor, start_ms, end_ms, most),
    ).fetchall()
    return [ProbeRow(*row) for row in reversed(rows)]


def watches(connection: sqlite3.Connection, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Return the times between two times in which somebody watched, apart from each other and by time."""
    merged: list[tuple[int, int]] = []
    for begin, end in connection.execute(
        "SELECT begin_ms, end_ms FROM watches WHERE end_ms > ? AND begin_ms < ? ORDER BY begin_ms",
        (start_ms, end_ms),
    ):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def measured(
    connection: sqlite3.Connection,
    monitor: int,
    start_ms: int,
    end_ms: int,
    watched: Sequence[tuple[int, int]] | None = None,
) -> ProbeHour:
    """Return what the probes themselves say of a time that is not longer ago than they are kept."""
    before = connection.execute(
        "SELECT max(time_ms) FROM probes WHERE monitor = ? AND time_ms < ?", (monitor, start_ms)
    ).fetchone()[0]
    # With an hour more: whether a failure at the end was one, is known after the tries.
    rows = probes(connection, monitor, before if before is not None else start_ms, end_ms + _SETTLED_MS)
    if watched is None:
        watched = watches(connection, start_ms, end_ms)
    up, down = up_down(rows, watched, start_ms, end_ms)
    inside = [row for row in rows if start_ms <= row.time_ms < end_ms and row.state != ProbeState.STOPPED]
    answered = sketch_of(row.took_ms for row in inside if row.reason is None)
    return ProbeHour(start_ms, up, down, len(inside), sum(row.reason is not None for row in inside), answered)


def rolled(
    connection: sqlite3.Connection, monitor: int, start_ms: int, end_ms: int, times_from_ms: int = 0
) -> list[ProbeHour]:
    """Return what is left of the hours that begin between two times and are rolled up.

    Response times of hours before `times_from_ms` are left out: to unpack them takes ten times as long as all the rest.
    """
    return [
        ProbeHour(start, up, down, count, failed, _NO_TIMES if sketch is None else unpacked(sketch))
        for start, up, down, count, failed, sketch in connection.execute(
            "SELECT hour_ms, up_ms, down_ms, probes, failed, CASE WHEN hour_ms >= ? THEN sketch END FROM probe_hours"
            " WHERE monitor = ? AND hour_ms >= ? AND hour_ms < ? ORDER BY hour_ms",
            (times_from_ms, monitor, start_ms, end_ms),
        )
    ]


def rolled_until(connection: sqlite3.Connection, monitor: int) -> int:
    """Return up to when the probes of a monitor are rolled up."""
    row = connection.execute("SELECT rolled_ms FROM monitors WHERE number = ?", (monitor,)).fetchone()
    return 0 if row is None else int(row[0])


def roll_up(connection: sqlite3.Connection, monitor: int, now_ms: int) -> None:
    """Sum up the whole hours that are long enough over, and delete what is older than it is kept."""
    until = (now_ms - _SETTLED_MS) // HOUR_MS * HOUR_MS
    hour = rolled_until(connection, monitor)
    if hour >= until:
        return
    while hour < until:
        found = measured(connection, monitor, hour, hour + HOUR_MS)
        if found.probes or found.up_ms or found.down_ms:
            (median,) = quantiles(found.sketch, (0.5,))
            connection.execute(
                "INSERT OR REPLACE INTO probe_hours VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (monitor, *found[:5], median, packed(found.sketch)),
            )
            hour += HOUR_MS
        else:
            first = connection.execute(
                "SELECT min(time_ms) FROM probes WHERE monitor = ? AND time_ms >= ?",
                (monitor, hour + HOUR_MS),
            ).fetchone()[0]
            hour = until if first is None else min(until, first // HOUR_MS * HOUR_MS)
    connection.execute("UPDATE monitors SET rolled_ms = ? WHERE number = ?", (until, monitor))
    for table, column, kept_ms in (
        ("probes", "time_ms", PROBES_KEPT_MS),
        ("probe_hours", "hour_ms", HOURS_KEPT_MS),
        ("incidents", "end_ms", HOURS_KEPT_MS),
    ):
        connection.execute(
            f"DELETE FROM {table} WHERE monitor = ? AND {column} < ?",  # noqa: S608 - our own names
            (monitor, now_ms - kept_ms),
        )


def forget_watches(connection: sqlite3.Connection, now_ms: int) -> None:
    """Delete the watches whose probes are rolled up."""
    connection.execute(
        "DELETE FROM watches WHERE end_ms < ? OR begin_ms <= (SELECT begin_ms FROM watches ORDER BY begin_ms DESC"
        " LIMIT 1 OFFSET ?)",
        (now_ms - PROBES_KEPT_MS, MOST_WATCHES),
    )

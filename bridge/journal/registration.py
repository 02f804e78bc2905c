"""Which sinks the journal keeps events for: known ones go on, new ones start, removed ones are forgotten."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bridge.journal.blocks import last_number
from bridge.journal.totals import Totals
from bridge.journal.writer import Transaction

_REMOVED_KEPT_MS: Final = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class SinkStart:
    """A configured sink, and where it starts if the journal does not know it yet."""

    name: str
    start_at: Literal["oldest", "newest"] | None = None
    """None: at the newest block, but at the oldest when it is the journal's first sink."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next event that a sink has not dealt with, and what the sink remembers."""

    seq: int
    at: int
    state: bytes | None


@dataclass(slots=True)
class Registered:
    """What registration found and did."""

    cursors: dict[str, Cursor] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    """Sinks that left the configuration less than a week ago, with their cursors' blocks."""
    let_go: dict[str, int] = field(default_factory=dict)
    """Sinks forgotten now, with the events that waited for them."""
    skipped: dict[str, int] = field(default_factory=dict)
    differing: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Sinks whose books do not balance: expected pending, pending."""


def register(transaction: Transaction, sinks: Sequence[SinkStart] | None, now_ms: int) -> Registered:
    """Bring the cursors into line with the configuration; None: keep them as the last configuration left them."""
    connection = transaction.connection
    found = Registered()
    known = {
        sink: (Cursor(seq, at, state), removed_ms)
        for sink, seq, at, state, removed_ms in connection.execute(
            "SELECT sink, seq, at, state, removed_ms FROM cursors"
        ).fetchall()
    }
    if sinks is None:
        sinks = [SinkStart(name) for name, (_, removed_ms) in known.items() if removed_ms is None]
    first_ever = not known
    found.let_go = let_go(transaction, now_ms, keep={sink.name for sink in sinks})
    for name in found.let_go:
        del known[name]
    configured = {sink.name: sink for sink in sinks}
    # The table does not yet have what this transaction has counted so far.
    totals = Totals(connection.execute("SELECT name, owner, reason, value FROM totals"))
    totals.add(transaction.changes)
    for name, (cursor, removed_ms) in known.items():
        if name in configured:
            continue
        if removed_ms is None:
            connection.execute("UPDATE cursors SET removed_ms = ? WHERE sink = ?", (now_ms, name))
        found.removed[name] = cursor.seq
    for name, sink in configured.items():
        if name in known:
            cursor, removed_ms = known[name]
            returning = removed_ms is not None
            if returning:
                connection.execute("UPDATE cursors SET removed_ms = NULL WHERE sink = ?", (name,))
        else:
            returning = True
            cursor = _first_cursor(transaction, sink, first_ever=first_ever)
            connection.execute(
                "INSERT INTO cursors (sink, seq, at, furthest) VALUES (?, ?, ?, ?)",
                (name, cursor.seq, cursor.at, cursor.seq),
            )
        found.cursors[name] = cursor
        found.pending[name] = count_pending(connection, cursor.seq, cursor.at)
        _compare(transaction, found, totals, name, returning=returning)
    return found


def read_cursor(connection: sqlite3.Connection, sink: str) -> Cursor:
    """Return where a sink stands on disk."""
    return Cursor(
        *connection.execute("SELECT seq, at, state FROM cursors WHERE sink = ?", (sink,)).fetchone()
    )


def let_go(transaction: Transaction, now_ms: int, keep: Collection[str] = ()) -> dict[str, int]:
    """Forget the sinks that left the configuration a week ago; returns how many events waited for each."""
    gone: dict[str, int] = {}
    for name, seq, at in transaction.connection.execute(
        "SELECT sink, seq, at FROM cursors WHERE removed_ms <= ?", (now_ms - _REMOVED_KEPT_MS,)
    ).fetchall():
        if name not in keep:
            gone[name] = count_pending(transaction.connection, seq, at)
            transaction.count("events_skipped", name, gone[name])
            transaction.connection.execute("DELETE FROM cursors WHERE sink = ?", (name,))
    return gone


def _compare(
    transaction: Transaction, found: Registered, totals: Totals, sink: str, *, returning: bool
) -> None:
    expected, pending = totals.expected_pending(sink), found.pending[sink]
    if returning and expected > pending:
        # These were journalled before the sink's start, or deleted while it was not configured.
        found.skipped[sink] = expected - pending
        transaction.count("events_skipped", sink, expected - pending)
    elif returning:
        # The sink had some of them before it was forgotten.
        transaction.count("events_rewound", sink, pending - expected)
    elif expected != pending:
        found.differing[sink] = (expected, pending)


def _first_cursor(transaction: Transaction, sink: SinkStart, *, first_ever: bool) -> Cursor:
    first, last = transaction.connection.execute("SELECT min(seq), max(seq) FROM blocks").fetchone()
    if (sink.start_at or ("oldest" if first_ever else "newest")) == "oldest":
        return Cursor(first or 1, 0, None)
    if last is None:
        last = last_number(transaction.connection)
    return Cursor(last + 1, 0, None)


def count_pending(connection: sqlite3.Connection, seq: int, at: int) -> int:
    """Return how many events there are from a cursor's place to the end."""
    events: int = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM blocks WHERE seq >= ?", (seq,)
    ).fetchone()[0]
    there = connection.execute("SELECT 1 FROM blocks WHERE seq = ?", (seq,)).fetchone()
    return events - (at if there else 0)

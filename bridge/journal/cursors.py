"""Moves a sink's cursor: forward with its deliveries, back when an operator says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.journal.dead_letters import Letter, after_replay, insert
from bridge.journal.writer import Transaction


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a sink has come (J2): its cursor's new place and what became of the events before it."""

    sink: str
    seq: int
    at: int
    state: bytes | None = None
    """What the sink wants to remember; None keeps what it remembered before."""
    delivered: int = 0
    sampled_out: int = 0
    filtered: int = 0
    corrupt: int = 0
    letters: Sequence[Letter] = ()
    corrupt_blocks: Sequence[tuple[int, str]] = ()
    replayed: Sequence[int] = ()
    """Numbers of dead letters that were delivered."""
    refused_again: Sequence[tuple[int, Letter]] = ()
    """Numbers of dead letters that were refused again, with the new reason."""


def advance(transaction: Transaction, step: Advance, now_ms: int) -> None:
    """Move a cursor, with the dead letters it leaves behind, the sink's state and the totals (J2, P3)."""
    connection = transaction.connection
    held_from = _held_from(transaction, step) if step.letters else None
    connection.execute(
        "UPDATE cursors SET seq = ?1, at = ?2, state = coalesce(?3, state), furthest = max(furthest, ?1)"
        " WHERE sink = ?4",
        (step.seq, step.at, step.state, step.sink),
    )
    insert(transaction, step.sink, step.letters, now_ms, held_from)
    after_replay(transaction, step.sink, step.replayed, step.refused_again, now_ms)
    for name in ("delivered", "sampled_out", "filtered", "corrupt"):
        transaction.count(f"events_{name}", step.sink, getattr(step, name))
    connection.executemany(
        "INSERT OR IGNORE INTO corrupt VALUES (?, ?, ?)",
        [(seq, now_ms, what) for seq, what in step.corrupt_blocks],
    )
    transaction.cursors[step.sink] = step.seq
    transaction.pending[step.sink] = transaction.pending.get(step.sink, 0) - (
        step.delivered + step.sampled_out + step.filtered + step.corrupt + len(step.letters)
    )


def _held_from(transaction: Transaction, step: Advance) -> int | None:
    """Return the first block that a letter of this step may come from; None: all of them were dealt with before."""
    seq, furthest = transaction.connection.execute(
        "SELECT seq, furthest FROM cursors WHERE sink = ?", (step.sink,)
    ).fetchone()
    return max(seq, furthest) if (step.seq, step.at) > (furthest, 0) else None


def rewind(transaction: Transaction, sink: str, to_ms: int) -> tuple[int, int]:
    """Put a cursor back to the first block received at `to_ms` or later.

    Returns how many events come again, and when the first of them was received.
    """
    connection = transaction.connection
    seq, at = connection.execute("SELECT seq, at FROM cursors WHERE sink = ?", (sink,)).fetchone()
    row = connection.execute(
        "SELECT seq, received_ms FROM blocks WHERE received_ms >= ? ORDER BY seq LIMIT 1", (to_ms,)
    ).fetchone()
    if row is None or row[0] > seq or (row[0] == seq and at == 0):
        return 0, to_ms
    events: int = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM blocks WHERE seq >= ? AND seq < ?", (row[0], seq)
    ).fetchone()[0]
    connection.execute("UPDATE cursors SET seq = ?, at = 0 WHERE sink = ?", (row[0], sink))
    transaction.count("events_rewound", sink, events + at)
    transaction.cursors[sink] = row[0]
    transaction.pending[sink] = transaction.pending.get(sink, 0) + events + at
    return events + at, row[1]

"""What is inside a journal's file, as plain facts, read one block at a time (J5)."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bridge.journal.blocks import COLUMNS, read_row
from bridge.journal.registration import count_pending
from bridge.journal.totals import Totals


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """A block without its events; sizes in bytes."""

    seq: int
    source: str
    received_ms: int
    events: int
    raw_bytes: int
    stored_bytes: int
    needed_by: tuple[str, ...]
    """The sinks that have not dealt with all of it."""
    corrupt: bool
    """A lane could not read it; it is kept for salvage."""


@dataclass(frozen=True, slots=True)
class CursorFacts:
    """Where a sink stands."""

    sink: str
    seq: int
    at: int
    pending: int
    state_bytes: int
    removed_ms: int | None
    """When the sink left the configuration; None: it is configured."""


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The dead letters of a sink with one reason."""

    sink: str
    reason: str
    letters: int
    bytes: int


class Inspection:
    """Answers an operator's questions about one file; every method raises sqlite3.Error if the file is damaged."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def cursors(self) -> list[CursorFacts]:
        """Return the cursors, the one furthest behind first."""
        rows = self._ask(
            "SELECT sink, seq, at, coalesce(length(state), 0), removed_ms FROM cursors ORDER BY seq, at"
        )
        return [
            CursorFacts(sink, seq, at, count_pending(self._connection, seq, at), size, removed_ms)
            for sink, seq, at, size, removed_ms in rows
        ]

    def blocks(self, newest: int) -> list[BlockFacts]:
        """Return the newest blocks, in their order."""
        cursors = self._ask("SELECT sink, seq FROM cursors WHERE removed_ms IS NULL ORDER BY sink")
        corrupt = {seq for (seq,) in self._ask("SELECT seq FROM corrupt")}
        rows = self._ask(
            "SELECT seq, source, received_ms, count, raw_bytes, stored_bytes FROM blocks"
            " ORDER BY seq DESC LIMIT ?",
            newest,
        )
        return [
            BlockFacts(
                seq,
                source,
                received_ms,
                count,
                raw_bytes,
                stored_bytes,
                tuple(sink for sink, cursor in cursors if cursor <= seq),
                seq in corrupt,
            )
            for seq, source, received_ms, count, raw_bytes, stored_bytes in reversed(rows)
        ]

    def block_sums(self) -> tuple[int, int, int]:
        """Return the number of blocks, the events in them, and the bytes that they take."""
        count, events, stored = self._ask(
            "SELECT count(*), coalesce(sum(count), 0), coalesce(sum(stored_bytes), 0) FROM blocks"
        )[0]
        return count, events, stored

    def positions(self) -> list[tuple[str, str, bytes]]:
        """Return source, key and value of each position."""
        return self._ask("SELECT source, key, value FROM positions ORDER BY source, key")

    def totals(self) -> list[tuple[str, str, str, int]]:
        """Return name, owner, reason and value of each total."""
        return sorted(Totals(self._ask("SELECT name, owner, reason, value FROM totals")).rows())

    def letters(self) -> list[LetterFacts]:
        """Return the dead letters by sink and reason."""
        rows = self._ask(
            "SELECT sink, reason, count(*), coalesce(sum(length(event)), 0) FROM dead GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [LetterFacts(*row) for row in rows]

    def events(self, seq: int) -> Iterator[tuple[str, bytes]] | None:
        """Return id and JSON of each event of a block, None if there is no such block; raises BlockCorrupt."""
        rows = self._ask(f"SELECT {COLUMNS} FROM blocks WHERE seq = ?", seq)  # noqa: S608 - constants
        if not rows:
            return None
        block = read_row(rows[0])
        return zip(block.ids, block.bodies, strict=True)

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

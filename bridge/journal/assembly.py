"""Puts accepted events into one row: events that wait for the same commit share a block."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.batches import Ahead, Block
from bridge.journal.blocks import pack_events, pack_ids
from bridge.journal.settled import Settled
from bridge.journal.totals import TotalKey
from bridge.journal.writer import Transaction

# A block grows up to this size while it waits for the writer.
_MAX_BYTES: Final = 384 * 2**10
# What a row costs beside its blobs: keys, index entry, half-filled pages.
_ROW_BYTES: Final = 256


@dataclass(slots=True)
class Accepted:
    """What intake hands to the journal: events in parallel lists, and what is committed with them."""

    source: str
    ids: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    positions: dict[str, bytes | None] = field(default_factory=dict)
    totals: dict[TotalKey, int] = field(default_factory=dict)
    raw_bytes: int = 0
    """Bytes of all bodies."""
    ahead: Ahead | None = None
    """What delivery has made of the events."""


class Assembly:
    """A block that waits for the writer, and may still take events of its source."""

    def __init__(self, first: Accepted, received_ms: int, settled: Settled | None) -> None:
        """`settled` notes the positions of a source that asks for them."""
        # Nothing changes the accepted lists: the writer alone joins them.
        self._parts = [first]
        self._source = first.source
        self._raw_bytes = first.raw_bytes
        self._received_ms = received_ms
        self._settled = settled

    def take(self, more: Accepted) -> bool:
        """Add events of the same source if they fit."""
        if self._raw_bytes + more.raw_bytes > _MAX_BYTES:
            return False
        self._parts.append(more)
        self._raw_bytes += more.raw_bytes
        return True

    def write(self, transaction: Transaction) -> None:
        """Insert the block with its positions and totals (J1); runs on the writer's thread."""
        ids, bodies = self._parts[0].ids, self._parts[0].bodies
        if len(self._parts) > 1:
            ids = [name for part in self._parts for name in part.ids]
            bodies = [body for part in self._parts for body in part.bodies]
        positions: dict[str, bytes | None] = {}
        for part in self._parts:
            positions.update(part.positions)
            add(transaction.changes, part.totals)
        for key, position in positions.items():
            if position is None:
                transaction.connection.execute(
                    "DELETE FROM positions WHERE source = ? AND key = ?", (self._source, key)
                )
            else:
                transaction.connection.execute(
                    "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (self._source, key, position)
                )
        seq = self._insert(transaction, ids, bodies) if bodies else None
        if self._settled is not None:
            self._settled.note(transaction, self._source, positions, seq)

    def _insert(self, transaction: Transaction, ids: list[str], bodies: list[bytes]) -> int:
        packed_ids, events = pack_ids(ids), pack_events(bodies)
        stored_bytes = len(packed_ids) + len(events) + _ROW_BYTES
        row = (len(ids), self._raw_bytes, stored_bytes, self._source, self._received_ms, packed_ids, events)
        seq = transaction.connection.execute(
            "INSERT INTO blocks (count, raw_bytes, stored_bytes, source, received_ms, ids, events)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        ).lastrowid
        ahead = [part.ahead for part in self._parts]
        block = Block(seq or 0, self._received_ms, self._source, ids, bodies, events, ahead)
        transaction.inserted.append((block, self._raw_bytes, stored_bytes))
        transaction.blocks_bytes += stored_bytes
        return block.seq


def add(totals: dict[TotalKey, int], changes: Mapping[TotalKey, int]) -> None:
    """Add changes to totals."""
    for key, value in changes.items():
        totals[key] = totals.get(key, 0) + value

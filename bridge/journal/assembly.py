"""From accepted events to one row: those that wait for the same commit share a block."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from bridge.contracts import Block, Mapped, Mapper
from bridge.journal.blocks import pack_events, pack_ids
from bridge.journal.totals import Key
from bridge.journal.writer import Job, Transaction

# A block grows up to this size while it waits for the writer.
_MAX_BYTES: Final = 256 * 2**10
# A row costs about this much beside its blobs: keys, index entry, half-filled pages.
_ROW_BYTES: Final = 256


@dataclass(slots=True)
class Accepted:
    """What intake hands to the journal: events in parallel lists, with what is committed beside them."""

    source: str
    ids: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    positions: dict[str, bytes | None] = field(default_factory=dict)
    totals: dict[Key, int] = field(default_factory=dict)
    raw_bytes: int = 0
    """Bytes of all bodies."""
    mapped: dict[Mapper, list[Mapped]] = field(default_factory=dict)
    """All events in the form of sinks that keep up."""


class Assembly:
    """A block that waits for the writer, and may still take events of its source."""

    def __init__(self, first: Accepted, received_ms: int) -> None:
        self.job: Job | None = None
        # A copy: whoever brought the first events goes on counting its own.
        self._content = replace(
            first,
            ids=[*first.ids],
            bodies=[*first.bodies],
            positions={**first.positions},
            totals={**first.totals},
            mapped={mapper: [*pieces] for mapper, pieces in first.mapped.items()},
        )
        self._received_ms = received_ms

    def take(self, more: Accepted) -> bool:
        """Add events of the same source if they fit and the writer has not begun; the caller holds its lock."""
        content = self._content
        if self.job is None or self.job.taken or content.raw_bytes + more.raw_bytes > _MAX_BYTES:
            return False
        content.ids += more.ids
        content.bodies += more.bodies
        content.positions.update(more.positions)
        add(content.totals, more.totals)
        content.raw_bytes += more.raw_bytes
        content.mapped = {
            mapper: pieces + more.mapped[mapper]
            for mapper, pieces in content.mapped.items()
            if mapper in more.mapped
        }
        return True

    def write(self, transaction: Transaction) -> None:
        """Insert the block with its positions and totals (J1); runs on the writer's thread."""
        content, connection = self._content, transaction.connection
        for key, position in content.positions.items():
            if position is None:
                connection.execute(
                    "DELETE FROM positions WHERE source = ? AND key = ?", (content.source, key)
                )
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (content.source, key, position)
                )
        add(transaction.changes, content.totals)
        if not content.bodies:
            return
        ids, events = pack_ids(content.ids), pack_events(content.bodies)
        stored_bytes = len(ids) + len(events) + _ROW_BYTES
        seq = connection.execute(
            "INSERT INTO blocks (count, raw_bytes, stored_bytes, source, received_ms, ids, events)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                len(content.ids),
                content.raw_bytes,
                stored_bytes,
                content.source,
                self._received_ms,
                ids,
                events,
            ),
        ).lastrowid
        block = Block(
            seq or 0, self._received_ms, content.source, content.ids, content.bodies, events, content.mapped
        )
        transaction.inserted.append((block, content.raw_bytes, stored_bytes))
        transaction.blocks_bytes += stored_bytes


def add(totals: dict[Key, int], changes: Mapping[Key, int]) -> None:
    """Add changes to totals."""
    for key, value in changes.items():
        totals[key] = totals.get(key, 0) + value

"""The journal, cut into batches for one sink."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.contracts import Batch, Block
from bridge.delivery.filters import Filter
from bridge.events import Event
from bridge.journal import BlockCorrupt, Cursor, Journal
from bridge.settings import SinkSettings
from bridge.telemetry.journal import JournalHappenings


@dataclass(frozen=True, slots=True)
class Piece:
    """A batch, and where the cursor stands when all of it is dealt with."""

    batch: Batch
    seq: int
    at: int
    filtered: int = 0
    corrupt: int = 0
    corrupt_blocks: Sequence[tuple[int, str]] = ()


@dataclass(slots=True)
class _Filling:
    """A batch that still takes events."""

    ids: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    received_ms: list[int] = field(default_factory=list)
    size: int = 0
    seen: int = 0
    """Events looked at, wanted or not."""

    def take(self, block: Block, start: int, stop: int, wanted: Filter) -> None:
        """Add these events of a block, without those that the sink does not want."""
        if wanted.passes_all:
            self.ids += block.ids[start:stop]
            self.bodies += block.bodies[start:stop]
            self.events += block.events[start:stop]
        else:
            for index in range(start, stop):
                if wanted.wants(block.events[index]):
                    self.ids.append(block.ids[index])
                    self.bodies.append(block.bodies[index])
                    self.events.append(block.events[index])
        self.received_ms += [block.received_ms] * (len(self.ids) - len(self.received_ms))
        self.seen += stop - start

    def batch(self) -> Batch:
        """Return what it took."""
        return Batch(self.ids, self.bodies, self.events, self.received_ms)


class Feed:
    """Reads on from a cursor. A batch may span blocks, and a block may fill several batches."""

    def __init__(
        self, journal: Journal, cursor: Cursor, settings: SinkSettings, happenings: JournalHappenings
    ) -> None:
        self._journal = journal
        self._seq = cursor.seq
        self._at = cursor.at
        self._most_events = settings.batch_max_events
        self._most_bytes = settings.batch_max_bytes
        self._linger = settings.linger
        self._filter = Filter(settings.only, settings.exclude)
        self._happenings = happenings

    def hurry(self) -> None:
        """Wait for company no more: the bridge is stopping."""
        self._linger = 0

    async def next(self) -> Piece:
        """Return the next piece; waits for the first event, then at most `linger` for more."""
        filling = _Filling()
        deadline: float | None = None
        while True:
            try:
                block = await self._next_block(deadline)
            except BlockCorrupt as error:
                return self._pass_over(error, filling)
            if block is None:
                break
            stop = self._fit(block, filling)
            filling.take(block, self._at, stop, self._filter)
            self._at = stop
            if stop < len(block.ids):
                break
            self._seq, self._at = block.seq + 1, 0
            if filling.seen >= self._most_events:
                break
            deadline = deadline or asyncio.get_running_loop().time() + self._linger
        return Piece(filling.batch(), self._seq, self._at, filling.seen - len(filling.ids))

    async def _next_block(self, deadline: float | None) -> Block | None:
        """Return the block that the cursor stands in; None when there is none before the deadline."""
        try:
            # A block that is there already costs no timer.
            there = deadline is None or self._seq <= self._journal.last_seq
            async with asyncio.timeout_at(None if there else deadline):
                block = await self._journal.next_block(self._seq)
        except TimeoutError:
            return None
        if block.seq != self._seq:
            self._seq, self._at = block.seq, 0
        return block

    def _fit(self, block: Block, filling: _Filling) -> int:
        """Return up to which event of the block the batch has room; an empty batch takes at least one."""
        stop = min(len(block.ids), self._at + self._most_events - filling.seen)
        size = sum(map(len, block.bodies[self._at : stop]))
        if filling.size + size > self._most_bytes:
            size = 0
            for index in range(self._at, stop):
                length = len(block.bodies[index])
                if filling.size + size + length > self._most_bytes and (filling.seen or index > self._at):
                    stop = index
                    break
                size += length
        filling.size += size
        return stop

    def _pass_over(self, error: BlockCorrupt, filling: _Filling) -> Piece:
        self._happenings.block_corrupt(error.seq, error.count, str(error))
        lost = error.count - (self._at if error.seq == self._seq else 0)
        self._seq, self._at = error.seq + 1, 0
        return Piece(
            filling.batch(),
            self._seq,
            self._at,
            filling.seen - len(filling.ids),
            lost,
            [(error.seq, str(error))],
        )

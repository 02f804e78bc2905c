"""The journal, cut into batches for one sink."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.batches import WARM_EVENTS, Batch, Block, Packed
from bridge.contracts import Mapper
from bridge.delivery.ahead import Forms, forms_of
from bridge.delivery.filters import Filter
from bridge.journal import BlockCorrupt, Cursor, Journal
from bridge.journal.happenings import JournalHappenings
from bridge.settings import SinkSettings

# How many batches' worth of unwanted events a sink skips, at most, before its cursor moves.
_LOOKED_AT_BATCHES: Final = 20
# How long large arrivals wait at most: a source still takes some 10,000 events a second, more than a gateway writes.
# A lane that needs longer for a block falls behind and reads from disk.
_IN_STEP_SECONDS: Final = 0.02
# Blocks of a log come at the pace of its polls, and a little later each time.
_LATE: Final = 1.1


@dataclass(frozen=True, slots=True)
class Step:
    """Where the cursor goes when the batch that came with it is dealt with."""

    events: int
    """In the batch."""
    seq: int
    at: int
    filtered: int = 0
    corrupt: int = 0
    corrupt_blocks: Sequence[tuple[int, str]] = ()


class _Filling:
    """A batch that still takes events."""

    def __init__(self, wanted: Filter, most_events: int, most_bytes: int, mapper: Mapper | None) -> None:
        self._wanted = wanted
        self._mapper = mapper
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._ids: list[str] = []
        self._bodies: list[bytes] = []
        self._received_ms: list[int] = []
        self._mapped: list[bytes] = []
        self._packed: list[Packed] = []
        self._picked = False
        """Some events of a block were left out, so `packed` no longer matches the bodies."""
        self._size = 0
        self._seen = 0

    @property
    def empty(self) -> bool:
        """Whether it has not looked at any event yet."""
        return not self._seen

    @property
    def full(self) -> bool:
        """Whether it is full."""
        return len(self._ids) >= self._most_events or self._seen >= self._most_events * _LOOKED_AT_BATCHES

    def take(self, block: Block, start: int) -> int:
        """Add the events from `start` on for which there is room; return where it stopped.

        An empty batch takes at least one event, whatever its size. One that is mapped takes whole forms, and
        a batch is mapped as a whole or not at all.
        """
        forms = self._forms(block, start)
        if not self.empty and bool(forms) != bool(self._mapped):
            return start
        end = min(len(block.ids), start + self._most_events - len(self._ids))
        if not self._wanted.wants_all(block.bodies[start:end]):
            stop = self._take_wanted(block, start)
            self._picked = True
        else:
            stop = self._fitting(block, start, end)
            if forms:
                stop = self._take_mapped(forms, start, stop)
            self._size += sum(map(len, block.bodies[start:stop]))
            self._ids += block.ids[start:stop]
            self._bodies += block.bodies[start:stop]
            self._packed.append(Packed(block.packed, start, stop))
        self._received_ms += [block.received_ms] * (len(self._ids) - len(self._received_ms))
        self._seen += stop - start
        return stop

    def _forms(self, block: Block, start: int) -> Forms:
        """Return the block's forms from `start` on; none if `start` is in the middle of one."""
        if self._mapper is None or not block.ahead:
            return ()
        forms, at = forms_of(block.ahead, self._mapper), 0
        for index, (events, _) in enumerate(forms):
            if at >= start:
                return forms[index:] if at == start else ()
            at += events
        return ()

    def _fitting(self, block: Block, start: int, stop: int) -> int:
        size = sum(map(len, block.bodies[start:stop]))
        while self._size + size > self._most_bytes and stop > start and (self._ids or stop > start + 1):
            stop -= 1
            size -= len(block.bodies[stop])
        return stop

    def _take_mapped(self, forms: Forms, start: int, stop: int) -> int:
        """Add the forms that lie between; return where the last one ends, or `stop` if the first one is too large."""
        at = start
        for events, form in forms:
            if at + events > stop:
                break
            self._mapped.append(form)
            at += events
        return at if self._mapped else stop

    def _take_wanted(self, block: Block, start: int) -> int:
        for index, wanted in enumerate(self._wanted.wanted(block.bodies[start:]), start):
            if not wanted:
                continue
            size = len(block.bodies[index])
            if self._ids and (len(self._ids) >= self._most_events or self._size + size > self._most_bytes):
                return index
            self._size += size
            self._ids.append(block.ids[index])
            self._bodies.append(block.bodies[index])
        return len(block.ids)

    def step(self, seq: int, at: int, error: BlockCorrupt | None = None, lost: int = 0) -> tuple[Batch, Step]:
        """Return the batch, and where the cursor goes after it, past a block that cannot be read."""
        packed = () if self._picked else self._packed
        return Batch(self._ids, self._bodies, self._received_ms, packed, self._mapped), Step(
            len(self._ids),
            seq,
            at,
            self._seen - len(self._ids),
            lost,
            [(error.seq, str(error))] if error else (),
        )


class Company:
    """How long a batch waits for more events: at most `linger_seconds` after its first."""

    def __init__(self, linger_seconds: float) -> None:
        self.deadline: float | None = None
        """By the event loop's clock; None before the first event."""
        self._linger_seconds = linger_seconds
        self._before = 0.0

    def expected(self, now: float) -> bool:
        """Note that a block came now; tell whether another is likely before the deadline.

        The gap between the last two blocks tells; before there are two, none is expected. Blocks that come regularly,
        but too late, are not waited for.
        """
        if self.deadline is None:
            self.deadline = now + self._linger_seconds
            gap = 0.0
        else:
            gap = now - self._before
        self._before = now
        return now + gap * _LATE < self.deadline


class Feed:
    """Reads on from a cursor. A batch may span blocks, and a block may fill several batches."""

    def __init__(
        self,
        journal: Journal,
        cursor: Cursor,
        settings: SinkSettings,
        happenings: JournalHappenings,
        *,
        takes_records: bool,
        mapper: Mapper | None,
    ) -> None:
        self._journal = journal
        self._seq = cursor.seq
        self._at = cursor.at
        self._most_events = settings.batch_max_events
        self._most_bytes = settings.batch_max_bytes
        self._linger = settings.linger
        self._filter = Filter(settings.only, settings.exclude, takes_records=takes_records)
        # If a sink does not want all events, some would be mapped in vain.
        whole = not (settings.only or settings.exclude) and settings.batch_max_events >= WARM_EVENTS
        self._mapper = mapper if whole else None
        self._happenings = happenings
        self._lingering: asyncio.Timeout | None = None
        self._taken = asyncio.Event()

    @property
    def mapper(self) -> Mapper | None:
        """What new events should be mapped with; None for a feed that is behind, and will read them from disk."""
        return self._mapper if self._journal.in_memory(self._seq) else None

    async def in_step(self) -> None:
        """Wait briefly until the feed is at most one block behind; do not wait for one that cannot keep up."""
        journal = self._journal
        if self._seq >= journal.last_seq or not journal.in_memory(self._seq):
            return
        try:
            async with asyncio.timeout(_IN_STEP_SECONDS):
                while self._seq < journal.last_seq:
                    self._taken.clear()
                    await self._taken.wait()
        except TimeoutError:
            return

    def hurry(self) -> None:
        """Wait for no more events to fill a batch: the bridge is stopping."""
        self._linger = 0
        if self._lingering is not None and not self._lingering.expired():
            self._lingering.reschedule(asyncio.get_running_loop().time())

    async def next(self) -> tuple[Batch, Step]:
        """Return the next batch; waits for the first event, then for `Company`.

        The batch is empty if the sink wants none of the events that the cursor moves past.
        """
        filling = _Filling(self._filter, self._most_events, self._most_bytes, self._mapper)
        company = Company(self._linger)
        while not filling.full:
            try:
                block = await self._next_block(company.deadline)
            except BlockCorrupt as error:
                return self._pass_over(error, filling)
            if block is None:
                break
            self._at = filling.take(block, self._at)
            if self._at < len(block.ids):
                break
            self._seq, self._at = block.seq + 1, 0
            self._taken.set()
            expected = filling.empty or company.expected(asyncio.get_running_loop().time())
            if not expected and self._seq > self._journal.last_seq:
                break
        return filling.step(self._seq, self._at)

    async def _next_block(self, deadline: float | None) -> Block | None:
        """Return the block at the cursor; None if none comes before the deadline."""
        if deadline is None or self._seq <= self._journal.last_seq:
            # The first block, and blocks that are already there, need no timer.
            block = await self._journal.next_block(self._seq)
        else:
            try:
                async with asyncio.timeout_at(deadline) as self._lingering:
                    block = await self._journal.next_block(self._seq)
            except TimeoutError:
                return None
            finally:
                self._lingering = None
        if block.seq != self._seq:
            self._seq, self._at = block.seq, 0
        return block

    def _pass_over(self, error: BlockCorrupt, filling: _Filling) -> tuple[Batch, Step]:
        self._happenings.block_corrupt(error.seq, error.count, str(error))
        lost = error.count - (self._at if error.seq == self._seq else 0)
        self._seq, self._at = error.seq + 1, 0
        return filling.step(self._seq, self._at, error, lost)

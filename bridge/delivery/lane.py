"""Hot path 2: one sink's own loop, from its cursor through the sink to the commit.

    read ──▶ deliver (up to `concurrency` at once) ──▶ settle, in order ──▶ commit

Lanes never wait for each other (P6). The cursor moves past an event only in the transaction that says what
became of it (P3).
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from bridge.contracts import Batch, Clock, Mapper, Sink
from bridge.delivery.feed import Feed, Piece
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.pace import Pace
from bridge.delivery.parcel import Carrier, Outcome
from bridge.delivery.parking import Parking
from bridge.delivery.replays import Replay, Replays
from bridge.delivery.settlement import Settlement
from bridge.errors import NeedsOperator
from bridge.journal import PARKED, Journal, Selection
from bridge.journal.happenings import JournalHappenings
from bridge.settings import SinkSettings

# So many batches may pass by those that are refused as a whole, or make the destination fail: only what
# others meet tells bad events from a destination that takes nothing.
_MOST_EXTRA: Final = 8


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What an operator sees of a lane."""

    state: str
    """`delivering`, `idle`, `retrying`, `paused` or `crashed`."""
    trouble: str
    pause_reason: str
    retry_in_seconds: float
    in_flight: int
    last_delivery_seconds: float


class _Ahead:
    """The batches between the cursor and the end of what was read, oldest first."""

    def __init__(self, most: int, most_extra: int) -> None:
        self.flights: deque[tuple[Piece | Replay, asyncio.Task[Outcome]]] = deque()
        self.something = asyncio.Event()
        self._freed = asyncio.Event()
        self._most = most
        self._most_extra = most_extra
        self._extra = 0

    async def room(self) -> None:
        """Return when one more batch may be added."""
        while len(self.flights) >= self._most + self._extra:
            self._freed.clear()
            await self._freed.wait()

    def add(self, piece: Piece | Replay, delivery: asyncio.Task[Outcome]) -> None:
        """Add the newest."""
        self.flights.append((piece, delivery))
        self.something.set()

    def take(self) -> None:
        """Take the oldest, which is settled."""
        self.flights.popleft()
        self._extra = 0
        self._freed.set()
        if not self.flights:
            self.something.clear()

    def give_way(self) -> None:
        """Have room for one more until the oldest is settled."""
        if self._extra < self._most_extra:
            self._extra += 1
            self._freed.set()


class Lane:
    """Delivers the journal to one sink; `run` is called again after a crash, on the same object."""

    def __init__(
        self,
        journal: Journal,
        sink: Sink,
        settings: SinkSettings,
        *,
        happenings: DeliveryHappenings,
        journal_happenings: JournalHappenings,
        clock: Clock,
    ) -> None:
        self.sink = sink
        self.happenings = happenings
        self._journal = journal
        self._settings = settings
        self._journal_happenings = journal_happenings
        self._clock = clock
        self._last_delivery = clock.monotonic()
        self._concurrency = 1 if sink.ordered else settings.concurrency
        self._replays = Replays(journal, sink.name, settings)
        self._parking = Parking(clock, happenings)
        self._hurried = False
        self._crash = ""
        self._crashed_at = float("-inf")
        self._feed: Feed | None = None
        self._settlement: Settlement | None = None
        self._pace = self._new_pace()
        self._seq = 0

    @property
    def mapper(self) -> Mapper | None:
        """What intake shall map events with for this lane; None while the lane is behind, or has no use for it."""
        return self._feed.mapper if self._feed is not None else None

    async def in_step(self) -> None:
        """Return when the lane is only a block behind; at once if it does not keep up anyway, or after a moment."""
        if self._feed is not None:
            await self._feed.in_step()

    async def run(self, *, follow: bool = True) -> None:
        """Deliver until cancelled; what was delivered by then is committed.

        `follow` False: only what is replayed, not the journal (a command without a daemon).
        """
        cursor = await self._journal.cursor(self.sink.name)
        self._seq = cursor.seq
        self._last_delivery = max(self._last_delivery, self._pace.last_success)
        self._pace = self._new_pace()
        await self.sink.start(cursor.state)
        self.happenings.started(self.sink.destination, self._journal.pending[self.sink.name])
        # What was parked before the journal is read on: nothing of those tenants is lost from sight.
        self._parking.begin([parked.tenant for parked in await self._journal.dead.parked(self.sink.name)])
        self._feed = feed = Feed(
            self._journal,
            cursor,
            self._settings,
            self._journal_happenings,
            takes_records=self.sink.takes_records,
            mapper=self.sink.mapper,
        )
        if self._hurried:
            feed.hurry()
        ahead = _Ahead(self._concurrency, 0 if self.sink.ordered else _MOST_EXTRA)
        carrier = Carrier(
            self.sink,
            self._pace,
            self._parking,
            self._clock,
            self.happenings,
            self._settings.poison_after,
            ahead.give_way,
        )
        settlement = Settlement(
            self._journal, self.sink.name, cursor.seq, cursor.at, self._parking.parked, self._clock
        )
        self._settlement = settlement
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(group, carrier, ahead, feed if follow else None))
                group.create_task(self._settle(ahead, settlement))
                group.create_task(self._commit(settlement))
                if follow:
                    group.create_task(self._parking.run(self._replays.page))
        finally:
            self._feed = None
            self._pace.close()
            try:
                self._settle_finished(ahead, settlement)
                await settlement.end()
            finally:
                self._replays.end()

    async def replay(self, selection: Selection) -> AsyncIterator[tuple[int, int]]:
        """Send this sink's letters of a selection again; yields (delivered, refused again) as it goes.

        What was delivered leaves the table in the same transaction as everything else, so that a second
        replay sends only the rest. Raises ControlError when the lane ends meanwhile.
        """
        async for progress in self._replays.steps(selection):
            yield progress

    def hurry(self) -> None:
        """Wait for company no more: the bridge is stopping."""
        self._hurried = True
        if self._feed is not None:
            self._feed.hurry()

    def wake(self) -> None:
        """Try again now, whatever the lane was waiting for."""
        self._pace.wake()
        self._parking.wake()

    def crashed(self, error: Exception, in_seconds: float) -> None:
        """Note that `run` ended with an error, and in how many seconds it is called again."""
        self._crash = f"the lane crashed: {error!r}; the log has more"
        self._crashed_at = self._clock.monotonic()
        self.happenings.restarted(error, in_seconds)

    def status(self) -> LaneStatus:
        """Return what an operator should know."""
        trouble = self._pace.trouble
        pause = trouble.reason if isinstance(trouble, NeedsOperator) else ""
        disk = self._settlement.waits_for if self._settlement is not None else ""
        state = (
            "paused"
            if pause
            else "retrying"
            if trouble or disk
            else "delivering"
            if self._pace.busy
            else "idle"
        )
        # A lane that crashes again and again looks idle in between: only a delivery proves it well.
        crash = self._crash if self._pace.last_success <= self._crashed_at else ""
        return LaneStatus(
            state="crashed" if crash else state,
            trouble=crash or (str(trouble) if trouble else disk),
            pause_reason=pause,
            retry_in_seconds=self._pace.retry_in_seconds,
            in_flight=self._pace.busy,
            last_delivery_seconds=self._clock.monotonic() - max(self._pace.last_success, self._last_delivery),
        )

    async def oldest_pending_seconds(self) -> float:
        """Return the age of the oldest event that waits; 0 when none does."""
        if not self._journal.pending.get(self.sink.name):
            return 0.0
        received_ms = await self._journal.oldest_pending_ms(self._seq)
        return 0.0 if received_ms is None else max(0.0, self._clock.time() - received_ms / 1000)

    async def _read(
        self, group: asyncio.TaskGroup, carrier: Carrier, ahead: _Ahead, feed: Feed | None
    ) -> None:
        next_replay = group.create_task(self._replays.queue.get())
        next_piece: asyncio.Task[Any] = group.create_task(feed.next() if feed else asyncio.Event().wait())
        while True:
            await asyncio.wait((next_piece, next_replay), return_when=asyncio.FIRST_COMPLETED)
            if next_replay.done():
                await ahead.room()
                replay = next_replay.result()
                delivery = carrier.deliver(replay.batch(), replay=True)
                ahead.add(replay, group.create_task(delivery))
                next_replay = group.create_task(self._replays.queue.get())
            if feed and next_piece.done():
                await ahead.room()
                self._deliver(group, carrier, ahead, *next_piece.result())
                next_piece = group.create_task(feed.next())

    def _deliver(
        self, group: asyncio.TaskGroup, carrier: Carrier, ahead: _Ahead, batch: Batch, piece: Piece
    ) -> None:
        # The delivery alone holds the batch, so that it can let go of what it needs no more (P8).
        ahead.add(piece, group.create_task(carrier.deliver(batch)))

    async def _settle(self, ahead: _Ahead, settlement: Settlement) -> None:
        while True:
            await ahead.something.wait()
            await asyncio.wait((ahead.flights[0][1],))
            # If the delivery failed, the task group ends the lane.
            ahead.flights[0][1].result()
            self._settle_finished(ahead, settlement)
            await settlement.keep_up()

    def _settle_finished(self, ahead: _Ahead, settlement: Settlement) -> None:
        """Settle what is delivered, in order, up to the first batch that is not."""
        while ahead.flights:
            piece, delivery = ahead.flights[0]
            if not delivery.done() or delivery.cancelled() or delivery.exception() is not None:
                return
            outcome = delivery.result()
            if isinstance(piece, Replay):
                settlement.add_replay(piece, outcome)
            else:
                settlement.add(piece, outcome)
                self._seq = piece.seq
                reasons = Counter(letter.reason for _, letter in outcome.letters if letter.reason != PARKED)
                for reason, events in reasons.items():
                    self.happenings.letters(events, reason)
            ahead.take()

    async def _commit(self, settlement: Settlement) -> None:
        while True:
            await settlement.something.wait()
            await settlement.commit()

    def _new_pace(self) -> Pace:
        return Pace(
            self._clock,
            concurrency=self._concurrency,
            retry_max=self._settings.retry_max,
            max_requests_per_second=self._settings.max_requests_per_second,
        )

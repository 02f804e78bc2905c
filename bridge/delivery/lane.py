"""Hot path 2: one sink's own loop, from its cursor through the sink to the commit.

    read ──▶ deliver (up to `concurrency` at once) ──▶ settle, in order ──▶ commit
    dead letters sent again ──▶ deliver ──▶ settle, when they are done ──▶ commit

Lanes never wait for each other (P6). The cursor moves past an event only in the transaction that says what
became of it (P3).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bridge.contracts import Clock, Mapper, Sink
from bridge.delivery.batch import Delivery
from bridge.delivery.feed import Feed
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.in_flight import InFlight
from bridge.delivery.pace import Pace
from bridge.delivery.parking import Parking
from bridge.delivery.replays import Replays
from bridge.delivery.sender import Sender
from bridge.delivery.settlement import Settlement
from bridge.errors import NeedsOperator
from bridge.journal import PARKED, Journal, Selection
from bridge.journal.happenings import JournalHappenings
from bridge.settings import SinkSettings


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
        self._concurrency = 1 if sink.traits.ordered else settings.concurrency
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
    def type(self) -> str:
        """The type of its sink."""
        return self._settings.type

    @property
    def mapper(self) -> Mapper | None:
        """Maps events for this lane in intake; None while the lane is behind, or has no use for it."""
        return self._feed.mapper if self._feed is not None else None

    async def in_step(self) -> None:
        """Wait briefly until the lane is at most one block behind; return at once if it does not keep up anyway."""
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
        # First of all: the lane must know the tenants with parked events.
        self._parking.begin([parked.tenant for parked in await self._journal.dead.parked(self.sink.name)])
        self._feed = feed = Feed(
            self._journal,
            cursor,
            self._settings,
            self._journal_happenings,
            takes_records=self.sink.traits.takes_records,
            mapper=self.sink.traits.mapper,
        )
        if self._hurried:
            feed.hurry()
        sender = Sender(self.sink, self._pace, self._clock, self.happenings)
        in_flight = InFlight(self._concurrency, ordered=self.sink.traits.ordered)
        self._settlement = settlement = Settlement(
            self._journal, self.sink.name, cursor.seq, cursor.at, self._parking, self._clock
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_again(sender, in_flight, settlement))
                group.create_task(self._settle(in_flight, settlement))
                group.create_task(self._commit(settlement))
                if follow:
                    group.create_task(self._read(group, feed, sender, in_flight))
                    group.create_task(self._parking.run(self._replays))
        finally:
            self._feed = None
            self._pace.close()
            try:
                self._settle_ended(in_flight, settlement)
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
        """Wait for no more events to fill a batch: the bridge is stopping."""
        self._hurried = True
        if self._feed is not None:
            self._feed.hurry()

    def wake(self) -> None:
        """Try again now, whatever the lane was waiting for."""
        self._pace.wake()
        self._parking.wake()

    def crashed(self, error: Exception, in_seconds: float) -> None:
        """Note that `run` ended with an error, and after how many seconds it will be called again."""
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
        # A lane that crashes again and again looks idle in between: only a delivery shows that it works.
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
        received_ms = await self.oldest_pending_ms()
        return 0.0 if received_ms is None else max(0.0, self._clock.time() - received_ms / 1000)

    async def oldest_pending_ms(self) -> int | None:
        """Return when the block of the oldest event that waits was received, None when none waits."""
        if not self._journal.pending.get(self.sink.name):
            return None
        return await self._journal.oldest_pending_ms(self._seq)

    async def _read(self, group: asyncio.TaskGroup, feed: Feed, sender: Sender, in_flight: InFlight) -> None:
        while True:
            batch, step = await feed.next()
            await in_flight.room()
            delivery = Delivery(batch, sender, self._parking, in_flight, self._settings.poison_after)
            in_flight.add(step, group.create_task(delivery.run()))
            # Only the delivery holds the batch, so that it can free what it no longer needs (P8).
            del batch, delivery

    async def _send_again(self, sender: Sender, in_flight: InFlight, settlement: Settlement) -> None:
        while True:
            replay = await self._replays.queue.get()
            async with in_flight.replay():
                batch = replay.batch()
                delivery = Delivery(
                    batch, sender, self._parking, in_flight, self._settings.poison_after, replay=True
                )
                settlement.add_replay(replay, await delivery.run())

    async def _settle(self, in_flight: InFlight, settlement: Settlement) -> None:
        while True:
            # If a delivery failed, the task group ends the lane.
            await in_flight.oldest()
            self._settle_ended(in_flight, settlement)
            await settlement.keep_up()

    def _settle_ended(self, in_flight: InFlight, settlement: Settlement) -> None:
        """Settle what is delivered, in order, up to the first batch that is not."""
        for step, outcome in in_flight.ended():
            settlement.add(step, outcome)
            self._seq = step.seq
            reasons = Counter(letter.reason for _, letter in outcome.letters if letter.reason != PARKED)
            for reason, events in reasons.items():
                self.happenings.letters(events, reason)

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

"""Hot path 2: one sink's own loop, from its cursor through the sink to the commit.

    read ──▶ deliver (up to `concurrency` at once) ──▶ settle, in order ──▶ commit

Lanes never wait for each other (P6). The cursor moves past an event only in the transaction that says what
became of it (P3).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.contracts import Batch, Clock, Sink
from bridge.delivery.feed import Feed, Piece
from bridge.delivery.pace import Pace
from bridge.delivery.parcel import Carrier, Outcome
from bridge.errors import ControlError, NeedsOperator, Unacceptable
from bridge.events import Event, decode
from bridge.journal import Advance, DeadLetter, Journal, Selection
from bridge.settings import SinkSettings
from bridge.telemetry.delivery import DeliveryHappenings
from bridge.telemetry.journal import JournalHappenings


@dataclass(frozen=True, slots=True)
class Replay:
    """Dead letters on their way once more; `done` is set when what became of them is on disk."""

    letters: Sequence[DeadLetter]
    done: asyncio.Future[tuple[int, int]]
    """How many were delivered, and how many refused again."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What an operator sees of a lane."""

    state: str
    """`delivering`, `idle`, `retrying` or `paused`."""
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
        self._journal = journal
        self._settings = settings
        self._happenings = happenings
        self._journal_happenings = journal_happenings
        self._clock = clock
        self._began = clock.monotonic()
        self._concurrency = 1 if sink.ordered else settings.concurrency
        self._replays: asyncio.Queue[Replay] = asyncio.Queue()
        self._replaying: list[Replay] = []
        self._hurried = False
        self._pace = self._new_pace()
        self._seq = 0

    async def run(self) -> None:
        """Deliver until cancelled; what was delivered by then is committed."""
        cursor = await self._journal.cursor(self.sink.name)
        self._seq = cursor.seq
        self._pace = self._new_pace()
        await self.sink.start(cursor.state)
        self._happenings.started(self.sink.destination, self._journal.pending[self.sink.name])
        self._feed = Feed(self._journal, cursor, self._settings, self._journal_happenings)
        if self._hurried:
            self._feed.hurry()
        carrier = Carrier(self.sink, self._pace, self._clock, self._happenings, self._settings.poison_after)
        ahead: asyncio.Queue[tuple[Piece | Replay, asyncio.Task[Outcome]]] = asyncio.Queue()
        room = asyncio.Semaphore(self._concurrency)
        settled = _Settled(self.sink.name, cursor.seq, cursor.at)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(group, carrier, ahead, room))
                group.create_task(self._settle(ahead, room, settled))
                group.create_task(self._commit(settled))
        finally:
            self._pace.close()
            # Delivered is delivered, whatever ended the lane: it must not be sent twice without need.
            if (step := settled.take()) is not None:
                await asyncio.shield(self._journal.advance(step))
                settled.committed()
            for replay in self._replaying:
                if not replay.done.done():
                    replay.done.set_exception(ControlError("the lane was restarted meanwhile; replay again"))
            self._replaying.clear()

    async def replay(self, selection: Selection) -> AsyncIterator[tuple[int, int]]:
        """Send the letters of a selection again, through this lane; yields (delivered, refused again) as it goes.

        What was delivered leaves the table in the same transaction as everything else, so that a second
        replay sends only the rest.
        """
        delivered = refused = after = 0
        while letters := await self._journal.dead.select(
            selection, after=after, limit=self._settings.batch_max_events
        ):
            after = letters[-1].number
            done: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
            replay = Replay(letters, done)
            self._replays.put_nowait(replay)
            gone, back = await done
            self._replaying.remove(replay)
            delivered, refused = delivered + gone, refused + back
            yield delivered, refused

    def hurry(self) -> None:
        """Wait for company no more: the bridge is stopping."""
        self._hurried = True
        self._feed.hurry()

    def wake(self) -> None:
        """Try again now, whatever the lane was waiting for."""
        self._pace.wake()

    def status(self) -> LaneStatus:
        """Return what an operator should know."""
        trouble = self._pace.trouble
        pause = trouble.reason if isinstance(trouble, NeedsOperator) else ""
        state = "paused" if pause else "retrying" if trouble else "delivering" if self._pace.busy else "idle"
        return LaneStatus(
            state=state,
            trouble=str(trouble) if trouble else "",
            pause_reason=pause,
            retry_in_seconds=self._pace.retry_in_seconds,
            in_flight=self._pace.busy,
            last_delivery_seconds=self._clock.monotonic() - max(self._pace.last_success, self._began),
        )

    async def oldest_pending_seconds(self) -> float:
        """Return the age of the oldest event that waits; 0 when none does."""
        if not self._journal.pending.get(self.sink.name):
            return 0.0
        received_ms = await self._journal.oldest_pending_ms(self._seq)
        return 0.0 if received_ms is None else max(0.0, self._clock.time() - received_ms / 1000)

    async def _read(
        self,
        group: asyncio.TaskGroup,
        carrier: Carrier,
        ahead: asyncio.Queue[tuple[Piece | Replay, asyncio.Task[Outcome]]],
        room: asyncio.Semaphore,
    ) -> None:
        next_piece: asyncio.Task[Any] = group.create_task(self._feed.next())
        next_replay: asyncio.Task[Any] = group.create_task(self._replays.get())
        while True:
            await asyncio.wait((next_piece, next_replay), return_when=asyncio.FIRST_COMPLETED)
            if next_replay.done():
                replay: Replay = next_replay.result()
                self._replaying.append(replay)
                await room.acquire()
                batch = _batch_of(replay.letters)
                ahead.put_nowait((replay, group.create_task(carrier.deliver(batch, replay=True))))
                next_replay = group.create_task(self._replays.get())
            if next_piece.done():
                piece: Piece = next_piece.result()
                await room.acquire()
                ahead.put_nowait((piece, group.create_task(carrier.deliver(piece.batch))))
                next_piece = group.create_task(self._feed.next())

    async def _settle(
        self,
        ahead: asyncio.Queue[tuple[Piece | Replay, asyncio.Task[Outcome]]],
        room: asyncio.Semaphore,
        settled: "_Settled",
    ) -> None:
        while True:
            piece, delivery = await ahead.get()
            outcome = await delivery
            for _, letter in outcome.letters:
                self._happenings.letters(1, letter.reason)
            if isinstance(piece, Replay):
                settled.add_replay(piece, outcome)
            else:
                settled.add(piece, outcome)
                self._seq = piece.seq
            room.release()

    async def _commit(self, settled: "_Settled") -> None:
        while True:
            await settled.something.wait()
            if (step := settled.take()) is not None:
                await self._journal.advance(step)
                settled.committed()

    def _new_pace(self) -> Pace:
        return Pace(
            self._clock,
            concurrency=self._concurrency,
            retry_max=self._settings.retry_max,
            max_requests_per_second=self._settings.max_requests_per_second,
        )


class _Settled:
    """What was delivered, in order, and is not committed yet: one step, however many pieces it took."""

    def __init__(self, sink: str, seq: int, at: int) -> None:
        self.something = asyncio.Event()
        self._empty = Advance(sink, seq, at)
        self._step = self._empty
        self._replays: list[tuple[Replay, tuple[int, int]]] = []
        self._committing: list[tuple[Replay, tuple[int, int]]] = []

    def add(self, piece: Piece, outcome: Outcome) -> None:
        """Take a piece that every event of has an end."""
        step = self._step
        letters = [letter for _, letter in outcome.letters]
        self._step = replace(
            step,
            seq=piece.seq,
            at=piece.at,
            state=outcome.state or step.state,
            delivered=step.delivered + len(piece.batch) - len(letters),
            filtered=step.filtered + piece.filtered,
            corrupt=step.corrupt + piece.corrupt,
            letters=[*step.letters, *letters],
            corrupt_blocks=[*step.corrupt_blocks, *piece.corrupt_blocks],
        )
        self.something.set()

    def add_replay(self, replay: Replay, outcome: Outcome) -> None:
        """Take letters that were sent again."""
        step = self._step
        again = dict(outcome.letters)
        numbers = [letter.number for letter in replay.letters]
        self._step = replace(
            step,
            state=outcome.state or step.state,
            replayed=[
                *step.replayed,
                *(number for index, number in enumerate(numbers) if index not in again),
            ],
            refused_again=[
                *step.refused_again,
                *((numbers[index], letter) for index, letter in again.items()),
            ],
        )
        self._replays.append((replay, (len(numbers) - len(again), len(again))))
        self.something.set()

    def take(self) -> Advance | None:
        """Return the step to commit, None if there is none."""
        self.something.clear()
        step = self._step
        if step == self._empty and not self._replays:
            return None
        self._committing += self._replays
        self._replays = []
        self._empty = self._step = Advance(step.sink, step.seq, step.at)
        return step

    def committed(self) -> None:
        """Tell those who wait for a replay that it is on disk."""
        for replay, result in self._committing:
            if not replay.done.done():
                replay.done.set_result(result)
        self._committing = []


def _batch_of(letters: Sequence[DeadLetter]) -> Batch:
    return Batch(
        [letter.event_id for letter in letters],
        [letter.event for letter in letters],
        [_event_of(letter) for letter in letters],
        [letter.failed_ms for letter in letters],
    )


def _event_of(letter: DeadLetter) -> Event:
    try:
        return decode(letter.event)
    except Unacceptable:
        # It was an event when it was journalled: the mapping will say what is wrong with it.
        return Event()

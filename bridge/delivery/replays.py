"""Sends dead letters again through their lane, page by page."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.batches import Batch
from bridge.errors import ControlError
from bridge.journal import DeadLetter, Journal, Selection
from bridge.settings import SinkSettings

# Read this many dead letters at a time: some are here because they were too large (P8).
_MOST_LETTERS: Final = 50


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of letters that were sent again."""

    delivered: int
    """They left the table."""
    refused: int
    """They stay, with their new reason."""
    parked: int
    """Those of the refused that wait for their tenant's key."""
    sampled_out: int
    """Those of the delivered that the sink's sampling left out; they were not sent."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Letters for one batch; `done` is set once what became of them is on disk."""

    letters: Sequence[DeadLetter]
    done: asyncio.Future[Replayed]

    def batch(self) -> Batch:
        """Return the letters as a batch."""
        return Batch(
            [letter.event_id for letter in self.letters],
            [letter.event for letter in self.letters],
            [letter.received_ms for letter in self.letters],
        )


class Replays:
    """Hands letters of one sink to its lane, a batch at a time."""

    def __init__(self, journal: Journal, sink: str, settings: SinkSettings) -> None:
        self.queue: asyncio.Queue[Replay] = asyncio.Queue()
        """Replays that wait for the lane."""
        self._dead = journal.dead
        self._sink = sink
        self._most_events = min(_MOST_LETTERS, settings.batch_max_events)
        self._most_bytes = settings.batch_max_bytes
        self._unfinished: list[Replay] = []
        self._turn = asyncio.Lock()

    async def steps(self, selection: Selection) -> AsyncIterator[tuple[int, int]]:
        """Send the letters of a selection; yields (delivered, refused again) as it goes."""
        delivered = refused = after = 0
        while page := await self.page(selection, after=after):
            after, result = page
            delivered, refused = delivered + result.delivered, refused + result.refused
            yield delivered, refused

    async def page(
        self, selection: Selection, *, after: int = 0, most: int = _MOST_LETTERS
    ) -> tuple[int, Replayed] | None:
        """Send the next letters after number `after`: at most `most`, and no more than fit into a batch.

        Returns the number of the last one, and what became of them; None when none is left.
        """
        selection = replace(selection, sink=self._sink)
        # One at a time: two replays of the same letters would send them twice.
        async with self._turn:
            letters = await self._letters(selection, after, min(most, self._most_events))
            if not letters:
                return None
            return letters[-1].number, await self._send_again(letters)

    def end(self) -> None:
        """Tell those who wait that the lane has ended."""
        while not self.queue.empty():
            self.queue.get_nowait()
        for replay in self._unfinished:
            if not replay.done.done():
                replay.done.set_exception(ControlError("the lane ended meanwhile; replay again"))

    async def _letters(self, selection: Selection, after: int, most: int) -> Sequence[DeadLetter]:
        letters = await self._dead.select(selection, after=after, limit=most)
        size = 0
        for index, letter in enumerate(letters):
            size += len(letter.event)
            if index and size > self._most_bytes:
                return letters[:index]
        return letters

    async def _send_again(self, letters: Sequence[DeadLetter]) -> Replayed:
        replay = Replay(letters, asyncio.get_running_loop().create_future())
        self._unfinished.append(replay)
        self.queue.put_nowait(replay)
        try:
            return await replay.done
        finally:
            self._unfinished.remove(replay)

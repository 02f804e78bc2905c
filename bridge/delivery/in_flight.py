"""The batches in flight between the cursor and the end of what was read, oldest first."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bridge.delivery.feed import Step
from bridge.journal import Letter

# This many more batches may overtake one that is refused as a whole, or makes the destination fail: only how the others
# fare tells bad events from a destination that takes nothing.
_MOST_EXTRA: Final = 8


@dataclass(slots=True)
class Outcome:
    """What became of a batch: all was delivered except the letters (with their places) and what was sampled out."""

    letters: list[tuple[int, Letter]] = field(default_factory=list)
    sampled_out: int = 0
    state: bytes | None = None


class InFlight:
    """Batches that are being delivered, or wait for an older one to be settled.

    An `ordered` sink has one batch at a time, be it the journal's or a replay.
    """

    def __init__(self, concurrency: int, *, ordered: bool) -> None:
        self._flights: deque[tuple[Step, asyncio.Task[Outcome]]] = deque()
        self._added = asyncio.Event()
        self._changed = asyncio.Event()
        self._most = concurrency
        self._most_extra = 0 if ordered else _MOST_EXTRA
        self._ordered = ordered
        self._extra = 0
        self._held = False

    async def room(self) -> None:
        """Return when one more batch of the journal may be added."""
        while self._held or len(self._flights) >= self._most + self._extra:
            await self._change()

    def add(self, step: Step, delivery: asyncio.Task[Outcome]) -> None:
        """Add the newest batch."""
        self._flights.append((step, delivery))
        self._added.set()

    def give_way(self) -> None:
        """Let one more batch in until the oldest is settled, so that a suspect can be compared with others."""
        if self._extra < self._most_extra:
            self._extra += 1
            self._changed.set()

    async def oldest(self) -> None:
        """Return when the oldest has ended; raises what its delivery raised."""
        await self._added.wait()
        _, delivery = self._flights[0]
        await asyncio.wait((delivery,))
        delivery.result()

    def ended(self) -> Iterator[tuple[Step, Outcome]]:
        """Take out and yield those that have ended, up to the first that has not."""
        while self._flights:
            step, delivery = self._flights[0]
            if not delivery.done() or delivery.cancelled() or delivery.exception() is not None:
                return
            yield step, delivery.result()
            self._flights.popleft()
            self._extra = 0
            self._changed.set()
            if not self._flights:
                self._added.clear()

    @asynccontextmanager
    async def replay(self) -> AsyncIterator[None]:
        """Let a replay overtake the batches in flight; for an ordered sink it waits for the one that is."""
        # Keep new batches out first: those from memory would always get in before the replay.
        self._held = self._ordered
        try:
            while self._ordered and self._flights:
                await self._change()
            yield
        finally:
            self._held = False
            self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

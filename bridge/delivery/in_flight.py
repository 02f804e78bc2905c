"""The batches in flight between the cursor and the end of what was read, oldest first."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bridge.delivery.feed import Step
from bridge.journal import Letter

# So many batches may pass by those that are refused as a whole, or make the destination fail: only what
# others meet tells bad events from a destination that takes nothing.
_MOST_EXTRA: Final = 8


@dataclass(slots=True)
class Outcome:
    """What became of a batch: delivered, but for the letters (by place in the batch) and what was sampled out."""

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
        """Add the newest."""
        self._flights.append((step, delivery))
        self._added.set()

    def give_way(self) -> None:
        """Have room for one more until the oldest is settled: a batch must be compared with others."""
        if self._extra < self._most_extra:
            self._extra += 1
            self._changed.set()

    async def oldest(self) -> None:
        """Return when the oldest has come to an end; raises what made its delivery fail."""
        await self._added.wait()
        _, delivery = self._flights[0]
        await asyncio.wait((delivery,))
        delivery.result()

    def ended(self) -> Iterator[tuple[Step, Outcome]]:
        """Take those that have come to an end, up to the oldest that has not."""
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
        """Let a replay pass by the batches in flight; to an ordered sink it goes behind the one that is."""
        # Held first: what is read from memory would always be there before the replay.
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

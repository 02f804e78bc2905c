"""The live stream: what was appended, to whoever looks, from memory."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bridge.analytics.store.contract import Fed

MOST_WAITING: Final = 2_000
"""Events that wait for one who looks; of more, the oldest are left out."""


class Watcher:
    """One who looks at what is wanted: of other events it does not even know that they came."""

    def __init__(self, wanted: Callable[[Fed], bool] | None) -> None:
        self._wanted = wanted
        self._waiting: deque[Fed] = deque(maxlen=MOST_WAITING)
        self._come = asyncio.Event()
        self._missed = 0

    def give(self, events: Sequence[Fed]) -> None:
        """Let those of these wait that are wanted."""
        if self._wanted is not None:
            events = [one for one in events if self._wanted(one)]
        if not events:
            return
        self._missed += max(0, len(self._waiting) + len(events) - MOST_WAITING)
        self._waiting.extend(events)
        self._come.set()

    async def take(self, seconds: float) -> list[Fed]:
        """Return what has come, as soon as anything has; empty when nothing came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._come.wait()
        except TimeoutError:
            return []
        self._come.clear()
        events = [*self._waiting]
        self._waiting.clear()
        return events

    def missed(self) -> int:
        """Return how many events were left out since the last call."""
        missed, self._missed = self._missed, 0
        return missed


class LiveFeed:
    """Hands appended events to those who look; costs nothing while nobody does."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def publish(self, fed: Callable[[], Iterable[Fed]]) -> None:
        """Hand these on; they are made only if somebody looks."""
        if not self._watchers:
            return
        events = [*fed()]
        for watcher in self._watchers:
            watcher.give(events)

    @contextmanager
    def watching(self, wanted: Callable[[Fed], bool] | None = None) -> Iterator[Watcher]:
        """Look at all events while the block runs, from now on, or at those that are wanted."""
        watcher = Watcher(wanted)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

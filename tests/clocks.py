"""Clocks that a test owns."""

import asyncio
import heapq
import itertools


class FakeClock:
    """Stands still until `advance` moves it."""

    def __init__(self, epoch: float = 1_795_000_000.0) -> None:
        self._epoch = epoch
        self._elapsed = 1000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self._epoch + self._elapsed

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been moved that far."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), done))
        await done

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its time and letting it go as far as it can without waiting."""
        target = self._elapsed + seconds
        await self.let_run()
        while self._sleepers and self._sleepers[0][0] <= target:
            at, _, done = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, at)
            if not done.done():
                done.set_result(None)
            await self.let_run()
        self._elapsed = target

    @staticmethod
    async def let_run() -> None:
        """Let everything run that waits for nothing but its turn."""
        for _ in range(20):
            await asyncio.sleep(0)


class HastyClock(FakeClock):
    """Moves on by itself: whoever sleeps is woken at once, with the time that he asked for gone."""

    async def sleep(self, seconds: float) -> None:
        """Return soon, so many seconds later by this clock."""
        until = self._elapsed + seconds
        await asyncio.sleep(0.001)
        self._elapsed = max(self._elapsed, until)

"""A clock that a test owns."""

import asyncio
import heapq
import itertools

# A Saturday in November 2026, when the recorded logs were written.
EPOCH = 1_795_221_984.0


class FakeClock:
    """Time that stands still until a test moves it: at once with `now`, or with `advance`, which wakes sleepers.

    `hasty`: whoever sleeps is woken at once, with the time that it asked for gone.
    """

    def __init__(self, epoch: float = EPOCH, *, hasty: bool = False) -> None:
        self.epoch = epoch
        self.now = 1000.0
        self.sleeps = 0
        """How often somebody went to sleep."""
        self._hasty = hasty
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.epoch + self.now

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has moved that far; a hasty one moves by itself."""
        self.sleeps += 1
        until = self.now + seconds
        if self._hasty:
            # A real moment, so that threads and sockets come to their turn.
            await asyncio.sleep(0.001)
            self.now = max(self.now, until)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (until, next(self._order), done))
        await done

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its time and letting it go as far as it can without waiting."""
        target = self.now + seconds
        await self.let_run()
        while self._sleepers and self._sleepers[0][0] <= target:
            at, _, done = heapq.heappop(self._sleepers)
            self.now = max(self.now, at)
            if not done.done():
                done.set_result(None)
            await self.let_run()
        self.now = target

    @staticmethod
    async def let_run() -> None:
        """Let everything run that waits for nothing but its turn."""
        for _ in range(20):
            await asyncio.sleep(0)

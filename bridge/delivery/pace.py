"""How fast a lane may send: full width, one probing request after a failure, or waiting for an operator.

Retryable failures back off with full jitter and go on for ever; the journal is the buffer. The first
success opens the lane again by doubling. A batch that failed goes to the end of the line, so that one bad batch
does not keep the others from showing that the destination works.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from bridge.contracts import Clock
from bridge.errors import NeedsOperator, RetryLater

_FIRST_RETRY_SECONDS: Final = 0.5
_FIRST_PROBE_SECONDS: Final = 5
_LONGEST_PROBE_SECONDS: Final = 300


class Pace:
    """Gives turns to the batches of one lane."""

    def __init__(
        self, clock: Clock, *, concurrency: int, retry_max: float, max_requests_per_second: float | None
    ) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._retrying = AsyncRetrying(wait=wait_random_exponential(_FIRST_RETRY_SECONDS, max=retry_max))
        self._probing = AsyncRetrying(
            wait=wait_random_exponential(_FIRST_PROBE_SECONDS, max=_LONGEST_PROBE_SECONDS)
        )
        self._spacing = 1 / max_requests_per_second if max_requests_per_second else 0.0
        self._capacity = concurrency
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._held_until = float("-inf")
        self._next_turn = float("-inf")
        self._timer: asyncio.Task[None] | None = None
        self._outage = 0
        self._failures = 0
        self.busy = 0
        self.trouble: RetryLater | NeedsOperator | None = None
        """What keeps the lane from sending at full width."""
        self.successes = 0
        """How many requests that began after the last failure the destination took; when it grows, others pass."""
        self.refusals = 0
        """How many single events it has refused by name since it last took one."""
        self.last_success = float("-inf")

    @property
    def retry_in_seconds(self) -> float:
        """How long until the next try; 0 when nothing holds the lane."""
        return max(0.0, self._held_until - self._clock.monotonic())

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int]:
        """Wait for a turn; yields the number of outages so far, for `failed`."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        try:
            yield self._outage
        finally:
            self._leave()

    def succeeded(self, outage: int) -> bool:
        """The destination took a batch; returns whether that ended an outage.

        A request from before the last failure proves nothing about what came after it.
        """
        self.last_success = self._clock.monotonic()
        self.refusals = 0
        if outage != self._outage:
            return False
        self.successes += 1
        if self.trouble is None:
            self._capacity = min(2 * self._capacity, self._concurrency)
            return False
        self.trouble = None
        self._failures = 0
        return True

    def answered(self, outage: int) -> bool:
        """The destination answers, though it did not take the batch; returns whether that ended an outage.

        It says nothing about other batches: the lane goes on with one request at a time.
        """
        if outage != self._outage or not isinstance(self.trouble, RetryLater):
            return False
        self.trouble = None
        self._failures = 0
        return True

    def failed(self, error: RetryLater | NeedsOperator, outage: int | None = None) -> float:
        """Hold the lane; returns for how many seconds.

        Requests that were under way together and fail together are one failure: `outage` is what the
        request's turn yielded, None for a failure that no single request shows.
        """
        if type(error) is not type(self.trouble):
            # New kind of trouble: its pauses start with the shortest.
            self._failures = 0
        self.trouble = error
        self._capacity = 1
        if outage in (None, self._outage):
            self._outage += 1
            self._failures += 1
            retrying = self._retrying if isinstance(error, RetryLater) else self._probing
            state = RetryCallState(retrying, None, (), {})
            state.attempt_number = self._failures
            self._hold(retrying.wait(state))
        if isinstance(error, RetryLater):
            self.wait_for(error)
        return self.retry_in_seconds

    def wait_for(self, error: RetryLater) -> None:
        """Send nothing before the time that the destination asked for."""
        if error.retry_after_seconds is not None:
            self.trouble = self.trouble or error
            self._hold(error.retry_after_seconds)

    def wake(self) -> None:
        """Try again now."""
        self._held_until = float("-inf")
        self.close()
        self._admit()

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    def _admit(self) -> None:
        while self._waiting and self.busy < self._capacity:
            if (delay := max(self._held_until, self._next_turn) - self._clock.monotonic()) > 0:
                if self._timer is None:
                    self._timer = asyncio.create_task(self._admit_after(delay))
                return
            turn = self._waiting.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)
                if self._spacing:
                    self._next_turn = self._clock.monotonic() + self._spacing

    async def _admit_after(self, delay: float) -> None:
        await self._clock.sleep(delay)
        self._timer = None
        self._admit()

    def _leave(self) -> None:
        self.busy -= 1
        self._admit()

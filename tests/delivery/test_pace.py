"""How fast a lane may send, on a clock that the test owns."""

import asyncio
from collections.abc import Callable

from rigs.clock import FakeClock

from bridge.delivery.pace import Pace
from bridge.errors import NeedsOperator, RetryLater

RETRY_MAX = 60.0


def pace(clock: FakeClock, *, concurrency: int = 4, rate: float | None = None) -> Pace:
    return Pace(clock, concurrency=concurrency, retry_max=RETRY_MAX, max_requests_per_second=rate)


def broken(retry_after: float | None = None) -> RetryLater:
    return RetryLater("it broke", reason="server_error", retry_after_seconds=retry_after, status=500)


def locked_out() -> NeedsOperator:
    return NeedsOperator("wrong key", reason="credentials", status=401)


class Request:
    """One request, begun when its turn comes and ended by the test."""

    def __init__(self, line: Pace) -> None:
        self._line = line
        self.begun = False
        self._ending: asyncio.Future[Callable[[int], object]] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._line.turn() as outage:
            self.begun = True
            (await self._ending)(outage)

    async def succeed(self) -> None:
        await self._end(self._line.succeeded)

    async def fail(self, error: RetryLater | NeedsOperator) -> None:
        await self._end(lambda outage: self._line.failed(error, outage))

    async def _end(self, how: Callable[[int], object]) -> None:
        self._ending.set_result(how)
        await self.task
        await FakeClock.let_run()


async def line_up(line: Pace, count: int) -> list[Request]:
    requests = [Request(line) for _ in range(count)]
    await FakeClock.let_run()
    return requests


def begun(requests: list[Request]) -> int:
    return sum(request.begun for request in requests)


async def give_up(line: Pace, requests: list[Request]) -> None:
    for request in requests:
        request.task.cancel()
    await asyncio.gather(*(request.task for request in requests), return_exceptions=True)
    line.close()


async def test_as_many_at_once_as_allowed() -> None:
    """A healthy lane sends `concurrency` requests at a time, and the next one when one is done."""
    line = pace(FakeClock())
    requests = await line_up(line, 6)
    assert begun(requests) == 4
    await requests[0].succeed()
    assert begun(requests) == 5
    await give_up(line, requests)


async def test_full_jitter_stays_within_doubling_bounds() -> None:
    """The n-th wait lies anywhere between nothing and half a second doubled n-1 times, at most `retry_max`."""
    waits: dict[int, list[float]] = {}
    for _ in range(200):
        line = pace(FakeClock())
        clock = line._clock
        assert isinstance(clock, FakeClock)
        for failure in range(1, 12):
            waits.setdefault(failure, []).append(line.failed(broken()))
            await clock.advance(RETRY_MAX)
    for failure, seen in waits.items():
        bound = min(0.5 * 2 ** (failure - 1), RETRY_MAX)
        assert 0 <= min(seen) <= max(seen) <= bound
        # Full jitter: the whole range is used.
        assert min(seen) < bound / 4
        assert max(seen) > bound * 3 / 4


async def test_one_probe_after_a_failure_then_doubling() -> None:
    """After a failure one request goes at a time; each success then doubles the number."""
    clock = FakeClock()
    line = pace(clock)
    requests = await line_up(line, 20)
    for request in requests[:4]:
        await request.fail(broken())
    assert begun(requests) == 4
    assert isinstance(line.trouble, RetryLater)
    await clock.advance(0.5)
    assert begun(requests) == 5
    await clock.advance(RETRY_MAX)
    assert begun(requests) == 5, "nobody joins the probe"
    await requests[4].succeed()
    assert line.trouble is None
    assert begun(requests) == 6
    await requests[5].succeed()
    assert begun(requests) == 8
    await requests[6].succeed()
    assert begun(requests) - 7 == 4
    await give_up(line, requests)


async def test_failures_together_count_once() -> None:
    """Requests that were under way together and fail together make one step of the backoff, not four."""
    clock = FakeClock()
    line = pace(clock)
    requests = await line_up(line, 5)
    for request in requests[:4]:
        await request.fail(broken())
        assert line.retry_in_seconds <= 0.5
    await give_up(line, requests)


async def test_retry_after_holds_the_lane_though_an_older_request_succeeds() -> None:
    """Retry-After is honoured by all requests, whatever one that was sent before it brings."""
    clock = FakeClock()
    line = pace(clock)
    requests = await line_up(line, 6)
    await requests[0].fail(broken(retry_after=30))
    await requests[1].succeed()
    await requests[2].succeed()
    await requests[3].succeed()
    assert line.successes == 0
    assert line.retry_in_seconds == 30
    await clock.advance(29.9)
    assert begun(requests) == 4
    await clock.advance(0.2)
    assert begun(requests) == 5
    await give_up(line, requests)


async def test_retry_after_of_a_late_answer_outlasts_a_good_probe() -> None:
    """A Retry-After that came while a probe was under way still holds when the probe succeeds."""
    clock = FakeClock()
    line = pace(clock)
    requests = await line_up(line, 6)
    await requests[0].fail(broken())
    await requests[1].succeed()
    await requests[2].succeed()
    await requests[3].fail(broken(retry_after=30))
    assert line.retry_in_seconds == 30
    line.wake()
    await FakeClock.let_run()
    assert requests[4].begun
    line.failed(broken(retry_after=20), outage=0)
    await requests[4].succeed()
    assert line.retry_in_seconds == 20
    assert not requests[5].begun
    await clock.advance(20)
    assert requests[5].begun
    await give_up(line, requests)


async def test_paused_lane_probes_slowly_and_wakes_at_once() -> None:
    """A wrong key is probed at growing intervals of at most five minutes, and at once when an operator asks."""
    clock = FakeClock()
    line = pace(clock)
    longest = 0.0
    for _ in range(30):
        (probe,) = await line_up(line, 1)
        assert probe.begun
        await probe.fail(locked_out())
        longest = max(longest, line.retry_in_seconds)
        await clock.advance(300)
    assert 60 < longest <= 300
    line.failed(locked_out())
    (waiting,) = await line_up(line, 1)
    line.wake()
    await FakeClock.let_run()
    assert waiting.begun
    await waiting.succeed()
    assert line.trouble is None
    line.close()


async def test_who_failed_goes_to_the_end_of_the_line() -> None:
    """After a failure the other batches may show whether the destination is healthy."""
    clock = FakeClock()
    line = pace(clock, concurrency=1)
    first, second = await line_up(line, 2)
    await first.fail(broken())
    (again,) = await line_up(line, 1)
    await clock.advance(1)
    assert second.begun
    assert not again.begun
    await second.succeed()
    assert again.begun
    await give_up(line, [again])


async def test_most_requests_per_second() -> None:
    """Requests keep their distance, however many may run at once."""
    clock = FakeClock()
    line = pace(clock, rate=2)
    requests = await line_up(line, 4)
    assert begun(requests) == 1
    await clock.advance(0.4)
    assert begun(requests) == 1
    await clock.advance(0.2)
    assert begun(requests) == 2
    await clock.advance(1)
    assert begun(requests) == 4
    await give_up(line, requests)


async def test_those_who_leave_the_line_take_no_turn() -> None:
    """A batch that is cancelled while it waits, or just as its turn came, leaves the line as it was."""
    clock = FakeClock()
    line = pace(clock, concurrency=1)
    requests = await line_up(line, 4)
    requests[0]._ending.set_result(line.succeeded)
    # Cancelled while it waits: the one before it leaves, and sees it gone, before it can leave by itself.
    requests[1].task.cancel()
    await requests[0].task
    # Cancelled as its turn came, before it could begin.
    requests[2].task.cancel()
    outcomes = await asyncio.gather(*(request.task for request in requests[1:3]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
    await FakeClock.let_run()
    assert requests[3].begun
    assert line.busy == 1
    await requests[3].succeed()
    assert line.busy == 0

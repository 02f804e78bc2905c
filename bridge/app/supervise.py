"""Keeps a part of the bridge running: when it crashes it is started again, alone, after a pause that grows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bridge.contracts import Clock

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 60.0


async def keep_running(
    work: Callable[[], Awaitable[None]],
    *,
    crashed: Callable[[Exception, float], None],
    clock: Clock,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Run `work` until it returns or is cancelled; when it crashes, report that and run it again while it is `wanted`.

    `crashed` is called with the error and with the seconds until the next run. After work that ran for longer than
    the longest pause, the pauses begin with the shortest one again.
    """
    pause = _FIRST_PAUSE_SECONDS
    while True:
        began = clock.monotonic()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the rest of the bridge goes on
            if clock.monotonic() - began > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            crashed(error, pause)
            if not wanted():
                # It failed while it was ending: do not run it again, a caller waits for the end.
                return
            await clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            return


class Supervised:
    """The parts that run, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(
        self, name: str, work: Callable[[], Awaitable[None]], crashed: Callable[[Exception, float], None]
    ) -> None:
        """Keep a part running."""
        self._tasks[name] = asyncio.create_task(
            keep_running(work, crashed=crashed, clock=self._clock, wanted=lambda: self.runs(name)), name=name
        )

    def runs(self, name: str) -> bool:
        """Return whether a part was started and not ended."""
        return name in self._tasks

    async def end(self, *names: str) -> bool:
        """Return when these parts have ended; True if one of them ran."""
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        # `crashed` has reported errors of the end; nothing may keep the others from ending.
        await asyncio.gather(*tasks, return_exceptions=True)
        return bool(tasks)

    async def end_all(self) -> None:
        """Return when nothing runs any more."""
        await self.end(*self._tasks)

"""Keeps a part of the bridge running: when it crashes it is started again, alone, after a pause that grows."""

from collections.abc import Awaitable, Callable
from typing import Final

from bridge.contracts import Clock

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 60.0


async def keep_running(
    work: Callable[[], Awaitable[None]], *, crashed: Callable[[Exception, float], None], clock: Clock
) -> None:
    """Run `work` until it returns or is cancelled; when it crashes, say so and run it again.

    `crashed` is told the error and after how many seconds it goes on. Work that ran for longer than the
    longest pause begins with the shortest one again.
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
            await clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            return

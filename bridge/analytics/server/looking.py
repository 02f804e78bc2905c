"""Looks after the store once a minute."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from bridge.analytics.server.served import Served
from bridge.errors import StoreWaits

_PAUSE_SECONDS: Final = 60.0


@asynccontextmanager
async def looking(
    served: Served, look: Callable[[Served], Awaitable[object]], failed: str
) -> AsyncIterator[None]:
    """Look once a minute while the block runs; `failed` is what the log says of a look that failed."""
    task = asyncio.create_task(_look_always(served, look, failed))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _look_always(served: Served, look: Callable[[Served], Awaitable[object]], failed: str) -> None:
    while True:
        try:
            await look(served)
        except StoreWaits as waits:
            served.logger.warning(failed, problem=str(waits))
        except Exception as error:
            # The next look may fare better; events are taken and questions answered meanwhile.
            served.logger.exception(failed, exc_info=error)
        await served.clock.sleep(_PAUSE_SECONDS)

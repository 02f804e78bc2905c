"""Rolls up what has become quiet, behind the events and the questions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bridge.analytics.server.served import Served
from bridge.errors import StoreWaits

_PAUSE_SECONDS: Final = 60.0


@asynccontextmanager
async def rolling(served: Served) -> AsyncIterator[None]:
    """Look once a minute while the block runs; what is younger than a look is left in peace."""
    task = asyncio.create_task(_roll_always(served))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _roll_always(served: Served) -> None:
    while True:
        try:
            await served.store.roll_up(int(served.clock.time() * 1000))
        except StoreWaits as waits:
            served.logger.warning("events could not be rolled up", problem=str(waits))
        except Exception as error:
            # Questions are answered from the facts meanwhile.
            served.logger.exception("to roll events up has failed", exc_info=error)
        await served.clock.sleep(_PAUSE_SECONDS)

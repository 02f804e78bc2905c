"""Lets go of events that are too old, and of the oldest where they are too many; says how many."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bridge.analytics.server.served import Served
from bridge.errors import StoreWaits

_PAUSE_SECONDS: Final = 60.0


@asynccontextmanager
async def tidying(served: Served) -> AsyncIterator[None]:
    """Look once a minute while the block runs."""
    task = asyncio.create_task(_tidy_always(served))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _tidy_always(served: Served) -> None:
    while True:
        try:
            await tidy(served)
        except StoreWaits as waits:
            served.logger.warning("the store could not let go of old events", problem=str(waits))
        except Exception as error:
            # The next look may fare better; events are still taken.
            served.logger.exception("the look at the store's size failed", exc_info=error)
        await served.clock.sleep(_PAUSE_SECONDS)


async def tidy(served: Served) -> None:
    """Let go of what is too old or too much. Raises StoreWaits."""
    settings, store = served.settings, served.store
    aged = await store.keep_until(int((served.clock.time() - settings.retain) * 1000))
    if aged:
        _say(served, "age", aged, f"older than retain = {settings.retain:g} s")
    before = await store.used_bytes()
    squeezed = await store.shrink_to(settings.max_bytes)
    if squeezed:
        _say(served, "size", squeezed, f"the store took {before} of max_bytes = {settings.max_bytes}")


def _say(served: Served, reason: str, count: int, why: str) -> None:
    served.metrics.count("analytics_events_let_go", count, reason)
    served.logger.warning("the oldest events were let go of", reason=reason, events=count, why=why)

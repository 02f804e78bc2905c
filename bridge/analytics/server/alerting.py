"""Watches the rules of alerts and sends what they say, beside all else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bridge.analytics.alerts.outbox import Outbox
from bridge.analytics.alerts.sending import ChannelSender
from bridge.analytics.alerts.watching import LAG_SECONDS, AlertWatch
from bridge.analytics.server.served import Served
from bridge.errors import StoreWaits

_EVERY_SECONDS: Final = 60.0


@asynccontextmanager
async def alerting(served: Served) -> AsyncIterator[None]:
    """Watch and send while the block runs."""
    async with ChannelSender.opened(served.settings) as sender:
        tasks = [
            asyncio.create_task(_watch(served, AlertWatch(served))),
            asyncio.create_task(Outbox(served, sender).run()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(served: Served, watch: AlertWatch) -> None:
    """Look at the rules once a minute, as soon as a minute's windows are over and their events have come."""
    while True:
        try:
            await watch.look()
        except StoreWaits as waits:
            served.logger.warning("the rules of alerts could not be looked at", problem=str(waits))
        except Exception as error:
            # The next look may fare better; events are taken and questions answered meanwhile.
            served.logger.exception("the rules of alerts could not be looked at", exc_info=error)
        past = (served.clock.time() - LAG_SECONDS) % _EVERY_SECONDS
        await served.clock.sleep(_EVERY_SECONDS - past + 0.01)

"""Rolls up what has become quiet, behind the events and the questions."""

from bridge.analytics.server.served import Served


async def roll(served: Served) -> None:
    """Roll up what is quiet; what is younger than a look is left in peace. Raises StoreWaits."""
    await served.store.roll_up(int(served.clock.time() * 1000))

"""Lets go of events that are too old, and of the oldest where they are too many; says how many."""

from bridge.analytics.server.served import Served


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

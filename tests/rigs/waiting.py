"""Waiting for what happens on other threads, in other processes or at the other end of a socket."""

import asyncio
from collections.abc import Callable

_PATIENCE_SECONDS = 30


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event here
            await asyncio.sleep(0.001)

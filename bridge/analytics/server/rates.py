"""How many requests a token may make in a minute, and how many of its questions are answered at once."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rights import Rights
from bridge.contracts import Clock

_MINUTE: Final = 60.0
# Those that are full again tell nothing; beyond this many they are forgotten (P8).
_REMEMBERED: Final = 10_000


class TokenRates:
    """A bucket for each token that has a limit: it holds a minute's requests, and fills again as time passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        """By token: how many requests it had left, and when."""

    def take(self, rights: Rights) -> None:
        """Count a request; raises RequestRefused when it is one too many."""
        if (most := rights.per_minute) is None:
            return
        now = self._clock.monotonic()
        left, then = self._left.get(rights.name, (float(most), now))
        left = min(float(most), left + (now - then) * most / _MINUTE)
        if left < 1:
            seconds = math.ceil((1 - left) * _MINUTE / most)
            raise RequestRefused(
                429,
                f"more than {most} requests in a minute",
                f"ask again in {seconds} seconds",
                headers={"Retry-After": str(seconds)},
            )
        if len(self._left) >= _REMEMBERED:
            self._left = {name: one for name, one in self._left.items() if now - one[1] < _MINUTE}
        self._left[rights.name] = (left - 1, now)


class TokenTurns:
    """Lets a few questions of a token be answered at once; some more of them wait."""

    def __init__(self, most_waiting: int = 8) -> None:
        self._most_waiting = most_waiting
        self._taken: dict[str, tuple[asyncio.Semaphore, list[None]]] = {}
        """By token: its turns, and an item for each that has one or waits."""

    @asynccontextmanager
    async def turn(self, rights: Rights | None) -> AsyncIterator[None]:
        """Have a turn while the block runs; raises RequestRefused where too many wait."""
        if rights is None or rights.at_once is None:
            yield
            return
        turns, asking = self._taken.setdefault(rights.name, (asyncio.Semaphore(rights.at_once), []))
        if len(asking) >= rights.at_once + self._most_waiting:
            raise RequestRefused(
                429,
                f"more than {rights.at_once} questions at once",
                "wait for an answer",
                headers={"Retry-After": "1"},
            )
        asking.append(None)
        try:
            async with turns:
                yield
        finally:
            asking.pop()
            if not asking:
                self._taken.pop(rights.name, None)

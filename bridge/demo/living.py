"""A gateway that lives: calls of the last days, and then one after the other, more by day than by night."""

import asyncio
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.demo.gateway import LOG_NAME, GatewayStandIn, RollingLog, wall_clock_ms

DAYS: Final = 7
_HOUR_MS: Final = 3_600_000
_CALLS_PER_HOUR: Final = 300
# Before now it grows busier, up to the pace of the calls that come now: a view of today has no cliff at its end.
_GROWING_MS: Final = 1.5 * _HOUR_MS
_AT_ONCE: Final = 100
_MAX_BYTES: Final = 64 * 2**20
# Of the calls that come now: enough to see figures move, and no load.
_CALLS_PER_SECOND: Final = 0.6
_WEEKEND: Final = (5, 6)
# Of the made-up calls every fourth is an error, for tests; of these so many are kept: about 3 % are errors then.
_ERRORS: Final = 0.1


async def live(folder: Path, days: int = DAYS) -> None:
    """Write a gateway's log until cancelled; the last days come first, unless the log is there already."""
    is_new = _made(folder)
    with RollingLog(folder, _MAX_BYTES) as log:
        if is_new:
            for number, line in enumerate(past(wall_clock_ms(), days), 1):
                log.write(line)
                if number % _AT_ONCE == 0:
                    # Whoever cancels need not wait for the rest.
                    await asyncio.sleep(0)
        gateway = GatewayStandIn(seed=wall_clock_ms(), errors=_ERRORS)
        rng = random.Random()  # noqa: S311 - made-up calls, no secrets
        while True:
            log.write(gateway.line())
            await asyncio.sleep(rng.expovariate(_CALLS_PER_SECOND))


def _made(folder: Path) -> bool:
    """Make the folder of a log, and tell whether there is no log in it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    return not (folder / LOG_NAME).exists()


def past(now_ms: int, days: int = DAYS, seed: int = 1) -> Iterator[bytes]:
    """Yield the lines of the days before this moment, oldest first."""
    rng = random.Random(seed)  # noqa: S311 - made-up calls, no secrets
    moment_ms: float = now_ms - days * 24 * _HOUR_MS
    gateway = GatewayStandIn(seed, lambda: int(moment_ms), errors=_ERRORS)
    while moment_ms < now_ms:
        yield gateway.line()
        per_hour = _CALLS_PER_HOUR * busy(moment_ms / 1000)
        near = math.exp((moment_ms - now_ms) / _GROWING_MS)
        moment_ms += rng.expovariate((per_hour * (1 - near) + _CALLS_PER_SECOND * 3600 * near) / _HOUR_MS)


def busy(seconds: float) -> float:
    """Return how busy a moment is, about 1 on average: most at two in the afternoon, least at two at night."""
    day = time.gmtime(seconds)
    hour = day.tm_hour + day.tm_min / 60
    by_day = 1 + 0.7 * math.cos((hour - 14) / 24 * 2 * math.pi)
    return by_day * (0.5 if day.tm_wday in _WEEKEND else 1.2)

"""The gateway's part in the show: calls at a steady rate, written to a log that rolls."""

import asyncio
import time
from pathlib import Path
from typing import Final

from bridge.demo.gateway import GatewayStandIn, RollingLog

# Fewer than the appender keeps, so that nothing is deleted unread however long the bridge is gone.
_ROLLS: Final = 6
_LINE_BYTES: Final = 1200
_LEAST_ROLL_BYTES: Final = 16 * 2**10
_PAUSE_SECONDS: Final = 0.02
# The show's other work must not wait long for a gateway that has fallen behind.
_MOST_AT_ONCE: Final = 200


class Traffic:
    """Writes `rate` events a second for `seconds`, and then ends."""

    def __init__(self, folder: Path, *, seconds: float, rate: int) -> None:
        self.written = 0
        self.rolls = 0
        """How often the log has rolled."""
        self.seconds = 0.0
        """For how long it has been writing."""
        self._total = int(seconds * rate)
        self._rate = rate
        self._gateway = GatewayStandIn()
        self._folder = folder
        self._roll_bytes = max(_LEAST_ROLL_BYTES, self._total * _LINE_BYTES // _ROLLS)

    async def run(self) -> None:
        """Write everything, at its time."""
        began = time.monotonic()
        with RollingLog(self._folder, self._roll_bytes) as log:
            while self.written < self._total:
                self.seconds = time.monotonic() - began
                due = min(self._total, int(self.seconds * self._rate)) - self.written
                for _ in range(min(due, _MOST_AT_ONCE)):
                    log.write(self._gateway.line())
                    self.written += 1
                self.rolls = log.rolls
                await asyncio.sleep(0 if due > _MOST_AT_ONCE else _PAUSE_SECONDS)

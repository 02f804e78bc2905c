"""A log source over a memory intake, which a test steps and restarts."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from fakes.memory_ingest import MemoryIngest
from rigs.clock import FakeClock

from bridge.contracts import Clock
from bridge.sources import SourceFittings
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.source import LogSource
from bridge.telemetry.metrics import Metrics

# Earlier than the file system's time: to the source every folder has just changed, so that every poll looks.
_LONG_AGO = 1_600_000_000.0


async def nothing_settled() -> AsyncIterator[Mapping[str, bytes]]:
    """Yield nothing: the log source does not ask."""
    return
    yield {}


class Tailing:
    """A log source over a memory intake; `crash` restarts it as a daemon would be restarted."""

    def __init__(
        self,
        *paths: Path | str,
        rows: Mapping[str, bytes] | None = None,
        max_open: int = 256,
        **settings: Any,
    ) -> None:
        self._max_open = max_open
        self.settings = LogSourceSettings.model_validate({"paths": [str(path) for path in paths], **settings})
        self.ingest = MemoryIngest(rows)
        self.clock = FakeClock(_LONG_AGO, hasty=True)
        self.metrics = Metrics()
        self.said = structlog.testing.CapturingLogger()
        self.source = self._new()

    def _new(self) -> LogSource:
        fittings = self.fittings(self.clock, dict(self.ingest.rows))
        return LogSource("log", self.settings, fittings)

    def fittings(self, clock: Clock, positions: Mapping[str, bytes]) -> SourceFittings:
        """Return the fittings of a log source."""
        return SourceFittings(
            self.ingest,
            positions,
            clock,
            self.metrics,
            self.said,
            nothing_settled,
            descriptors=self._max_open,
        )

    async def poll(self, *, seconds: float = 0) -> list[bytes]:
        """Let time pass, look once, and return the events that this brought."""
        self.clock.now += seconds
        before = len(self.ingest.bodies)
        await self.source.poll()
        return self.ingest.bodies[before:]

    def crash(self) -> None:
        """Go on as a new process does: with what was committed and nothing else."""
        self.close()
        self.source = self._new()

    def close(self) -> None:
        """Let go of the files."""
        self.source._following.close()

    def count(self, metric: str, *labels: str) -> float:
        """Return the value of one of the source's counters."""
        value: float = self.metrics.counter(metric, "log", *labels)._value.get()
        return value

    def events(self) -> list[str]:
        """Return the names of the lines that were logged."""
        return [call.args[0] for call in self.said.calls]

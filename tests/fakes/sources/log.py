"""A gateway's log for the `log` source."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fakes.log_writer import RollingLog, event_line
from rigs.rig import Rig

from bridge.contracts import Source
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.source import LogSource


class LogSender:
    """A gateway that writes its log; a saved position is the acknowledgement."""

    def __init__(self, behind: Rig, folder: Path) -> None:
        folder.mkdir()
        self._log = RollingLog(folder)
        self.log_source = LogSource(
            "log",
            LogSourceSettings.model_validate({"paths": [self._log.pattern], "poll_interval": "10ms"}),
            behind.fittings(),
        )
        self.source: Source = self.log_source

    async def offer(self, bodies: Sequence[bytes]) -> None:
        self._log.write(b"".join(event_line(body) for body in bodies))

    async def acknowledged(self) -> None:
        # A position is saved with its block, or alone when there was no event to journal.
        end = self._log.path.stat().st_size
        while sum(one.offset for one in self.log_source.lag()) < end:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        self._log.close()


def sender(folder: Path, behind: Rig) -> LogSender:
    """Return a gateway that writes a log, and the source that follows it."""
    return LogSender(behind, folder / "logs")

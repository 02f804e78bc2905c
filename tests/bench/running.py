"""The bridge as a benchmark runs it: the real daemon on its default settings.

What it has used counts from the moment it is healthy, for the whole process tree.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.processes import Cost, cost, peak_bytes
from rigs.daemon import Daemon
from rigs.scenes import HEAD, KEY

_CONFIG: Final = (
    HEAD
    + """\
[bridge.admin]
listen = "127.0.0.1:0"
{more}
"""
)
_LOOK_SECONDS: Final = 0.1
# A bridge that takes more of a core than this still works.
_CALM_SHARE: Final = 0.2
_PATIENCE_SECONDS: Final = 900


def log_source(*patterns: Path, more: str = "") -> str:
    """Return the table of a log source."""
    quoted = ", ".join(f'"{pattern}"' for pattern in patterns)
    return f"[bridge.sources.log]\npaths = [{quoted}]\n{more}\n"


def http_source(port: int) -> str:
    """Return the table of an HTTP source."""
    return f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"\n'


@dataclass(frozen=True, slots=True)
class Running:
    """A bridge that runs and was healthy at a known moment."""

    daemon: Daemon
    launched_at: float
    healthy_at: float
    """Seconds of the machine's monotonic clock."""
    _at_start: Cost

    @property
    def pid(self) -> int:
        """Its process."""
        return self.daemon.pid

    def used(self) -> Cost:
        """Return what its process tree has used since it was healthy."""
        now = cost(self.pid)
        return Cost(now.cpu_seconds - self._at_start.cpu_seconds, now.disk_bytes - self._at_start.disk_bytes)

    def peak_bytes(self) -> int:
        """Return the most memory that it has held."""
        return peak_bytes(self.pid)

    async def journalled(self, events: int) -> None:
        """Return when so many events are on disk."""
        await self._until(lambda status: status["books"]["journalled"] >= events)

    async def delivered(self, events: int) -> None:
        """Return when so many events are on disk and nothing waits for any sink."""
        await self._until(
            lambda status: (
                status["books"]["journalled"] >= events
                and not any(sink["pending"] for sink in status["sinks"].values())
            )
        )

    async def _until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._calm()
            while not condition(await self.daemon.ask("status")):
                await self._calm()

    async def _calm(self) -> None:
        """Return when it has little to do: being asked while it works would cost it what is measured."""
        share = 1.0
        while share > _CALM_SHARE:
            before = self.used().cpu_seconds
            await asyncio.sleep(_LOOK_SECONDS)
            share = (self.used().cpu_seconds - before) / _LOOK_SECONDS


@asynccontextmanager
async def bridge(
    folder: Path, url: str, *tables: str, sinks: str = "moesif", under: Sequence[str] = ()
) -> AsyncIterator[Running]:
    """Run the daemon in a fresh folder, with Moesif's collector at `url`; `under`: a command that starts it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _CONFIG.format(type=sinks, key=KEY, url=url, folder=folder, more="\n".join(tables))
    launched_at = time.monotonic()
    # As it is installed: with its byte code, which takes a quarter of a start to make.
    environ = {"PYTHONDONTWRITEBYTECODE": ""}
    async with Daemon(folder, text, under, fresh=True, environ=environ) as daemon:
        healthy_at = time.monotonic()
        yield Running(daemon, launched_at, healthy_at, cost(daemon.pid))
        await daemon.stop()

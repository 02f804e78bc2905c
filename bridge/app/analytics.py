"""The analytics process that the daemon runs, where a sink wants one and has no `url`; and what the daemon tells it."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bridge.app.happenings import BridgeHappenings
from bridge.app.last_events import last_events
from bridge.app.supervise import Supervised
from bridge.contracts import AccountingSink
from bridge.delivery.lane import Lane
from bridge.errors import SinkError
from bridge.events.times import format_ms
from bridge.journal import Journal
from bridge.settings import Settings

ACCOUNT_SECONDS: Final = 10.0
# A lane to a process that is only just starting waits this long before its first try.
_START_SECONDS: Final = 20.0
END_SECONDS: Final = 15.0
"""The process has so long to end by itself."""
_NAME: Final = "analytics"
# What a sink gets no event for, though it was journalled.
_NOT_DUE: Final = ("filtered", "sampled_out", "skipped", "corrupt")
# An arrival gets its time of receipt shortly before it is in the journal.
_ON_THEIR_WAY_MS: Final = 1000


class AnalyticsEnded(Exception):  # noqa: N818 - what happened
    """The process ended while it was wanted."""


class AnalyticsProcess:
    """The process: in a session of its own, and it ends when the pipe to it closes, so after our `kill -9`, too."""

    def __init__(self, file: Path, happenings: BridgeHappenings) -> None:
        """`file`: the configuration, which it reads itself."""
        self._file = file
        self._happenings = happenings
        self._ready = asyncio.Event()
        self.url = ""
        """Where it listens; empty until it does."""
        self.pid: int | None = None

    async def run(self) -> None:
        """Run it until cancelled; raises AnalyticsEnded when it ends before, having said why."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "analytics", "--config", str(self._file), "--with-parent"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = process.pid
        try:
            if process.stdout is not None:
                self.url = (await process.stdout.readline()).decode().strip()
            if self.url:
                self._ready.set()
                self._happenings.analytics_started(self.url, process.pid)
            raise AnalyticsEnded(f"exit code {await process.wait()}")
        finally:
            self._ready.clear()
            self.url, self.pid = "", None
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                await _ended(process)

    async def started(self) -> None:
        """Return when it listens, or when that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                await self._ready.wait()

    def status(self) -> dict[str, Any]:
        """Return what an operator may want to know."""
        return {"url": self.url, "pid": self.pid, "running": bool(self.url)}


class OwnAnalytics:
    """The daemon's own analytics process, for as long as one of its sinks wants one."""

    def __init__(self, parts: Supervised, happenings: BridgeHappenings) -> None:
        """`parts` keep it running."""
        self._parts = parts
        self._happenings = happenings
        self.process: AnalyticsProcess | None = None

    async def follow(self, settings: Settings, before: Settings) -> None:
        """Run it if these settings want it: anew only if what it reads of them is not as it was before."""
        wanted = settings.runs_analytics
        if self.process is not None and (not wanted or _read_of(settings) != _read_of(before)):
            await self._parts.end(_NAME)
            self.process = None
        if wanted and self.process is None:
            self.process = AnalyticsProcess(settings.file, self._happenings)
            self._parts.start(_NAME, self.process.run, self._happenings.analytics_ended)

    async def started(self) -> None:
        """Return when it listens, if there is one, or when that takes too long."""
        if self.process is not None:
            await self.process.started()


def _read_of(settings: Settings) -> tuple[object, ...]:
    """Return what the process reads of the settings: it is started anew when that changes."""
    return settings.analytics, settings.privacy.database_of_analytics


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def give_accounts(journal: Journal, lanes: Mapping[str, Lane], instance: str) -> None:
    """Give an account to each sink that takes one."""
    for name, lane in lanes.items():
        if isinstance(lane.sink, AccountingSink):
            # What is wrong with the destination its lane says.
            with contextlib.suppress(SinkError):
                await lane.sink.account(await account_of(journal, lanes, name, instance))


async def account_of(journal: Journal, lanes: Mapping[str, Lane], sink: str, instance: str) -> dict[str, Any]:
    """Return what the bridge has taken for a sink, and where all its events are."""
    newest = await last_events(journal)
    began_ms = journal.now_ms() - _ON_THEIR_WAY_MS
    oldest = {name: await lane.oldest_pending_ms() for name, lane in lanes.items()}
    totals = journal.totals
    # No await from here on: all counts are of the same instant (P7).
    sources = {owner for (owner, _), _ in totals.items("events_received")}
    return {
        "sender": instance,
        "instance": socket.gethostname(),
        "taken": totals.sum("events_journalled")
        - sum(totals.sum(f"events_{what}", sink) for what in _NOT_DUE),
        "newest": newest[0]["time"] if newest else None,
        # Under this name the sink that takes the account stands among the others.
        "sink": sink,
        "sources": {source: {"received": totals.sum("events_received", source)} for source in sources},
        "journal": {"retain_seconds": journal.retain_seconds},
        "sinks": {
            name: {
                "type": lane.type,
                "destination": lane.sink.destination,
                "delivered": totals.sum("events_delivered", name),
                "pending": journal.pending.get(name, 0),
                "dead": journal.books.dead_letters(name),
                "left_out": sum(totals.sum(f"events_{what}", name) for what in _NOT_DUE),
                # Every event received before is delivered, a dead letter or left out.
                "settled_before": format_ms(began_ms if received_ms is None else received_ms),
            }
            for name, lane, received_ms in ((one, lanes[one], oldest[one]) for one in oldest)
        },
    }

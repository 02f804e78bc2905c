"""What commands can do while no daemon runs: on the journal alone, without sinks and their secrets."""

import platform
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge import __version__
from bridge.app.books import books_of, journal_of, settled_of
from bridge.app.happenings import BridgeHappenings
from bridge.app.letters import Letters, take_int
from bridge.clock import SystemClock
from bridge.contracts import Clock
from bridge.document.limits import JournalLimits
from bridge.errors import ControlError
from bridge.events.times import format_ms
from bridge.journal import Journal, StateLock
from bridge.journal.happenings import JournalHappenings
from bridge.telemetry.error_lines import ErrorLines
from bridge.telemetry.meters import Unread


@dataclass(frozen=True, slots=True)
class Resting:
    """The part of the configuration that commands need while no daemon runs."""

    file: Path
    state_dir: Path
    journal: JournalLimits
    fingerprint: str


class AtRest:
    """A state folder that this command holds for as long as it works on it."""

    def __init__(self, settings: Resting, journal: Journal, happenings: BridgeHappenings) -> None:
        self._settings = settings
        self._journal = journal
        self._happenings = happenings
        letters = Letters(journal, happenings)
        self.commands: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "status": self.status,
            "dead-letters": letters.list,
            "purge": letters.purge,
            "restore": letters.restore,
            "rewind": self.rewind,
        }

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Resting, clock: Clock | None = None) -> AsyncIterator["AtRest"]:
        """Take the state folder and open the journal, its sinks as the last daemon left them.

        Raises JournalLocked, or JournalUnusable.
        """
        clock = clock or SystemClock()
        meters, logger = Unread(), ErrorLines()
        async with AsyncExitStack() as stack:
            stack.enter_context(StateLock(settings.state_dir))
            happenings = JournalHappenings(meters, logger, clock)
            journal = await Journal.open(settings.state_dir, settings.journal, happenings, clock)
            stack.push_async_callback(journal.close)
            await journal.register()
            yield cls(settings, journal, BridgeHappenings(meters, logger))

    async def status(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what the journal knows, in the form of a running bridge's status."""
        journal = self._journal
        obstacle = journal.obstacle()
        return {
            "version": __version__,
            "python": platform.python_version(),
            "instance": socket.gethostname(),
            "configuration": {
                "file": str(self._settings.file),
                "fingerprint": self._settings.fingerprint,
                "loaded": None,
                "reload_fault": "",
                "reload_refused": None,
                "warnings": [],
            },
            "uptime_seconds": 0,
            "taking_events": False,
            "obstacle": None if obstacle is None else str(obstacle),
            "sources": {},
            "journal": journal_of(journal),
            "sinks": {name: await self._sink(name) for name in journal.pending},
            "books": books_of(journal, journal.pending),
        }

    async def rewind(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Put a sink's cursor back by receive time."""
        to_ms, sink = take_int(arguments, "to_ms"), arguments.get("sink")
        if not isinstance(sink, str) or sink not in self._journal.pending:
            raise ControlError(f"no sink is called {sink!r}; there is {', '.join(self._journal.pending)}")
        events, from_ms = await self._journal.rewind(sink, to_ms)
        self._happenings.rewound(sink, events)
        return {"sink": sink, "events": events, "from": format_ms(from_ms)}

    async def _sink(self, name: str) -> dict[str, Any]:
        journal = self._journal
        pending = journal.pending[name]
        oldest_ms = None
        if pending:
            oldest_ms = await journal.oldest_pending_ms((await journal.cursor(name)).seq)
        return {
            "state": "stopped",
            "pause_reason": "",
            "trouble": "",
            "retry_in_seconds": 0.0,
            "pending": pending,
            "oldest_pending_seconds": 0.0 if oldest_ms is None else (journal.now_ms() - oldest_ms) / 1000,
            "dead_letters": journal.books.dead_letters(name),
            "parked": [
                {"tenant": it.tenant, "events": it.events, "oldest": format_ms(it.received_ms), "why": it.why}
                for it in await journal.dead.parked(name)
            ],
            **settled_of(journal, name),
        }

"""Rules of alerts over a store with made-up calls, watched by a clock that a test moves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rigs.analytics_calls import Values, event_of
from rigs.analytics_parts import at_hand

from bridge.analytics.admin import alerts as kept
from bridge.analytics.admin.alerts import HistoryLine
from bridge.analytics.alerts.rules import read_rule
from bridge.analytics.alerts.watching import LAG_SECONDS, AlertWatch
from bridge.analytics.server.served import Served
from bridge.analytics.store import ReceivedEvent
from bridge.settings import AnalyticsSettings

START = datetime(2026, 3, 10, 8, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that shows what it is told."""

    now: float = field(default_factory=START.timestamp)
    ahead: float = 0.0
    """How far it was set back; that much more has really passed."""

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class WatchedStore:
    """A store, its rules, and what watches them."""

    def __init__(self, served: Served, clock: SetClock) -> None:
        self.served = served
        self.clock = clock
        self.watch = AlertWatch(served)

    async def take(self, calls: Sequence[Values]) -> None:
        received = [ReceivedEvent(call["id"], call["time_ms"], event_of(call)) for call in calls]
        await self.served.store.append(received)

    async def rule(self, number: str, **rule: Any) -> None:
        body = {"name": number, **rule}
        read_rule(body)
        await self.served.admin.write(
            lambda connection: kept.keep_rule(connection, number, body, None, int(self.clock.now * 1000))
        )

    async def look(self, minutes: float) -> None:
        """Look when the windows that end so many minutes after the start are over."""
        self.clock.now = START.timestamp() + minutes * 60 + LAG_SECONDS
        await self.watch.look()

    async def heard(self, sender: str, **account: Any) -> None:
        """Let a bridge give its account now."""
        seen_ms = int(self.clock.now * 1000)
        await self.served.store.account(
            sender, "host", seen_ms, {"sender": sender, "instance": "host", **account}
        )

    async def history(self, number: str | None = None) -> list[HistoryLine]:
        found = await self.served.admin.read(
            lambda connection: kept.history(connection, number, None, 10_000)
        )
        return [line for _, line in reversed(found)]

    async def happened(self, number: str | None = None) -> list[tuple[str, Any, float]]:
        """Return what has happened: the word, the group, and how many minutes after the start."""
        return [
            (str(line.happened), line.of, (line.at_ms / 1000 - START.timestamp()) / 60)
            for line in await self.history(number)
        ]


@asynccontextmanager
async def watched(folder: Path, **settings: Any) -> AsyncIterator[WatchedStore]:
    """Open a store whose clock stands at `START`."""
    clock = SetClock()
    async with at_hand(folder, AnalyticsSettings.model_validate(settings), clock=clock) as served:
        yield WatchedStore(served, clock)

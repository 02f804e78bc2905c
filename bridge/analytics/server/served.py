"""What the pages of the analytics server have at hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from bridge.analytics.admin import AdminFile
from bridge.analytics.monitoring.rounds import Rounds
from bridge.analytics.server.access import Access
from bridge.analytics.server.metrics import AnalyticsMetrics
from bridge.analytics.server.rates import TokenTurns
from bridge.analytics.server.refusals import Line
from bridge.analytics.server.rights import Rights
from bridge.analytics.store import Store
from bridge.clock import SystemClock
from bridge.contracts import Clock
from bridge.errors import QuestionTooLong
from bridge.settings import AnalyticsSettings

MOST_WAITING: Final = 100
"""Questions that wait for their turn; more are turned away at once."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the pages of the server have at hand."""

    store: Store
    settings: AnalyticsSettings
    access: Access
    admin: AdminFile
    monitors: Rounds
    country_of: Callable[[str], str | None] | None = None
    """Looks up where an address is, if there is something to look in."""
    metrics: AnalyticsMetrics = field(default_factory=AnalyticsMetrics)
    clock: Clock = field(default_factory=SystemClock)
    logger: Any = field(default_factory=lambda: structlog.get_logger().bind(part="analytics"))
    line: Line = field(default_factory=lambda: Line(MOST_WAITING))
    turns: TokenTurns = field(default_factory=TokenTurns)
    erasure_asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where an erasure is asked for: it is begun at once."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of questions that name none."""
        return ZoneInfo(self.settings.time_zone)

    @property
    def seconds(self) -> float:
        """How long a question may take."""
        return self.settings.question_seconds

    @asynccontextmanager
    async def turn(self, rights: Rights | None = None) -> AsyncIterator[None]:
        """Answer a caller's question while the block runs, in all its steps.

        Raises RequestRefused or QuestionTooLong.
        """
        async with self.line.place():
            try:
                async with asyncio.timeout(self.seconds), self.turns.turn(rights):
                    yield
            except TimeoutError:
                raise QuestionTooLong(
                    f"no answer in {self.seconds:g} seconds; ask for a shorter period or fewer dimensions"
                ) from None

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.clock.time(), UTC)

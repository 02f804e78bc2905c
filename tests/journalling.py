"""A real intake and a real journal behind a source under test, with knobs on the way between them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from bridge.clock import SystemClock
from bridge.contracts import Arrival, Clock, Receipt
from bridge.errors import JournalFull
from bridge.intake import Intake
from bridge.journal import Journal
from bridge.journal.happenings import JournalHappenings
from bridge.journal.seen_ids import SeenIds
from bridge.settings import JournalSettings
from bridge.sources import SourceFittings
from bridge.telemetry.metrics import Metrics


class Gate:
    """An ingest before the real one: it can hold calls, say that the journal is full, or fail."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()
        """Set when a call has come in."""
        self.calls = 0
        self.waiting = 0
        self.full_calls = 0
        """So many calls from now on raise JournalFull."""
        self.fail_call: int | None = None
        """The call with this number (from 1) raises `failure`."""
        self.failure: Exception = ValueError("secret of the house")
        self.retry_after_seconds = 7

    async def __call__(self, arrival: Arrival) -> Receipt:
        self.calls += 1
        call = self.calls
        self.waiting += 1
        self.entered.set()
        await self.open.wait()
        self.waiting -= 1
        if self.full_calls:
            self.full_calls -= 1
            raise JournalFull("no room", retry_after_seconds=self.retry_after_seconds)
        if call == self.fail_call:
            raise self.failure
        return await self._intake(arrival)


@dataclass
class Behind:
    """What a source under test is connected to."""

    journal: Journal
    gate: Gate
    metrics: Metrics
    said: structlog.testing.CapturingLogger
    clock: Clock = field(default_factory=SystemClock)

    async def journalled(self) -> list[bytes]:
        """Return the body of every event on disk, in order."""
        bodies: list[bytes] = []
        seq = 1
        while seq <= self.journal.last_seq:
            block = await self.journal.next_block(seq)
            bodies += block.bodies
            seq = block.seq + 1
        return bodies

    def fittings(self, **changes: Any) -> SourceFittings:
        """Return what a source is given here."""
        given = SourceFittings(self.gate, {}, self.clock, self.metrics, self.said)
        return replace(given, **changes)

    def logged(self) -> list[str]:
        """Return the names of the lines that were logged."""
        return [call.args[0] for call in self.said.calls]


@asynccontextmanager
async def journalling(folder: Path) -> AsyncIterator[Behind]:
    """Open a journal while the block runs; at its end the books must balance (P7)."""
    clock, metrics, said = SystemClock(), Metrics(), structlog.testing.CapturingLogger()
    journal = await Journal.open(folder, JournalSettings(), JournalHappenings(metrics, said, clock), clock)
    try:
        seen = SeenIds(window_seconds=600, max_ids=100_000, clock=clock)
        yield Behind(journal, Gate(Intake(journal, seen)), metrics, said)
    finally:
        await journal.close()
    assert journal.totals.intake_difference() == 0


def event(number: int, **fields: object) -> bytes:
    """Return the JSON of an event that is known by its number."""
    content = {
        "apiName": "PizzaShackAPI",
        "proxyResponseCode": 200,
        "correlationId": f"00000000-0000-4000-8000-{number:012d}",
        "requestTimestamp": "2026-11-21T00:16:33.310Z",
        **fields,
    }
    return json.dumps(content, separators=(",", ":")).encode()

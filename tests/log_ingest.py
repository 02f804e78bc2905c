"""Fakes for the log source: an intake with knobs, a clock that a test owns, and a source that uses both."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from bridge.contracts import Arrival, Clock, Receipt
from bridge.errors import JournalFull
from bridge.sources import SourceFittings
from bridge.sources.log.source import LogTail, LogTailSettings
from bridge.telemetry.metrics import Metrics


class Crash(Exception):  # noqa: N818 - the process dies here
    """What a crashing fake raises."""


class MemoryIngest:
    """An intake and journal in memory: events and positions of an arrival change together, or not at all."""

    def __init__(self, rows: Mapping[str, bytes] | None = None) -> None:
        self.rows: dict[str, bytes] = dict(rows or {})
        self.bodies: list[bytes] = []
        self.places: list[tuple[bytes, int]] = []
        self.kinds: list[str | None] = []
        self.arrivals: list[Arrival] = []
        self.ignored = 0
        self.rejected: Counter[str] = Counter()
        self.full = 0
        """So many calls raise JournalFull; negative: all do."""
        self.fail_call: int | None = None
        """The call with this number (from 1) fails like a journal that could not commit."""
        self.crash_before: int | None = None
        self.crash_after: int | None = None
        self.gate: asyncio.Event | None = None
        """Closed: calls wait before they commit."""
        self.calls = 0
        self.waiting = 0
        self.most_waiting = 0

    async def __call__(self, arrival: Arrival) -> Receipt:
        self.calls += 1
        call = self.calls
        if self.full:
            self.full -= 1
            raise JournalFull("no room", retry_after_seconds=1)
        if self.crash_before == call:
            raise Crash
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.fail_call == call:
            raise OSError("disk error")
        self._commit(arrival)
        if self.crash_after == call:
            raise Crash
        return Receipt(len(arrival.bodies), 0, ())

    def _commit(self, arrival: Arrival) -> None:
        assert len(arrival.bodies) == len(arrival.kinds) == len(arrival.places)
        self.arrivals.append(arrival)
        self.bodies += arrival.bodies
        self.kinds += arrival.kinds
        self.places += [(arrival.origin, place) for place in arrival.places]
        self.ignored += arrival.ignored
        self.rejected.update(arrival.rejected)
        for key, row in arrival.positions.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.001)


class OwnClock:
    """A clock that moves when a test or a sleep moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        # Behind the file system's: to the source every folder has changed just now, so that every poll looks.
        self.epoch = 1_600_000_000.0
        self.sleeps = 0

    def time(self) -> float:
        return self.epoch + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.now += seconds
        await asyncio.sleep(0)


class Tailing:
    """A log source over a memory intake; `start` again is what a restart of the daemon is."""

    def __init__(
        self,
        *paths: Path | str,
        rows: Mapping[str, bytes] | None = None,
        max_open: int = 256,
        **settings: Any,
    ) -> None:
        self._max_open = max_open
        self.settings = LogTailSettings.model_validate({"paths": [str(path) for path in paths], **settings})
        self.ingest = MemoryIngest(rows)
        self.clock = OwnClock()
        self.metrics = Metrics()
        self.said = structlog.testing.CapturingLogger()
        self.tail = self._new()

    def _new(self) -> LogTail:
        fittings = self.fittings(self.clock, dict(self.ingest.rows))
        return LogTail("log", self.settings, fittings, max_open=self._max_open)

    def fittings(self, clock: Clock, positions: Mapping[str, bytes]) -> SourceFittings:
        """Return what a log source is given here."""
        return SourceFittings(self.ingest, positions, clock, self.metrics, self.said)

    async def poll(self, *, seconds: float = 0) -> list[bytes]:
        """Let time pass, look once, and return the events that this brought."""
        self.clock.now += seconds
        before = len(self.ingest.bodies)
        await self.tail.poll()
        return self.ingest.bodies[before:]

    def crash(self) -> None:
        """Go on as a new process does: with what was committed and nothing else."""
        self.close()
        self.tail = self._new()

    def close(self) -> None:
        """Let go of the files."""
        self.tail._following.close()

    def count(self, metric: str, *labels: str) -> float:
        """Return the value of one of the source's counters."""
        value: float = self.metrics.counter(metric, "log", *labels)._value.get()
        return value

    def events(self) -> list[str]:
        """Return the names of the lines that were logged."""
        return [call.args[0] for call in self.said.calls]

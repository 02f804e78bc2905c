"""An intake and journal in memory for the log source, with knobs."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from bridge.contracts import Arrival, Receipt
from bridge.errors import JournalFull


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
        self.lost: Counter[str] = Counter()
        self.full = 0
        """So many calls with events raise JournalFull; negative: all do."""
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
        if self.full and arrival.bodies:
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
        self.places += [(arrival.fingerprint, place) for place in arrival.places]
        self.ignored += arrival.ignored
        self.rejected.update(arrival.rejected)
        self.lost.update(arrival.lost_bytes)
        for key, row in arrival.positions.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row

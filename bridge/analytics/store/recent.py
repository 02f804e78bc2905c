"""The ids of the latest events: most batches have none of them, and then nobody has to look into the file (S1).

Equal ids have equal times. So an id is new if all ids of its time are remembered, and it is not among them. For all
others the file is asked: it decides.
"""

import heapq
from collections.abc import Collection, Sequence
from typing import Final

from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.times import moment

# 150 bytes each; those of two minutes at 1,000 events a second (P8).
_MOST: Final = 100_000
_EVER: Final = -(2**63)
_NEVER: Final = 2**63
STEP: Final = 10_000_000
"""Microseconds; what lies in one step is forgotten together."""


class RecentIds:
    """Those of the events in the store, for the writer; times are in microseconds."""

    def __init__(self, connection: FactsConnection, most: int = _MOST) -> None:
        self._most = most
        self._since = _EVER
        """The ids of all times from here on are remembered."""
        self._ids: set[str] = set()
        self._steps: dict[int, list[str]] = {}
        self._order: list[int] = []
        """The keys of these, as a heap."""
        self._untimed: set[str] | None = set()
        """None: they are too many."""
        self._read(connection)

    def _read(self, connection: FactsConnection) -> None:
        ((newest,),) = connection.execute("SELECT epoch_us(max(received)) FROM facts").fetchall()
        if newest is not None:
            # A gateway whose clock is ahead has asked some later than anything was received.
            ahead = connection.execute(
                "SELECT id::VARCHAR, epoch_us(time) FROM facts WHERE time > ? LIMIT ?",
                [moment(newest), self._most],
            ).fetchall()
            self._since = newest + 1 if len(ahead) < self._most else _NEVER
            self.add([number for number, _ in ahead], [time for _, time in ahead], ())
        untimed = connection.execute("SELECT id::VARCHAR FROM untimed LIMIT ?", [self._most + 1]).fetchall()
        self.add((), (), [number for (number,) in untimed])

    def may_have(self, ids: Sequence[str], times: Sequence[int]) -> bool:
        """Tell whether any of these may be in the store; False: none of them is. There is at least one."""
        if self._untimed is None or min(times) < self._since:
            return True
        return not (self._ids.isdisjoint(ids) and self._untimed.isdisjoint(ids))

    def add(self, ids: Sequence[str], times: Sequence[int], untimed: Collection[str]) -> None:
        """Say that these are in the store, or may soon be; `untimed` are those of them that do not say their time."""
        for number, time in zip(ids, times, strict=True):
            if time >= self._since:
                step = time // STEP
                if step not in self._steps:
                    self._steps[step] = []
                    heapq.heappush(self._order, step)
                self._steps[step].append(number)
                self._ids.add(number)
        while len(self._ids) > self._most:
            step = heapq.heappop(self._order)
            self._ids.difference_update(self._steps.pop(step))
            self._since = (step + 1) * STEP
        if self._untimed is not None:
            self._untimed.update(untimed)
            if len(self._untimed) > self._most:
                self._untimed = None

"""Logs when the first events came and when they were delivered, which is what people wait for at the first start."""

from typing import Final

from bridge.app.happenings import BridgeHappenings
from bridge.contracts import Clock
from bridge.journal import Journal

_LOOK_SECONDS: Final = 0.5
_LATER_LOOK_SECONDS: Final = 10
_SOON: Final = 120
"""How many quick looks there are; after these nobody sits in front of the screen any more."""


class Firsts:
    """Looks at the totals now and then, so that it costs nothing for each event or batch."""

    def __init__(self, journal: Journal, happenings: BridgeHappenings, clock: Clock) -> None:
        self._journal = journal
        self._happenings = happenings
        self._clock = clock
        self._told: set[tuple[str, str]] = set()
        self._before = self._counts()

    async def run(self) -> None:
        """Look until cancelled."""
        taken = sum(value for (name, _), value in self._before.items() if name == "events_journalled")
        if taken:
            self._happenings.taken_before(taken)
        looks = 0
        while True:
            await self._clock.sleep(_LOOK_SECONDS if looks < _SOON else _LATER_LOOK_SECONDS)
            looks += 1
            self._look()

    def _look(self) -> None:
        for key, value in self._counts().items():
            new = value - self._before.get(key, 0)
            if new > 0 and key not in self._told:
                self._told.add(key)
                name, owner = key
                if name == "events_journalled":
                    self._happenings.first_events(owner, new)
                else:
                    self._happenings.first_delivered(owner, new)

    def _counts(self) -> dict[tuple[str, str], int]:
        return {
            (name, owner): value
            for name in ("events_journalled", "events_delivered")
            for (owner, _), value in self._journal.totals.items(name)
        }

"""The ids of the last minutes, packed, to tell a repeat from a new event (P5).

Two open-addressing tables of 64-bit keys. The younger one takes new ids, and both are searched. When the younger one
is old or full, it becomes the elder. So an id is known for at least `window_seconds`, unless more than half
of `max_ids` came meanwhile. It takes about 16 bytes an id (a set of integers would take 80); a durable table would
cost 45 µs an id (measured).
"""

from array import array
from collections.abc import Sequence
from typing import Final

from bridge.contracts import Clock

_SMALLEST: Final = 4096
# Ids are added in groups of this size, so a table may exceed `max_ids` by as many.
_AT_ONCE: Final = 1000
_FREE: Final = 0
# Marks the slot of an id that was taken out, so that searches go on after it. No hash is -1.
_GONE: Final = -1
# Python's own hash of the text: cheap, 64 bits, never -1, the same for the life of this process, and no caller can
# foresee it. One hash in 2^64 is _FREE: such an id would not be remembered.
_key: Final = hash


class _Table:
    """Slots, at most half of them used."""

    __slots__ = ("mask", "slots", "used")

    def __init__(self, size: int = _SMALLEST) -> None:
        self.slots = array("q", bytes(8 * size))
        self.mask = size - 1
        self.used = 0

    def find(self, key: int) -> int:
        """Return the slot of a key, or the free one where the search for it ends."""
        slots, mask = self.slots, self.mask
        at = key & mask
        while slots[at] not in (key, _FREE):
            at = (at + 1) & mask
        return at

    def make_room(self, count: int) -> None:
        """Double the size until there is room for this many more."""
        size = len(self.slots)
        while 2 * (self.used + count) > size:
            size *= 2
        if size == len(self.slots):
            return
        old = self.slots
        self.slots = slots = array("q", bytes(8 * size))
        self.mask = mask = size - 1
        self.used = 0
        for key in filter(None, old):
            if key != _GONE:
                at = key & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = key
                self.used += 1


class SeenIds:
    """Remembers ids for at least `window_seconds`, at most about `max_ids` of them."""

    def __init__(self, *, window_seconds: float, max_ids: int, clock: Clock) -> None:
        self._clock = clock
        self.renew(window_seconds=window_seconds, max_ids=max_ids)
        self._young, self._old = _Table(), _Table()
        self._began = clock.monotonic()

    def renew(self, *, window_seconds: float, max_ids: int) -> None:
        """Change how long ids are remembered, and how many."""
        self._window = window_seconds
        self._most = max(max_ids // 2, 1)

    def add(self, event_id: str) -> bool:
        """Remember an id; returns False if it was known."""
        return not self.add_all((event_id,))

    def add_all(self, ids: Sequence[str]) -> list[int]:
        """Remember ids; returns the places of those that were known, in order, and of repeats among them."""
        known: list[int] = []
        for start in range(0, len(ids), _AT_ONCE):
            self._add(ids[start : start + _AT_ONCE], start, known)
        return known

    def _add(self, ids: Sequence[str], start: int, known: list[int]) -> None:
        young = self._room(len(ids))
        old_slots, old_mask = self._old.slots, self._old.mask
        slots, mask = young.slots, young.mask
        repeats = len(known)
        # `_Table.find`, in place and twice: this runs for every event.
        for index, key in enumerate(map(_key, ids), start):
            at = key & old_mask
            while (found := old_slots[at]) and found != key:
                at = (at + 1) & old_mask
            if not found:
                at = key & mask
                while (found := slots[at]) and found != key:
                    at = (at + 1) & mask
                slots[at] = key
            if found:
                known.append(index)
        young.used += len(ids) - (len(known) - repeats)

    def discard(self, event_id: str) -> None:
        """Forget an id that did not reach the disk."""
        key = _key(event_id)
        for table in (self._old, self._young):
            at = table.find(key)
            if table.slots[at]:
                table.slots[at] = _GONE

    def _room(self, count: int) -> _Table:
        """Return the table with room for this many ids."""
        young, now = self._young, self._clock.monotonic()
        full = young.used > 0 and young.used + count > self._most
        if full or now - self._began >= self._window:
            # As large as the one before: it will most likely have to hold as many.
            self._old, self._young, self._began = young, _Table(len(young.slots)), now
        self._young.make_room(count)
        return self._young

"""The ids of the last minutes, packed, to know a repeat from something new (P5).

Two open-addressing tables of 64-bit keys: the younger takes new ids, both are asked, and when the younger
is old or full it becomes the elder. So an id is known for at least `window_seconds`, unless more than half
of `max_ids` came meanwhile. About 16 bytes an id; a durable table would cost 45 µs an id (measured).
"""

from array import array
from typing import Final

from bridge.contracts import Clock
from bridge.shaping.ids import format_id

_SMALLEST: Final = 4096
_FREE: Final = 0
# Marks the place of an id that was taken out, so that the search goes on behind it. No hash is -1.
_GONE: Final = -1


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

    def grow(self) -> None:
        """Take twice the room."""
        old = self.slots
        self.slots = slots = array("q", bytes(16 * len(old)))
        self.mask = mask = len(slots) - 1
        self.used = 0
        for key in old:
            if key not in (_FREE, _GONE):
                at = key & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = key
                self.used += 1


class SeenIds:
    """Remembers ids for at least `window_seconds`, at most about `max_ids` of them."""

    def __init__(self, *, window_seconds: float, max_ids: int, clock: Clock) -> None:
        self._window = window_seconds
        self._most = max(max_ids // 2, 1)
        self._clock = clock
        self._young, self._old = _Table(), _Table()
        self._began = clock.monotonic()

    def renew(self, *, window_seconds: float, max_ids: int) -> None:
        """Remember for another time, or another number, from now on."""
        self._window = window_seconds
        self._most = max(max_ids // 2, 1)

    def add(self, event_id: str) -> bool:
        """Remember an id; returns False if it was known."""
        key = _key(event_id)
        for table in (self._old, self._young):
            # `_Table.find`, in place: this runs for every event.
            slots, mask = table.slots, table.mask
            at = key & mask
            while found := slots[at]:
                if found == key:
                    return False
                at = (at + 1) & mask
        young = self._young
        now = self._clock.monotonic()
        if young.used >= self._most or now - self._began >= self._window:
            # As large as the one before: it will most likely have to hold as many.
            self._old, self._young, self._began = young, _Table(len(young.slots)), now
            young = self._young
            at = young.find(key)
        elif 2 * young.used >= len(young.slots):
            young.grow()
            at = young.find(key)
        young.slots[at] = key
        young.used += 1
        return True

    def add_packed(self, ids: bytes) -> None:
        """Remember ids of 16 bytes each, as the journal keeps them."""
        for at in range(0, len(ids), 16):
            self.add(format_id(ids[at : at + 16]))

    def discard(self, event_id: str) -> None:
        """Forget an id that did not reach the disk."""
        key = _key(event_id)
        for table in (self._old, self._young):
            at = table.find(key)
            if table.slots[at]:
                table.slots[at] = _GONE


def _key(event_id: str) -> int:
    # Python's own hash: 64 bits, never -1, good for the life of this process, and cheap.
    return hash(event_id) or 1

"""The ids of the last minutes, packed, to know a repeat from something new (P5).

Two open-addressing tables of 64-bit keys: the younger takes new ids, both are asked, and when the younger
is old or full it becomes the elder. So an id is known for at least `window_seconds`, unless more than
`max_ids` came meanwhile. About 16 bytes an id; a durable table would cost 45 µs an id (measured).
"""

from array import array
from typing import Final

from bridge.contracts import Clock

_SMALLEST: Final = 4096
# Marks the place of an id that was taken out, so that the search goes on behind it.
_GONE: Final = 1


class _Table:
    def __init__(self) -> None:
        self.used = 0
        self._slots = array("Q", bytes(8 * _SMALLEST))
        self._mask = _SMALLEST - 1

    def __contains__(self, key: int) -> bool:
        return self._find(key) >= 0

    def add(self, key: int) -> None:
        if 2 * self.used >= len(self._slots):
            self._grow()
        slots, mask = self._slots, self._mask
        at = key & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = key
        self.used += 1

    def discard(self, key: int) -> None:
        at = self._find(key)
        if at >= 0:
            self._slots[at] = _GONE

    def _find(self, key: int) -> int:
        slots, mask = self._slots, self._mask
        at = key & mask
        while found := slots[at]:
            if found == key:
                return at
            at = (at + 1) & mask
        return -1

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        self._mask = len(self._slots) - 1
        self.used = 0
        for key in old:
            if key > _GONE:
                self.add(key)


class SeenIds:
    """Remembers ids for at least `window_seconds`, at most about `max_ids` of them."""

    def __init__(self, *, window_seconds: float, max_ids: int, clock: Clock) -> None:
        self._window = window_seconds
        self._most = max(max_ids // 2, _SMALLEST // 2)
        self._clock = clock
        self._young, self._old = _Table(), _Table()
        self._began = clock.monotonic()

    def add(self, event_id: str) -> bool:
        """Remember an id; returns False if it was known."""
        return self._add(key_of(event_id))

    def add_packed(self, ids: bytes) -> None:
        """Remember ids of 16 bytes each, as the journal keeps them."""
        for at in range(0, len(ids), 16):
            self._add(int.from_bytes(ids[at : at + 4] + ids[at + 10 : at + 14], "big") | 2)

    def discard(self, event_id: str) -> None:
        """Forget an id that did not reach the disk."""
        key = key_of(event_id)
        self._young.discard(key)
        self._old.discard(key)

    def _add(self, key: int) -> bool:
        if key in self._young or key in self._old:
            return False
        now = self._clock.monotonic()
        if self._young.used >= self._most or now - self._began >= self._window:
            self._old, self._young, self._began = self._young, _Table(), now
        self._young.add(key)
        return True


def key_of(event_id: str) -> int:
    """Return 64 bits of an id; never 0 or 1, which mark free places."""
    return int(event_id[:8] + event_id[24:32], 16) | 2

"""How much of the bodies of all requests is in memory at a time (P8): on their way in, and on their way to disk."""

import asyncio
from collections import deque
from typing import Final, Protocol

# While there is no room, a sender that is silent for this long, or only trickles, has to give way.
_STALLED_SECONDS: Final = 3.0
_LEAST_BYTES_PER_SECOND: Final = 16 * 2**10


class Incoming(Protocol):
    """A body on its way in."""

    began: float
    """When its first bytes came, by the event loop's clock."""
    held: int
    """Bytes for which it has taken room."""
    beyond: int
    """Those of them outside the shared room."""

    def cut_off(self) -> None:
        """End it in the middle, and give the room back now."""
        ...


class Room:
    """The bytes that the bodies of all requests may take together, and beyond them those of one body at a time (P8)."""

    def __init__(self, limit_bytes: int, *, stalled_seconds: float = _STALLED_SECONDS) -> None:
        self.limit_bytes = limit_bytes
        self.stalled_seconds = stalled_seconds
        self.coming: dict[Incoming, float] = {}
        """The bodies that are coming in, and when we last heard of each."""
        self.least_bytes_per_second = _LEAST_BYTES_PER_SECOND
        self._used = 0
        self._alone: Incoming | None = None
        """The one body that goes beyond the shared room."""

    def heard(self, upload: Incoming) -> None:
        """Note that more of a body has come."""
        self.coming[upload] = asyncio.get_running_loop().time()

    def cut_off_slow(self) -> None:
        """End the bodies that have stopped coming, or trickle: a few that never end must not keep all others out."""
        now = asyncio.get_running_loop().time()
        for upload, heard in list(self.coming.items()):
            age = now - upload.began
            slow = age > self.stalled_seconds and upload.held < age * self.least_bytes_per_second
            if slow or heard < now - self.stalled_seconds:
                upload.cut_off()

    def take(self, upload: Incoming, more: int) -> bool:
        """Take more room for a body that holds some already; returns False if the others leave none."""
        # The last quarter is for small ones, so that a few large ones cannot keep them out.
        is_small = upload.held + more <= self.limit_bytes // 8
        limit = self.limit_bytes if is_small else self.limit_bytes * 3 // 4
        if self._used + more <= limit:
            self._used += more
        elif self._alone is None or self._alone is upload:
            self._alone = upload
            upload.beyond += more
        else:
            return False
        return True

    def give_back(self, upload: Incoming) -> None:
        """Free the room of a body."""
        self._used -= upload.held - upload.beyond
        if self._alone is upload:
            self._alone = None


class Turns:
    """Lets a limited number of bytes of events into intake at a time, in the order in which they came.

    Decoded events take several times their bytes, and they wait for the disk together (P8).
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._inside = 0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

    async def enter(self, size: int) -> None:
        """Return when it is the turn of this many bytes; something larger than the limit goes alone."""
        if not self._queue and self._fits(size):
            self._inside += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(size)
            raise

    def leave(self, size: int) -> None:
        """Say that these bytes are on disk, and let the next in."""
        self._inside -= size
        while self._queue and (self._queue[0][0].done() or self._fits(self._queue[0][1])):
            turn, size = self._queue.popleft()
            if not turn.done():
                self._inside += size
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return not self._inside or self._inside + size <= self._limit

"""How far each Firehose request has been taken, so that one that is delivered again is taken once.

A row for each request stands among the source's positions in the journal, under `firehose/` and its id, and
is committed with the events that it speaks of (P2): a request is known exactly as far as it is on disk. It
says when that was, how many events of the request are there, and a digest of the records, because an id that
comes with other records is another request. Firehose tries again for two hours at most; a row is kept for three.
"""

import struct
import threading
from collections.abc import Mapping
from typing import Final

from bridge.contracts import Clock

PREFIX: Final = "firehose/"
DIGEST_BYTES: Final = 16

_KEPT_MS: Final = 3 * 3600 * 1000
# Milliseconds since the epoch, events taken, digest of the records.
_ROW: Final = struct.Struct(f">QI{DIGEST_BYTES}s")
# How many rows a commit deletes at most, so that no commit is slow.
_MOST_LET_GO: Final = 64

PositionChanges = Mapping[str, bytes | None]
"""Changed positions, in the form of `Arrival.positions`."""


class RequestIds:
    """The rows in memory, oldest first; `apply` what `note` returned once it is on disk.

    May be called on several threads: large requests are split off the event loop.
    """

    def __init__(self, positions: Mapping[str, bytes], clock: Clock) -> None:
        """`positions` are the source's own, as the journal kept them."""
        rows = [(key, row) for key, row in positions.items() if key.startswith(PREFIX)]
        self._rows = dict(sorted(rows, key=lambda entry: _ROW.unpack(entry[1])[0]))
        self.underway: set[str] = set()
        """The ids of requests that are being taken, whatever a reload makes of the endpoint meanwhile."""
        self._clock = clock
        self._lock = threading.Lock()

    def taken(self, request_id: str, digest: bytes) -> int:
        """Return how many events of a request are on disk."""
        row = self._rows.get(PREFIX + request_id)
        if row is None:
            return 0
        _, events, known = _ROW.unpack(row)
        return events if known == digest else 0

    def note(self, request_id: str, digest: bytes, events: int) -> PositionChanges:
        """Return the row to commit with events of a request; `events`: how many of them are on disk then."""
        now_ms = int(self._clock.time() * 1000)
        changes: dict[str, bytes | None] = {}
        with self._lock:
            for key, row in self._rows.items():
                if len(changes) == _MOST_LET_GO or _ROW.unpack(row)[0] > now_ms - _KEPT_MS:
                    break
                changes[key] = None
        changes[PREFIX + request_id] = _ROW.pack(now_ms, events, digest)
        return changes

    def apply(self, changes: PositionChanges) -> None:
        """Apply what was committed."""
        with self._lock:
            for key, row in changes.items():
                # The youngest comes last.
                self._rows.pop(key, None)
                if row is not None:
                    self._rows[key] = row

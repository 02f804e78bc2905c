"""Why the journal takes no events now, each with its cure."""

import sqlite3
from pathlib import Path
from typing import Final

from bridge.contracts import Clock
from bridge.errors import JournalFull, JournalWaits
from bridge.journal.holders import who_writes
from bridge.journal.retention import Retention
from bridge.journal.schema import FILE_NAME, is_damage

# Only another append shows whether the disk works again, so after this time senders are let in to try.
_FAILED_SECONDS: Final = 30
_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
    }
)
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Obstacles:
    """Knows what keeps events out: no room, or the error of the last append."""

    def __init__(self, retention: Retention, state_dir: Path, clock: Clock) -> None:
        self._retention = retention
        self._state_dir = state_dir
        self._clock = clock
        self._failed: tuple[JournalWaits, float] | None = None
        """The error of the last append, and when it came."""

    def now(self) -> JournalWaits | None:
        """Return why no events are taken now, or None."""
        if (full := self._retention.no_room() or self._retention.replaced()) is not None:
            return full
        if self._failed is not None and self._clock.monotonic() - self._failed[1] < _FAILED_SECONDS:
            return self._failed[0]
        return None

    def append_failed(self, error: Exception) -> None:
        """Remember the error of an append."""
        if isinstance(error, JournalWaits) and not isinstance(error, JournalFull):
            self._failed = (error, self._clock.monotonic())

    def appended(self) -> None:
        """Forget the last error: events were taken."""
        self._failed = None

    def explained(self, error: Exception) -> Exception:
        """Return the error for callers whose work could not be committed; an error that is a bug stays as it is."""
        if not isinstance(error, sqlite3.Error):
            return error
        code: int = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF not in _PASSING and not is_damage(error):
            return error
        path = self._state_dir / FILE_NAME
        if is_damage(error):
            why = f"{path} is damaged: {error}; start the bridge again to have it mended"
            reason = "damaged"
        elif code & 0xFF in _LOCKED:
            why = f"{who_writes(self._state_dir)} holds the write lock of {path}; end its transaction"
            reason = "locked"
        elif code & 0xFF == sqlite3.SQLITE_FULL:
            why, reason = f"the disk of {path} is full; make room on it", "disk_error"
        else:
            why, reason = f"{path} cannot be written: {error}; look at the disk", "disk_error"
        waits = JournalWaits(why, reason=reason)
        waits.__cause__ = error
        return waits

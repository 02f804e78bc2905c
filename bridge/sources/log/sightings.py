"""What a look saw of the known logs: that they were written, renamed, truncated or closed, or that they are gone."""

import os
from collections.abc import Callable

from bridge.sources.log.files import LogFile
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.known import MISSING_FOLDER_SECONDS, QUIET_SECONDS, KnownLogs
from bridge.sources.log.opening import Opening
from bridge.sources.log.search import Listing, SeenFile, folder_of


class Sightings:
    """Brings what is known of each log into line with what a look found; used by one thread at a time."""

    def __init__(
        self,
        known: KnownLogs,
        opening: Opening,
        happenings: LogHappenings,
        let_go: Callable[[LogFile, OSError, float], None],
    ) -> None:
        """`let_go` is called for a log that cannot be read now."""
        self._known = known
        self._opening = opening
        self._happenings = happenings
        self._let_go = let_go

    def found(self, found: SeenFile, listing: Listing, now: float) -> bool:
        """Take note of a file that was found; return whether it is to be opened."""
        log = self._known.here.get(found.identity)
        if log is not None and log.stamp == found.stamp and log.path == found.path:
            log.missing_since = None
            return False
        if log is not None and log.descriptor is None:
            moved = listing.by_path.get(log.path) != log.identity and not listing.hides(log.path)
            if log.stamp != found.stamp or (moved and not log.done):
                # Written while it was closed: its content must identify it. Or nobody will finish its last line.
                self._known.lose(log, now)
                log = None
        if log is None:
            return self._opening.wants(found)
        try:
            self._again(log, found, listing, now)
        except OSError as error:
            self._let_go(log, error, now)
        return False

    def _again(self, log: LogFile, found: SeenFile, listing: Listing, now: float) -> None:
        cut = found.size < log.size and log.mark.offset == 0
        if log.stamp != found.stamp and log.descriptor is not None and (cut or log.was_replaced()):
            log = self._known.start_again(log, now, seen_size=log.size)
        log.missing_since = None
        log.saw(found.size, found.mtime_ns, now)
        if listing.by_path.get(log.path) != log.identity and not listing.hides(log.path):
            if not log.retired:
                self._happenings.rotated(log.name, found.path)
            log.path, log.retired = found.path, True

    def not_found(self, log: LogFile, listing: Listing, now: float) -> None:
        """Take note that a log was not found: it is gone from its path, or this look could not see it."""
        try:
            self._missing(log, listing, now)
        except OSError as error:
            self._let_go(log, error, now)

    def _missing(self, log: LogFile, listing: Listing, now: float) -> None:
        hidden = listing.hides(log.path)
        if log.descriptor is None:
            if not hidden:
                self._known.lose(log, now)
            return
        status = os.fstat(log.descriptor)
        if log.stamp != (status.st_size, status.st_mtime_ns) and log.was_replaced():
            log = self._known.start_again(log, now, seen_size=log.size)
        log.saw(status.st_size, status.st_mtime_ns, now)
        log.unlinked = status.st_nlink == 0
        log.held_bytes = status.st_blocks * 512 if log.unlinked else 0
        if hidden and not log.unlinked:
            return
        if log.missing_since is None:
            log.missing_since = now
        # A folder that shows nothing may be a volume that is not mounted: the log is there, and goes on later.
        gone = log.unlinked or log.path in listing.by_path or folder_of(log.path) in listing.shown()
        if not log.retired and (gone or now - log.missing_since >= MISSING_FOLDER_SECONDS):
            self._happenings.rotated(log.name, None)
            log.retired = True
        if log.done and now - max(log.changed_at, log.missing_since) >= QUIET_SECONDS:
            log.close()
            self._known.lose(log, now)

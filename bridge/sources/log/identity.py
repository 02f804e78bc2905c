"""Which log is in which file: logs are found again by their content through renames, copies and truncations.

A log is *here* when we know which file it is in: held open (then device and inode are exact, because what is
held open keeps its inode) or closed and unchanged. It is *loose* when its file is not where it was: at the
start, after a truncation (its old content may live on in a copy), after a deletion. A loose log whose head
and tail are in a file goes on there; one that stays loose is forgotten, and what it had left is lost.
"""

import os
from typing import Final

from bridge.sources.log.files import LogFile, of_position
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.positions import Kept, holds
from bridge.sources.log.search import Found, Identity, Listing, folder_of

# A log that was renamed or deleted and did not grow for so long is at its end.
QUIET_SECONDS: Final = 5
# A file that is renamed during a look may be missing in it; one that stays away is gone.
MISSING_SECONDS: Final = 60
# Its folder shows nothing at all: a volume that is not mounted proves nothing for a week.
MISSING_FOLDER_SECONDS: Final = 7 * 86400
SPARE_OPEN: Final = 16


class KnownLogs:
    """Every log that was ever seen and not forgotten."""

    def __init__(self, kept: Kept, happenings: LogHappenings) -> None:
        self._happenings = happenings
        self._next_number = kept.next_number
        self._loose = [of_position(key, position) for key, position in kept.positions.items()]
        self._copies: list[LogFile] = []
        self.here: dict[Identity, LogFile] = {}
        self.changes: dict[str, bytes | None] = {}
        """Rows of logs of which nothing is to be read now, for the next arrival."""
        for key in kept.unreadable:
            happenings.position_unreadable(key)
            self.changes[key] = None

    def add(self, found: Found, descriptor: int, now: float) -> LogFile:
        """Return a new log, in this file; whether it is one that is known comes out in `recognise`."""
        log = LogFile(f"log:{self._next_number}", found)
        self._next_number += 1
        log.descriptor, log.changed_at = descriptor, now
        self.here[found.identity] = log
        log.know_origin()
        return log

    def leave_out(self, log: LogFile) -> None:
        """Take what is in this log now as read."""
        log.pass_over(log.size)
        log.committed = log.mark
        self.changes[log.key] = log.row(log.mark)

    def lose(self, log: LogFile, now: float) -> None:
        """Take note that a log is not in its file any more: it goes on in its copy, or it is loose."""
        if self.here.get(log.identity) is log:
            del self.here[log.identity]
        self._part(log)
        if log.missing_since is None:
            log.missing_since = now
        if log.mark.offset == 0:
            log.close()
            return
        self._loose.append(log)
        copies = [copy for copy in self._copies if copy.original is log]
        for copy in copies:
            self._part(copy)
        for copy in copies:
            if copy.descriptor is not None and holds(copy.descriptor, log.mark):
                self._adopt(log, copy)
                return

    def start_again(self, log: LogFile, now: float, *, seen_size: int) -> LogFile:
        """Return a new log for what is in this log's file now, because it was truncated or rewritten."""
        self._happenings.truncated(log.name, log.mark.offset)
        descriptor, log.descriptor = log.open_descriptor, None
        status = os.fstat(descriptor)
        found = Found(log.path, log.identity, status.st_size, status.st_mtime_ns)
        retired, unlinked = log.retired, log.unlinked
        log.size, log.why_missing = max(seen_size, log.mark.offset), "truncated"
        self.lose(log, now)
        fresh = self.add(found, descriptor, now)
        fresh.retired, fresh.unlinked = retired, unlinked
        return fresh

    def recognise(self) -> None:
        """Let loose logs go on where their content is; of several files that fit, in the one with their inode."""
        fresh = [log for log in self.here.values() if log.mark.offset == 0 and log.size]
        fresh.sort(key=lambda log: log.age)
        for by_inode in (True, False):
            for file in fresh:
                candidates = [
                    log
                    for log in self._loose
                    if file.descriptor is not None
                    and (log.identity == file.identity or not by_inode)
                    and log.mark.offset <= file.size
                    and holds(file.descriptor, log.mark)
                ]
                if candidates:
                    self._adopt(max(candidates, key=lambda log: log.mark.offset), file)

    def is_copy(self, log: LogFile) -> bool:
        """Tell whether this is a copy of what was read of another log, which is read in that one's stead.

        Its own turn comes when the original is truncated or gone.
        """
        for other in self.here.values():
            if (
                other is not log
                and other.origin == log.origin
                and other.original is None
                and other.mark.offset > log.mark.offset
                and log.starts_like(other)
            ):
                log.original = other
                self._copies.append(log)
                self._happenings.copy_known(log.name, other.name)
                return True
        return False

    def follow_copies(self, now: float) -> None:
        """Pass over in each copy what was read in its original; one that went its own way is read."""
        for copy in list(self._copies):
            original = copy.original
            if original is None or copy.descriptor is None:
                continue
            length = min(copy.size, original.mark.offset)
            if length > copy.mark.offset:
                if not copy.starts_like(original):
                    self._part(copy)
                    continue
                copy.pass_over(length)
            if original.done and copy.size > original.size and now - original.changed_at >= QUIET_SECONDS:
                self._part(copy)  # the copy is what is written now
            elif copy.committed.offset < copy.size == length <= original.committed.offset:
                copy.committed = copy.mark
                self.changes[copy.key] = copy.row(copy.mark)

    def forget_missing(self, listing: Listing, now: float) -> None:
        """Forget loose logs that do not come back, and say what of them was never read."""
        if not self._loose:
            return
        shown = {folder_of(found.path) for found in listing.found.values()}
        for log in list(self._loose):
            if log.missing_since is None:
                log.missing_since = now
            folder = folder_of(log.path)
            patience = MISSING_SECONDS if folder in shown else MISSING_FOLDER_SECONDS
            away = log.unlinked or (now - log.missing_since >= patience and folder not in listing.unsure)
            if not away:
                continue
            self._loose.remove(log)
            self.changes[log.key] = None
            if (lost := log.size - log.mark.offset) > 0:
                self._happenings.lost(log.name, lost, log.why_missing)
            else:
                self._happenings.finished(log.name, log.size)

    def close_spare(self) -> None:
        """Close the oldest of the logs that were read to their end."""
        spare = [
            log
            for log in self.here.values()
            if log.descriptor is not None and log.done and log.missing_since is None
        ]
        if len(spare) > SPARE_OPEN:
            spare.sort(key=lambda log: log.age)
            for log in spare[:-SPARE_OPEN]:
                log.close()

    def _adopt(self, log: LogFile, file: LogFile) -> None:
        """Let a loose log go on in the file that `file` found."""
        self._loose.remove(log)
        if log.name != file.name and not log.retired:
            self._happenings.rotated(log.name, file.name)
            log.retired = True
        if file.committed.offset:
            self.changes[file.key] = None
        log.close()
        log.attach(file)
        self.here[log.identity] = log

    def _part(self, copy: LogFile) -> None:
        """A copy is read by itself from here on."""
        if copy.original is not None:
            copy.original = None
            self._copies.remove(copy)

"""Which log is in which file: logs are found again by their content through renames, copies and truncations.

A log is *here* when we know its file: we hold it open, so that its device and inode are certain, or it is closed and
unchanged. It is *loose* when we do not: at the start, after a truncation (a copy may still have the old content), after
a deletion. When a file turns up with a loose log's head and tail, the log goes on there. A log that stays loose is
forgotten, and what was not read is lost.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from bridge.sources.log.files import LogFile, of_position
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.positions import HEAD_BYTES, Kept, fingerprint, holds, tail_holds
from bridge.sources.log.search import FileIdentity, Listing, SeenFile, folder_of

# A renamed or deleted log that has not grown for this long is finished.
QUIET_SECONDS: Final = 5
# A look may miss a file that is being renamed; one that stays away for this long is gone.
MISSING_SECONDS: Final = 60
# If its folder shows no log at all, the volume may just not be mounted: wait for a week.
MISSING_FOLDER_SECONDS: Final = 7 * 86400


class KnownLogs:
    """Every log that was ever seen and not forgotten."""

    def __init__(self, kept: Kept, happenings: LogHappenings) -> None:
        self._happenings = happenings
        self._next_number = kept.next_number
        self.loose = {key: of_position(key, position) for key, position in kept.positions.items()}
        """The logs whose files we do not know, by key."""
        self._copies: dict[str, LogFile] = {}
        self._by_fingerprint: defaultdict[bytes | None, list[LogFile]] = defaultdict(list)
        self.here: dict[FileIdentity, LogFile] = {}
        self.changes: dict[str, bytes | None] = {}
        """Rows of logs that have nothing to read now, to be saved with the next arrival."""
        self.lost: dict[str, int] = {}
        """Bytes that were lost before they were read, by reason; the next arrival reports them."""
        for key in kept.unreadable:
            happenings.position_unreadable(key)
            self.changes[key] = None

    def add(self, found: SeenFile, descriptor: int, now: float) -> LogFile:
        """Return a new log for this file; `recognise` finds out whether it is one that we know."""
        log = self._new(found)
        log.descriptor, log.changed_at = descriptor, now
        self.here[found.identity] = log
        log.know_fingerprint()
        return log

    def leave_out(self, log: LogFile) -> None:
        """Treat what is in this log now as read."""
        log.pass_over(log.size)
        log.committed = log.mark
        self.changes[log.key] = log.row(log.mark)

    def missed(self, files: Iterable[SeenFile], now: float) -> None:
        """Note that these files were gone before it was their turn to be opened."""
        loose = {log.identity for log in self.loose.values()}
        for found in files:
            if found.identity not in loose:
                self.lose(self._new(found), now)

    def lose(self, log: LogFile, now: float) -> None:
        """Note that a log is no longer in its file: it goes on in its copy, or is loose."""
        if self.here.get(log.identity) is log:
            del self.here[log.identity]
        self._part(log)
        if log.missing_since is None:
            log.missing_since = now
        if log.size:
            self.loose[log.key] = log
        if log.mark.offset == 0:
            log.close()
            return
        copies = [copy for copy in self._copies.values() if copy.original is log]
        for copy in copies:
            self._part(copy)
        for copy in copies:
            if copy.descriptor is not None and _holds(copy, log):
                self._adopt(log, copy)
                return

    def let_go(self, log: LogFile, now: float) -> None:
        """Close a log that cannot be read now; its content identifies it when its file is opened again."""
        log.close()
        self.lose(log, now)

    def start_again(self, log: LogFile, now: float, *, seen_size: int) -> LogFile:
        """Return a new log for what is in this log's file now, because it was truncated or rewritten.

        Raises OSError, and then changes nothing.
        """
        descriptor = log.open_descriptor
        status = os.fstat(descriptor)
        self._happenings.truncated(log.name, log.mark.offset)
        log.descriptor = None
        found = SeenFile(log.path, log.identity, status.st_size, status.st_mtime_ns)
        retired, unlinked, held_bytes = log.retired, log.unlinked, log.held_bytes
        log.size, log.why_missing = max(seen_size, log.mark.offset), "truncated"
        self.lose(log, now)
        fresh = self.add(found, descriptor, now)
        fresh.retired, fresh.unlinked, fresh.held_bytes = retired, unlinked, held_bytes
        return fresh

    def recognise(self) -> list[tuple[LogFile, OSError]]:
        """Match loose logs with files by their content; if several files fit, the one with the log's inode wins.

        Returns the files that could not be compared, with the errors.
        """
        fresh = [log for log in self.here.values() if log.mark.offset == 0 and log.descriptor is not None]
        fresh.sort(key=lambda log: log.age)
        self._find_unread()
        fits: list[tuple[LogFile, list[LogFile]]] = []
        failed: list[tuple[LogFile, OSError]] = []
        fitting = _fitting(self.loose.values())
        for file in fresh if self.loose else ():
            try:
                fits.append((file, fitting(file)))
            except OSError as error:
                failed.append((file, error))
        for by_inode in (True, False):
            for file, logs in fits:
                candidates = [
                    log
                    for log in logs
                    if log.key in self.loose
                    and file.descriptor is not None
                    and (log.identity == file.identity or not by_inode)
                ]
                if candidates:
                    self._adopt(max(candidates, key=lambda log: log.mark.offset), file)
        self._by_fingerprint.clear()
        for log in self.here.values():
            self._by_fingerprint[log.fingerprint].append(log)
        return failed

    def is_copy(self, log: LogFile) -> bool:
        """Tell whether this is a copy of another log that was read already; then only the original is read.

        The copy's turn comes when the original is truncated or gone. Raises OSError when the original cannot be
        read now.
        """
        alike = self._by_fingerprint[log.fingerprint]
        for other in alike:
            if (
                other is not log
                and self.here.get(other.identity) is other
                and other.original is None
                and other.mark.offset > log.mark.offset
                and log.starts_like(other)
            ):
                log.original = other
                self._copies[log.key] = log
                self._happenings.copy_known(log.name, other.name)
                return True
        if log not in alike:
            alike.append(log)
        return False

    def follow_copies(self, now: float) -> list[tuple[LogFile, OSError]]:
        """Skip in each copy what was read in its original; a copy that differs is read by itself from now on.

        Returns the copies that could not be compared with their originals, with the errors.
        """
        failed: list[tuple[LogFile, OSError]] = []
        for copy in list(self._copies.values()):
            if copy.descriptor is not None:
                try:
                    self._follow_copy(copy, now)
                except OSError as error:
                    failed.append((copy, error))
        return failed

    def forget_missing(self, listing: Listing, now: float) -> None:
        """Forget loose logs that stay away, and report what was never read."""
        shown = listing.shown() if self.loose else ()
        for log in list(self.loose.values()):
            if log.missing_since is None:
                log.missing_since = now
            folder = folder_of(log.path)
            patience = MISSING_SECONDS if folder in shown else MISSING_FOLDER_SECONDS
            away = log.unlinked or (now - log.missing_since >= patience and not listing.may_hold(folder))
            if not away:
                continue
            del self.loose[log.key]
            self._forget(log)
            if (lost := log.size - log.mark.offset) > 0:
                self.lost[log.why_missing] = self.lost.get(log.why_missing, 0) + lost
                self._happenings.lost(log.name, lost, log.why_missing)
            else:
                self._happenings.finished(log.name, log.size)

    def close_spare(self, keep: int, *, crowded: bool) -> None:
        """Close the oldest logs that were read to their end; `crowded`: also those with half a line left."""
        spare = [log for log in self.here.values() if log.spare and (crowded or log.done)]
        if len(spare) > keep:
            spare.sort(key=lambda log: log.age)
            for log in spare[: len(spare) - keep]:
                log.close()

    def open_count(self) -> int:
        """Return how many logs are held open."""
        return sum(log.descriptor is not None for log in self.here.values())

    def _new(self, found: SeenFile) -> LogFile:
        log = LogFile(f"log:{self._next_number}", found)
        self._next_number += 1
        return log

    def _find_unread(self) -> None:
        """Drop the loose logs of which we read nothing, and which are here again by inode or first line."""
        unread = [log for log in self.loose.values() if log.mark.offset == 0]
        fingerprints = {log.fingerprint for log in self.here.values()} - {None} if unread else ()
        for log in unread:
            same_file = log.identity in self.here and log.why_missing != "truncated"
            if same_file or log.fingerprint in fingerprints:
                del self.loose[log.key]

    def _follow_copy(self, copy: LogFile, now: float) -> None:
        original = copy.original
        if original is None:
            return
        length = min(copy.size, original.mark.offset)
        if length > copy.mark.offset:
            if not copy.starts_like(original):
                self._part(copy)
                return
            copy.pass_over(length)
        if original.done and copy.size > original.size and now - original.changed_at >= QUIET_SECONDS:
            self._part(copy)  # the copy is what is written now
        elif copy.committed.offset < copy.size == length <= original.committed.offset:
            copy.committed = copy.mark
            self.changes[copy.key] = copy.row(copy.mark)

    def _adopt(self, log: LogFile, file: LogFile) -> None:
        """Let a loose log go on in the file of `file`."""
        del self.loose[log.key]
        if log.name != file.name and not log.retired:
            self._happenings.rotated(log.name, file.name)
            log.retired = True
        if file.committed.offset:
            self._forget(file)
        log.close()
        log.attach(file)
        self.here[log.identity] = log

    def _forget(self, log: LogFile) -> None:
        log.forgotten = True
        if log.mark.offset:
            self.changes[log.key] = None

    def _part(self, copy: LogFile) -> None:
        """Read a copy by itself from now on."""
        copy.original = None
        self._copies.pop(copy.key, None)


def _holds(file: LogFile, log: LogFile) -> bool:
    """Tell whether a log goes on in this file; a file that cannot be read now is tried again later."""
    try:
        return holds(file.open_descriptor, log.mark)
    except OSError:
        return False


def _fitting(loose: Iterable[LogFile]) -> Callable[[LogFile], list[LogFile]]:
    """Return a function that finds the logs that may go on in a file, and reads its head only once."""
    heads: defaultdict[tuple[int, str], list[LogFile]] = defaultdict(list)
    for log in loose:
        if log.mark.offset:
            heads[min(HEAD_BYTES, log.mark.offset), log.mark.head].append(log)
    lengths = sorted({length for length, _ in heads})

    def fitting(file: LogFile) -> list[LogFile]:
        descriptor = file.open_descriptor
        head = os.pread(descriptor, HEAD_BYTES, 0) if lengths else b""
        return [
            log
            for length in lengths
            if length <= len(head)
            for log in heads.get((length, fingerprint(head[:length])), ())
            if log.mark.offset <= file.size and tail_holds(descriptor, log.mark)
        ]

    return fitting

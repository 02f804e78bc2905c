"""Follows the logs: one look at a time, then chunk by chunk what was written, the oldest log first."""

import os
import stat
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bridge.contracts import Arrival, Clock
from bridge.sources.log.files import CHUNK_BYTES, LogFile, Piece, Replaced
from bridge.sources.log.framing import Frames
from bridge.sources.log.glance import Glance, Stamps, Unclear, stamps_of
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.identity import QUIET_SECONDS, KnownLogs
from bridge.sources.log.positions import PREFIX, START, Launch, Mark, decode, launch_row
from bridge.sources.log.search import Found, Identity, Listing, Search, folder_of

MAX_OPEN: Final = 256
_GZIP: Final = b"\x1f\x8b"
_NOTHING: Final = Piece(START, Frames())


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read brought, and the log it came from; `log` None: only rows of other logs change."""

    log: LogFile | None
    before: Mark
    piece: Piece
    changes: Mapping[str, bytes | None]

    def arrival(self, launch: Launch) -> Arrival:
        """Return it as intake takes it."""
        key, row = launch_row(launch)
        positions = {**self.changes, key: row}
        if self.log is not None:
            positions[self.log.key] = self.log.row(self.piece.mark)
        frames = self.piece.frames
        rejected = {"too_long": frames.too_long, "torn": self.piece.torn}
        return Arrival(
            source="log",
            bodies=frames.bodies,
            kinds=frames.kinds,
            places=frames.places,
            origin=(self.log and self.log.origin) or b"",
            positions=positions,
            rejected={reason: count for reason, count in rejected.items() if count},
            ignored=frames.ignored,
            tolerant=True,
        )


class Following:
    """All logs that the paths match; used by one thread at a time."""

    def __init__(
        self,
        paths: tuple[str, ...],
        rows: Mapping[str, bytes],
        *,
        start_at: Literal["beginning", "end"],
        ignore_older_seconds: float,
        max_line_bytes: int,
        happenings: LogHappenings,
        clock: Clock,
    ) -> None:
        rows = {key: row for key, row in rows.items() if key.startswith(PREFIX)}
        kept = decode(rows)
        self.next_launch = kept.next_launch
        self._paths = paths
        self._search = Search(paths)
        self._start_at = start_at
        self._ignore_older_seconds = ignore_older_seconds
        self._max_line_bytes = max_line_bytes
        self._happenings = happenings
        self._clock = clock
        self._known = KnownLogs(kept, happenings)
        self._passed_over: dict[Identity, tuple[int, int]] = {}
        self._queue: deque[LogFile] = deque()
        self._glance = Glance()
        self._folders: set[str] = set()
        self._looked = False
        # The first arrival of all is sent even when it brings nothing: its row says that `start_at` was asked.
        self._first_start = not rows

    def renew(self, paths: tuple[str, ...], max_line_bytes: int) -> None:
        """Follow other paths from the next look on; a log that they leave out is read to its end."""
        self._paths = paths
        self._search = Search(paths)
        self._max_line_bytes = max_line_bytes
        self._looked = False
        self._glance.end()

    @property
    def logs(self) -> list[LogFile]:
        """The logs of which we know the file; may be asked while another thread looks or reads."""
        return list(self._known.here.values())

    def look(self) -> None:
        """See what was written, renamed, copied, deleted and created since the last look."""
        known = self._known
        self._glance.end()
        now, epoch, stamps = self._clock.monotonic(), self._clock.time(), self._stamps()
        listing = self._search.look()
        if not self._looked and not listing.found:
            self._happenings.nothing_there(self._paths)
        for path, error in listing.failures.items():
            self._happenings.unreadable(path, error)
        new: list[Found] = []
        for identity, found in listing.found.items():
            log = known.here.get(identity)
            if log is not None and log.descriptor is None and log.stamp != found.stamp:
                known.lose(log, now)  # written while it was closed: to be known by its content again
                log = None
            if log is not None:
                try:
                    self._saw(log, found, listing, now)
                except OSError as error:
                    self._let_go(log, error, now)
            elif self._passed_over.get(identity) != found.stamp:
                new.append(found)
        for log in [log for identity, log in known.here.items() if identity not in listing.found]:
            self._not_seen(log, now)
        known.close_spare()
        opened = [
            found.identity
            for found in sorted(new, key=lambda found: found.age)
            if self._open(found, listing, now)
        ]
        known.recognise()
        for identity in opened:
            log = known.here[identity]
            self._happenings.following(log.name, log.mark.offset, log.size)
        known.follow_copies(now)
        known.forget_missing(listing, now)
        due = [log for log in known.here.values() if log.unread or log.torn(now, QUIET_SECONDS)]
        self._queue = deque(sorted(due, key=lambda log: log.age))
        self._looked = True
        self._begin_glances(listing, stamps, now, epoch)

    def glance(self) -> list[Chunk] | None:
        """Return what was written since, about a chunk's bytes in all; None: only a look can tell.

        Waits for no disk: it may be called on the event loop.
        """
        now, chunks, brought = self._clock.monotonic(), [], 0
        if self._queue or not self._glance.holds(now):
            return None
        try:
            for log in self._glance.logs:
                before = log.mark
                piece = self._glance.read(log, self._max_line_bytes, now)
                if piece is not None:
                    self._happenings.read(piece.mark.offset - before.offset)
                    chunks.append(self._chunk(log, before, piece))
                    brought += piece.mark.offset - before.offset
                    if brought >= CHUNK_BYTES:
                        self._glance.end()
                        break
        except (Unclear, OSError):
            self._glance.end()
            return chunks or None
        return chunks

    def next_chunk(self) -> Chunk | None:
        """Read on in the oldest log, at most to where the last look saw its end; None: all was read."""
        while self._queue:
            log = self._queue[0]
            before = log.mark
            try:
                piece = self._read(log)
            except Replaced:
                now = self._clock.monotonic()
                self._glance.end()
                self._queue[0] = self._known.start_again(log, now, seen_size=before.offset)
                continue
            except OSError as error:
                self._let_go(log, error, self._clock.monotonic())
                piece = None
            if piece is not None:
                return self._chunk(log, before, piece)
            self._queue.popleft()
        if self._known.changes or self._first_start:
            return self._chunk(None, START, _NOTHING)
        return None

    def committed(self, chunk: Chunk) -> None:
        """Take note that the journal has this chunk."""
        log, mark = chunk.log, chunk.piece.mark
        if log is not None and mark.offset > log.committed.offset:
            log.committed = mark

    def close(self) -> None:
        """Let go of all files."""
        for log in self._known.here.values():
            log.close()

    def _stamps(self) -> Stamps | None:
        try:
            return stamps_of(self._folders)
        except OSError:
            return None  # not there, or a pattern: every poll looks

    def _begin_glances(self, listing: Listing, stamps: Stamps | None, looked: float, epoch: float) -> None:
        """Let glances do until something can have become of the files that a glance does not see."""
        logs = [
            log
            for log in self._known.here.values()
            if log.descriptor is not None
            and log.original is None
            and not (log.retired and looked - log.changed_at >= QUIET_SECONDS)
        ]
        logs.sort(key=lambda log: log.age)
        self._folders = self._search.folders | {log.folder for log in logs}
        if (
            stamps is not None
            and stamps.keys() == self._folders
            and not listing.failures
            and not listing.unsure
        ):
            self._glance.begin(logs, stamps, looked, epoch)
        else:
            self._glance.end()

    def _saw(self, log: LogFile, found: Found, listing: Listing, now: float) -> None:
        if log.stamp != found.stamp and log.was_replaced():
            log = self._known.start_again(log, now, seen_size=log.size)
        log.missing_since = None
        log.saw(found.size, found.mtime_ns, now)
        if listing.by_path.get(log.path) != log.identity:
            if not log.retired:
                self._happenings.rotated(log.name, found.path)
            log.path, log.retired = found.path, True

    def _not_seen(self, log: LogFile, now: float) -> None:
        if log.descriptor is None:
            self._known.lose(log, now)
            return
        status = os.fstat(log.descriptor)
        if log.stamp != (status.st_size, status.st_mtime_ns) and log.was_replaced():
            log = self._known.start_again(log, now, seen_size=log.size)
        log.saw(status.st_size, status.st_mtime_ns, now)
        log.unlinked = status.st_nlink == 0
        if log.missing_since is None:
            log.missing_since = now
        if not log.retired:
            self._happenings.rotated(log.name, None)
            log.retired = True
        if log.done and now - max(log.changed_at, log.missing_since) >= QUIET_SECONDS:
            log.close()
            self._known.lose(log, now)

    def _let_go(self, log: LogFile, error: OSError, now: float) -> None:
        """Close a log that cannot be read now; the next look opens it again and knows it by its content."""
        self._happenings.unreadable(log.name, error)
        self._glance.end()
        log.close()
        self._known.lose(log, now)

    def _open(self, found: Found, listing: Listing, now: float) -> bool:
        if sum(log.descriptor is not None for log in self.logs) >= MAX_OPEN:
            listing.unsure.add(folder_of(found.path))  # the newest wait until older ones are read
            return False
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        except OSError as error:
            listing.unsure.add(folder_of(found.path))
            self._happenings.unreadable(found.path, error)
            return False
        self._happenings.readable(found.path)
        status = os.fstat(descriptor)
        compressed = os.pread(descriptor, 2, 0) == _GZIP if stat.S_ISREG(status.st_mode) else False
        if compressed:
            if found.identity not in self._passed_over:
                self._happenings.compressed(found.path)
            self._passed_over[found.identity] = found.stamp
        if compressed or (status.st_dev, status.st_ino) != found.identity:
            # Not the file that was listed: renamed in between, which the next look sees.
            os.close(descriptor)
            return False
        log = self._known.add(found, descriptor, now)
        log.folder = folder_of(os.path.realpath(found.path))
        if self._first_start and not self._looked and found.size and self._is_left_out(found):
            self._happenings.left_out(log.name, self._start_at)
            self._known.leave_out(log)
            self._known.close_spare()
        return True

    def _is_left_out(self, found: Found) -> bool:
        oldest = self._clock.time() - self._ignore_older_seconds
        return self._start_at == "end" or found.mtime_ns < oldest * 1e9

    def _read(self, log: LogFile) -> Piece | None:
        before = log.mark
        piece: Piece | None = None
        if log.unread:
            if not log.recognised and log.know_origin():
                if self._known.is_copy(log):
                    return None
                log.recognised = True
            piece = log.read(self._max_line_bytes)
        elif log.torn(self._clock.monotonic(), QUIET_SECONDS):
            piece = log.read_torn(self._max_line_bytes)
        if piece is not None:
            self._happenings.read(piece.mark.offset - before.offset)
            if piece.frames.too_long:
                self._happenings.too_long(log.name, before.offset, self._max_line_bytes)
            if piece.torn:
                self._happenings.torn(log.name, before.offset)
        return piece

    def _chunk(self, log: LogFile | None, before: Mark, piece: Piece) -> Chunk:
        changes, self._known.changes = self._known.changes, {}
        self._first_start = False
        return Chunk(log, before, piece, changes)

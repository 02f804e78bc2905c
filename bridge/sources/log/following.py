"""Follows the logs: one look at a time, then chunk by chunk what was written, the oldest log first."""

import time
from collections.abc import Mapping
from typing import Final

from bridge.contracts import Clock
from bridge.sources.log.backlog import Backlog
from bridge.sources.log.chunk import Chunk
from bridge.sources.log.files import CHUNK_BYTES, LogFile, Replaced
from bridge.sources.log.framing import Frames
from bridge.sources.log.glance import Glance, Stamps, Unclear, stamps_of
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.held import beyond
from bridge.sources.log.known import QUIET_SECONDS, KnownLogs
from bridge.sources.log.lines import Lines
from bridge.sources.log.opening import Opening
from bridge.sources.log.positions import PREFIX, START, Mark, decode
from bridge.sources.log.search import Listing, Search, SeenFile, folder_of
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.sightings import Sightings
from bridge.sources.log.trouble import Trouble, of_error

_NO_LINES: Final = Lines(START, Frames())


class Following:
    """All logs that the paths match; used by one thread at a time."""

    def __init__(
        self,
        settings: LogSourceSettings,
        rows: Mapping[str, bytes],
        *,
        happenings: LogHappenings,
        clock: Clock,
        max_open: int,
    ) -> None:
        """`max_open`: how many logs it may hold open at a time."""
        rows = {key: row for key, row in rows.items() if key.startswith(PREFIX)}
        kept = decode(rows)
        self.next_launch = kept.next_launch
        self._start_at = settings.start_at
        self._ignore_older_seconds = settings.ignore_older
        self._take(settings)
        self._happenings = happenings
        self._clock = clock
        self._known = KnownLogs(kept, happenings)
        self._backlog = Backlog()
        self._opening = Opening(max_open, self._known, self._backlog, happenings, clock)
        self._sightings = Sightings(self._known, self._opening, happenings, self._let_go)
        self._glance = Glance()
        self._folders: set[str] = set()
        self._looked = False
        self.look_seconds = 0.0
        """How long the last look took."""
        self.troubles: dict[str, Trouble] = {}
        """What is there but cannot be read, by path: from the last look, and from reads before and since."""
        self._failed_reads: dict[str, Trouble] = {}
        # The very first arrival is sent even if it is empty: its row says that `start_at` was applied.
        self._first_start = not rows
        self._hidden_at_start = Listing()

    def renew(self, settings: LogSourceSettings, max_open: int) -> None:
        """Follow other paths from the next look on; a log that they no longer match is read to its end."""
        self._take(settings)
        self._opening.most = max_open
        self._looked = False
        self._glance.end()

    @property
    def logs(self) -> list[LogFile]:
        """The logs whose files we know; may be called while another thread looks or reads."""
        return list(self._known.here.values())

    @property
    def waiting(self) -> list[SeenFile]:
        """The files that wait to be opened; may be called while another thread looks or reads."""
        return list(self._backlog.waiting)

    def look(self) -> None:
        """See what was written, renamed, copied, deleted and created since the last look."""
        known, backlog = self._known, self._backlog
        self._glance.end()
        began = time.perf_counter()
        now, epoch, stamps = self._clock.monotonic(), self._clock.time(), self._stamps()
        listing = self._search.look()
        self.troubles, self._failed_reads = listing.troubles | self._failed_reads, {}
        if not self._looked and not listing.found and not listing.troubles:
            self._happenings.nothing_there(self._paths)
        new = [found for found in listing.found.values() if self._sightings.found(found, listing, now)]
        for log in [log for identity, log in known.here.items() if identity not in listing.found]:
            self._sightings.not_found(log, listing, now)
        for log in beyond(known.here.values(), self.max_held_bytes):
            log.why_missing = "let_go"
            known.let_go(log, now)
        known.missed(
            [it for it in backlog.waiting if it.identity not in listing.found and not listing.hides(it.path)],
            now,
        )
        self._opening.forget_absent(listing)
        self._opening.leave_out([it for it in new if self._is_left_out(it)], self._start_at)
        if self._first_start and not self._looked:
            self._hidden_at_start = listing
        self._hidden_at_start.blind = self._hidden_at_start.blind & listing.blind
        backlog.wait(new)
        self._opening.open_waiting(self.troubles)
        for copy, failed in known.follow_copies(now):
            self._in_trouble(copy, failed)
        # A missing log may be in any file that is not open yet.
        listing.unsure.update(folder_of(found.path) for found in backlog.waiting)
        known.forget_missing(listing, now)
        backlog.read(log for log in known.here.values() if log.unread or log.torn(now, QUIET_SECONDS))
        self._looked = True
        self._happenings.troubles(self.troubles)
        # The real time, even if a test brings its own clock.
        self.look_seconds = time.perf_counter() - began
        self._begin_glances(stamps, now, epoch)

    def glance(self) -> list[Chunk] | None:
        """Return what was written since, about a chunk's bytes in all; None: only a look can tell.

        Waits for no disk: it may be called on the event loop.
        """
        now, chunks, brought = self._clock.monotonic(), [], 0
        if self._backlog or not self._glance.holds(now):
            return None
        try:
            for log in self._glance.logs:
                before = log.mark
                lines = self._glance.read(log, self._max_line_bytes, now)
                if lines is not None:
                    self._happenings.read(lines.mark.offset - before.offset)
                    chunks.append(self._chunk(log, before, lines))
                    brought += lines.mark.offset - before.offset
                    if brought >= CHUNK_BYTES:
                        self._glance.end()
                        break
        except (Unclear, OSError):
            self._glance.end()
            return chunks or None
        return chunks

    def next_chunk(self) -> Chunk | None:
        """Read on, at most to where the last look saw the end of each log; None: all that can be was read."""
        if (losses := self.losses()) is not None:
            return losses
        while (log := self._backlog.current() or self._open_more()) is not None:
            before, lines = log.mark, None
            try:
                lines = self._read(log)
            except Replaced:
                self._glance.end()
                try:
                    self._backlog.replace(
                        self._known.start_again(log, self._clock.monotonic(), seen_size=before.offset)
                    )
                    continue
                except OSError as error:
                    self._let_go(log, error, self._clock.monotonic())
            except OSError as error:
                self._let_go(log, error, self._clock.monotonic())
            if lines is not None:
                self._backlog.next_turn()
                return self._chunk(log, before, lines)
            self._backlog.drop()
        if self._known.changes or self._first_start:
            return self._chunk(None, START, _NO_LINES)
        return None

    def losses(self) -> Chunk | None:
        """Return only the losses since the last chunk: even a full journal takes these."""
        return self._chunk(None, START, _NO_LINES) if self._known.lost else None

    def committed(self, chunk: Chunk) -> None:
        """Note that the journal has this chunk."""
        log, mark = chunk.log, chunk.lines.mark
        if log is not None and mark.offset > log.committed.offset:
            log.committed = mark

    def close(self) -> None:
        """Close all files."""
        for log in self._known.here.values():
            log.close()

    def _take(self, settings: LogSourceSettings) -> None:
        self._paths = settings.paths
        self._search = Search(settings.paths)
        self._max_line_bytes = settings.max_line_bytes
        self.max_held_bytes = settings.max_held_bytes

    def _stamps(self) -> Stamps | None:
        try:
            return stamps_of(self._folders)
        except OSError:
            return None  # not there, or a pattern: every poll looks

    def _begin_glances(self, stamps: Stamps | None, looked: float, epoch: float) -> None:
        """Make do with glances until something may have happened that a glance cannot see."""
        logs = [
            log
            for log in self._known.here.values()
            if log.descriptor is not None
            and log.original is None
            and not (log.retired and looked - log.changed_at >= QUIET_SECONDS)
        ]
        logs.sort(key=lambda log: log.age)
        self._folders = self._search.folders | {log.folder for log in logs}
        settled = not self.troubles and not self._backlog.waits
        if stamps is not None and stamps.keys() == self._folders and settled:
            self._glance.begin(logs, stamps, looked, epoch, took=self.look_seconds)
        else:
            self._glance.end()

    def _let_go(self, log: LogFile, error: OSError, now: float) -> None:
        """Close a log that cannot be read now; the next look opens it again, and its content identifies it."""
        self._in_trouble(log, error)
        self._known.let_go(log, now)

    def _in_trouble(self, log: LogFile, error: OSError) -> None:
        self.troubles[log.path] = self._failed_reads[log.path] = of_error(error)
        self._glance.end()

    def _open_more(self) -> LogFile | None:
        """Open files that wait, now that others were read; return the first to read, None: there is none."""
        if self._backlog.waits:
            opened = self._opening.open_waiting(self.troubles)
            self._backlog.read(log for log in opened if log.unread)
        return self._backlog.current()

    def _is_left_out(self, found: SeenFile) -> bool:
        """Tell whether the first start passes over what is in this file now, by the settings."""
        if not ((self._first_start and not self._looked) or self._hidden_at_start.hides(found.path)):
            return False
        oldest = self._clock.time() - self._ignore_older_seconds
        return found.size > 0 and (self._start_at == "end" or found.mtime_ns < oldest * 1e9)

    def _read(self, log: LogFile) -> Lines | None:
        before = log.mark
        lines: Lines | None = None
        if log.unread:
            if not log.recognised and log.know_fingerprint():
                try:
                    if self._known.is_copy(log):
                        return None
                except OSError as error:
                    # The other log cannot be read now: a later look finds out whether this is its copy.
                    self._in_trouble(log, error)
                    return None
                log.recognised = True
            lines = log.read(self._max_line_bytes)
        elif log.torn(self._clock.monotonic(), QUIET_SECONDS):
            lines = log.read_torn(self._max_line_bytes)
        if lines is not None:
            self._happenings.read(lines.mark.offset - before.offset)
            if lines.frames.too_long:
                self._happenings.too_long(log.name, before.offset, self._max_line_bytes)
            if lines.torn:
                self._happenings.torn(log.name, before.offset)
        return lines

    def _chunk(self, log: LogFile | None, before: Mark, lines: Lines) -> Chunk:
        changes, self._known.changes = self._known.changes, {}
        lost, self._known.lost = self._known.lost, {}
        self._first_start = False
        return Chunk(log, before, lines, changes, lost)

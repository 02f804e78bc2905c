"""One log: its identity, how far it was read, and reading on from there."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bridge.sources.log.framing import Frames
from bridge.sources.log.lines import ZEROS, Lines, frames_in, lines_in
from bridge.sources.log.positions import (
    START,
    Mark,
    Position,
    encode,
    first_line,
    mark_at,
    same_start,
    tail_holds,
)
from bridge.sources.log.search import FileIdentity, SeenFile, age
from bridge.sources.log.trouble import shown
from bridge.sources.log.unfinished import behind_zeros, whole_only
from bridge.sources.log.utf16 import HEAD_BYTES, codec_of

CHUNK_BYTES: Final = 384 * 1024


class Replaced(Exception):  # noqa: N818 - what became of the file, not a failure
    """The bytes before the position are no longer those that were read: truncated and rewritten."""


class LogFile:
    """The content of one log, by whatever name; holds it open as long as something may come."""

    __slots__ = (
        "_checked_ns",
        "_encoding",
        "_want",
        "changed_at",
        "committed",
        "descriptor",
        "examined",
        "fingerprint",
        "folder",
        "forgotten",
        "held_bytes",
        "identity",
        "key",
        "mark",
        "missing_since",
        "mtime_ns",
        "original",
        "path",
        "recognised",
        "retired",
        "size",
        "unlinked",
        "why_missing",
    )

    def __init__(self, key: str, found: SeenFile, mark: Mark = START) -> None:
        self.key = key
        self.path = found.path
        self.folder = ""
        """Where its file is when the path is a link."""
        self.identity: FileIdentity = found.identity
        self.size = found.size
        self.mtime_ns = found.mtime_ns
        self.descriptor: int | None = None
        self.mark = mark
        """As far as it was read."""
        self.committed = mark
        """As far as the journal has it."""
        self.examined = mark.offset
        """Between the mark and here there is no newline."""
        self.fingerprint: bytes | None = None
        """Of its first line, once that is whole."""
        self.original: LogFile | None = None
        """The log that this one is a copy of: not read as long as that one can be."""
        self.recognised = False
        """It was compared with the other logs before its first read."""
        self.retired = False
        """Renamed or deleted: nobody will finish its last line."""
        self.unlinked = False
        self.held_bytes = 0
        """What it takes of its disk only because it is held open: it was deleted."""
        self.forgotten = False
        """The source no longer follows it: its row is not kept."""
        self.changed_at = 0.0
        self.missing_since: float | None = None
        self.why_missing = "vanished"
        self._checked_ns = -1
        self._encoding: str | None = None
        self._want = CHUNK_BYTES

    @property
    def open_descriptor(self) -> int:
        """The descriptor of a log that is known to be held open."""
        if self.descriptor is None:
            raise ValueError(f"{self.path} is not held open")
        return self.descriptor

    @property
    def name(self) -> str:
        """The path as text that any metric, row or log line can carry."""
        return shown(self.path)

    @property
    def age(self) -> tuple[int, list[tuple[int, str]]]:
        """Sorts the oldest first."""
        return age(self.mtime_ns, self.path)

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when somebody writes."""
        return self.size, self.mtime_ns

    @property
    def done(self) -> bool:
        """Whether the journal has all that is there."""
        return self.committed.offset == self.mark.offset == self.size

    @property
    def spare(self) -> bool:
        """Whether it may be closed: everything readable is in the journal, and its file is where it was seen.

        Half a line does not keep it open, unless nobody writes the log any more: then it is still to be taken.
        """
        return (
            self.descriptor is not None
            and self.missing_since is None
            and self.committed.offset == self.mark.offset
            and (self.mark.offset == self.size or not (self.unread or self.retired or self.original))
        )

    @property
    def unread(self) -> bool:
        """Whether a read may bring something."""
        if self.descriptor is None or self.original is not None:
            return False
        return self.examined < self.size or self.mtime_ns != self._checked_ns

    def torn(self, now: float, quiet_seconds: float) -> bool:
        """Tell whether the unfinished last line will stay so."""
        return (
            self.retired
            and self.descriptor is not None
            and self.original is None
            and self.mark.offset < self.size
            and now - self.changed_at >= quiet_seconds
        )

    def row(self, mark: Mark) -> bytes | None:
        """Return the position to be kept; a later one that was committed already is not taken back."""
        if self.forgotten:
            return None
        latest = mark if mark.offset >= self.committed.offset else self.committed
        return encode(Position(self.name, *self.identity, self.size, latest, self.retired))

    def attach(self, other: "LogFile") -> None:
        """Go on in the file that `other` found, because it is this one or its copy."""
        self.descriptor, other.descriptor = other.descriptor, None
        self.path, self.folder = other.path, other.folder
        self.identity, self.fingerprint = other.identity, other.fingerprint
        self.size, self.mtime_ns, self.changed_at = other.size, other.mtime_ns, other.changed_at
        self.examined = self.mark.offset
        self.missing_since, self.why_missing = None, "vanished"
        self.unlinked, self.held_bytes = other.unlinked, other.held_bytes
        self.recognised, self._checked_ns = False, -1

    def saw(self, size: int, mtime_ns: int, now: float) -> None:
        """Remember what a look saw."""
        if (size, mtime_ns) != self.stamp:
            self.size, self.mtime_ns, self.changed_at = size, mtime_ns, now

    def close(self) -> None:
        """Close the file."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def know_fingerprint(self) -> bool:
        """Tell whether its fingerprint, by which copies are found, is known: the first line is whole."""
        if self.fingerprint is None:
            self.fingerprint = first_line(self.open_descriptor)
        return self.fingerprint is not None

    def starts_like(self, original: "LogFile") -> bool:
        """Tell whether this file is a copy of what was read of another, or the beginning of one.

        Raises OSError when one of them cannot be looked at now.
        """
        length = min(self.size, original.mark.offset)
        if length == 0:
            return False
        with self._opened() as ours, original._opened() as theirs:  # noqa: SLF001 - the same class
            return same_start(ours, theirs, length)

    def was_replaced(self) -> bool:
        """Tell whether the file was truncated or rewritten: the bytes before the position are not there."""
        return self.descriptor is not None and not tail_holds(self.descriptor, self.mark)

    def pass_over(self, offset: int) -> None:
        """Go on at `offset` without reading what is before."""
        self.mark = mark_at(self.open_descriptor, offset, self.mark)
        self.examined = offset

    def read(self, max_line_bytes: int) -> Lines | None:
        """Read the next complete lines, at most to `size`; None: there are none yet. Raises Replaced, OSError."""
        descriptor, start = self.open_descriptor, self.mark.offset
        room = self.size - start
        while True:
            want = min(self._want, room)
            data = os.pread(descriptor, want, start)
            lines = lines_in(
                data, self.mark, max_line_bytes, self._codec(), descriptor=descriptor, size=self.size
            )
            if lines is not None or len(data) < want or want == room or data.endswith(ZEROS):
                break
            # One line is longer than the chunk: read again, twice as far.
            self._want = min(self._want * 2, max_line_bytes + 1)
        # Checked after the read, so that what was read is known to be the same file's.
        if self.was_replaced():
            raise Replaced
        at_end = start + len(data) == self.size and not self.mark.skipping
        if lines is not None:
            self.mark = lines.mark
            self._want = CHUNK_BYTES
        if lines is None or at_end:
            self.examined = self.size
            self._checked_ns = self.mtime_ns
        else:
            self.examined = self.mark.offset
        return lines

    def read_torn(self, max_line_bytes: int) -> Lines:
        """Take the unfinished last line as it is. Raises OSError."""
        start = behind_zeros(self.open_descriptor, self.mark.offset, self.size)
        start = self.size if start is None else start
        frames, torn = Frames(), 0
        if self.size - start > max_line_bytes:
            frames.too_long = 1
        else:
            data = os.pread(self.open_descriptor, self.size - start, start)
            frames, torn = whole_only(frames_in(data, start, max_line_bytes, self._codec(), last=True))
        self.pass_over(self.size)
        if self.fingerprint is None:
            self.fingerprint = bytes.fromhex(self.mark.head)
        return Lines(self.mark, frames, torn)

    def frame(self, data: bytes, start: int, max_line_bytes: int) -> Frames:
        """Return the events in the complete lines of `data`, which begins at `start`."""
        return frames_in(data, start, max_line_bytes, self._codec())

    def _codec(self) -> str | None:
        """Return which UTF-16 the log is in; None: UTF-8, as a rule."""
        if self._encoding is None:
            head = os.pread(self.open_descriptor, HEAD_BYTES, 0)
            codec = codec_of(head)
            if len(head) < HEAD_BYTES:
                return codec
            self._encoding = codec or "utf-8"
        return None if self._encoding == "utf-8" else self._encoding

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Give the descriptor, or one for this moment.

        Raises OSError, also if another file is at its path now: the next look will find it.
        """
        if self.descriptor is not None:
            yield self.descriptor
            return
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != self.identity:
                raise FileNotFoundError(errno.ENOENT, "another file is there now", self.path)
            yield descriptor
        finally:
            os.close(descriptor)


def of_position(key: str, position: Position) -> LogFile:
    """Return a log that was followed before, from its kept position; its file is not known yet."""
    found = SeenFile(position.path, (position.device, position.inode), position.size, 0)
    log = LogFile(key, found, position.mark)
    log.retired = position.retired
    return log

"""Finds the events in the lines of a log.

The hot loop of the log source: no regular expression, no object for an event except its body. What is not a line of
WSO2's `ELKCounterMetric` as the product writes it is looked at with more care, and what another program has wrapped
is opened by intake (`bridge.formats.carriers`).

Not every record is a line: see `records`.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from bridge.contracts import Kind
from bridge.formats.marks import FORMS, KINDS, MARK, looks_like_event
from bridge.sources.log.records import (
    BLANK,
    SHORTEST_PIECE,
    end_of_record,
    is_event,
    is_whole,
    piece_of,
    written_at,
)

_RESPONSE: Final = b"apimMetrics: apim:response, properties :"
_FAULT: Final = b"apimMetrics: apim:faulty, properties :"
_BRACE: Final = ord("}")
_OPEN: Final = b"{"

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# What WSO2's own pattern writes before the object, with room for the number of a thread.
_USUAL_PREFIX: Final = 120
# Pieces of a line stand close together. With so much behind the last one, or when so much time has passed, its rest
# will not come.
_WAIT_BYTES: Final = 128 * 2**10
_WAIT_SECONDS: Final = 10
_BEFORE_RECORD: Final = re.compile(rb"[ \t\r,\[\0]*+")
_NEXT: Final = re.compile(rb'apimMetrics:\s*[^,\s{}"]+\s*,\s*properties\s*:\s*(?=\{\s*")')


@dataclass(slots=True)
class Frames:
    """The events of some lines; `bodies`, `kinds` and `places` (byte offset of the line) run in parallel."""

    bodies: list[bytes] = field(default_factory=list)
    kinds: list[Kind | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    ignored: int = 0
    """Lines that are neither events nor blank."""
    too_long: int = 0
    """Lines and records of more than `max_line_bytes`."""
    consumed: int = 0
    """Bytes up to and with the last line or record that is whole; what follows is half of one."""


def frame(data: bytes, offset: int, max_line_bytes: int, *, last: bool = False) -> Frames:
    """Return the events in the complete lines of `data`, of which the first stands at `offset` in its file.

    `last`: nothing will follow, so that of a line in pieces the last has come.
    """
    frames = Frames()
    bodies, kinds, places = frames.bodies, frames.kinds, frames.places
    find, endswith = data.find, data.endswith
    careful = _Careful(frames, offset, max_line_bytes)
    longest, usual_bytes = careful.longest_prefix, careful.usual_bytes
    start = 0
    # Searching in place costs half as much as `data.split` and a slice of each line.
    while (end := find(b"\n", start)) >= 0:
        # The first brace counts: behind it, a mark may be somebody's user agent.
        body_at = find(_OPEN, start, end)
        kind: Kind | None = None
        if endswith(_RESPONSE, start, body_at):
            kind = "response"
        elif endswith(_FAULT, start, body_at):
            kind = "fault"
        # Where the line has no brace, `endswith` has looked at the end of the data.
        if (
            kind
            and data[end - 1] == _BRACE
            and 0 <= body_at - start <= longest
            and end - start <= usual_bytes
        ):
            bodies.append(data[body_at:end])
            kinds.append(kind)
            places.append(offset + start)
        else:
            careful.line(data[start:end], start)
            longest, usual_bytes = careful.longest_prefix, careful.usual_bytes
        start = end + 1
    if start < len(data):
        start += careful.tail(data[start:], start)
    frames.consumed = careful.end(start, len(data), last=last)
    return frames


class _Careful:
    """Looks at what the usual way does not take, a line at a time, and keeps the pieces of lines."""

    def __init__(self, frames: Frames, offset: int, max_line_bytes: int) -> None:
        self._frames = frames
        self._offset = offset
        self._max_line_bytes = max_line_bytes
        self._usual_bytes = min(SHORTEST_PIECE, max_line_bytes)
        self.usual_bytes = self._usual_bytes
        """A line up to this length cannot be a piece; negative while a piece waits for its rest."""
        self.longest_prefix = _USUAL_PREFIX
        """A prefix up to this length has only one mark: half a line before it would make it longer."""
        self._pieces: dict[bytes, list[bytes]] = {}
        self._places: dict[bytes, int] = {}
        self._newest: dict[bytes, tuple[int, float]] = {}
        """Where the last piece of each line stands, and when it was written."""
        self._before = (0, 0, 0, 0)
        """What was found before the oldest piece that waits: its place, events, ignored and overlong lines."""

    def line(self, data: bytes, start: int) -> None:
        """Take a whole line, without the zeros around it."""
        text = data.strip(BLANK).removeprefix(_BYTE_ORDER_MARK)
        if not text or self._is_piece(text, start):
            return
        if len(text) <= self._max_line_bytes:
            self._take(text, start)
            return
        # Many records without a line end between them may be one long line.
        taken = self._records(text, start) if text.startswith(_OPEN) else 0
        if taken < len(text):
            self._take(text[taken:], start + taken)

    def tail(self, data: bytes, start: int) -> int:
        """Take what is whole of what has no line end yet; returns how many bytes that are."""
        at = len(data) - len(data.lstrip(b"\0"))
        if at == len(data):
            # A writer that maps its file into memory will still write there.
            return 0
        text = data[at:]
        if text.startswith((b"{", b"[", b",")):
            return at + self._records(text, start + at)
        marks = list(_NEXT.finditer(text))
        if len(marks) > 1:
            whole = (
                len(text) if is_whole(text[marks[-1].end() :]) else text.rfind(b"}", 0, marks[-1].start()) + 1
            )
            self._take(text[:whole], start + at)
            at += whole
        return at

    def end(self, consumed: int, length: int, *, last: bool) -> int:
        """Return how much is done with; a piece whose rest may still come is read again with it."""
        if not self._pieces:
            return consumed
        place, events, ignored, too_long = self._before
        if last or length - place > self._max_line_bytes:
            for stream in list(self._pieces):
                self._put_together(stream)
            return consumed
        frames = self._frames
        del frames.bodies[events:], frames.kinds[events:], frames.places[events:]
        frames.ignored, frames.too_long = ignored, too_long
        return place

    def _records(self, data: bytes, start: int) -> int:
        """Take the records in a row; returns where the first incomplete one begins."""
        at = _end(_BEFORE_RECORD, data, 0)
        while data.startswith(_OPEN, at) and (end := end_of_record(data, at)) >= 0:
            text = data[at:end].strip(BLANK)
            if not self._is_piece(text, start + at):
                self._take(text, start + at)
            at = _end(_BEFORE_RECORD, data, end) if end < len(data) else end
        return at

    def _is_piece(self, text: bytes, start: int) -> bool:
        """Tell whether this is part of a line, and keep it, or put the line together with its last piece."""
        written = written_at(text) if self._pieces else 0.0
        for stream, (place, then) in list(self._newest.items()):
            if start - place > _WAIT_BYTES or written - then > _WAIT_SECONDS:
                # Its container was killed in the middle of the line: no other one may wait for it.
                self._put_together(stream)
        waiting = bool(self._pieces)
        piece = piece_of(text, waiting=waiting)
        if piece is None:
            return False
        stream, content, more = piece
        if stream not in self._pieces and (not more or is_event(content)):
            if text.startswith(_OPEN):
                return False
            # Leave out what the runtime writes before a whole line.
            self._take(content, start)
            return True
        if not waiting:
            frames = self._frames
            self._before = (start, len(frames.bodies), frames.ignored, frames.too_long)
            self.usual_bytes = -1
            written = written_at(text)
        self._pieces.setdefault(stream, []).append(content)
        self._places.setdefault(stream, start)
        self._newest[stream] = (start, written or float("inf"))
        if not more:
            self._put_together(stream)
        return True

    def _put_together(self, stream: bytes) -> None:
        text = b"".join(self._pieces.pop(stream)).strip(BLANK + b"\n")
        self._take(text, self._places.pop(stream))
        del self._newest[stream]
        if not self._pieces:
            self.usual_bytes = self._usual_bytes

    def _take(self, text: bytes, start: int) -> None:
        """Hand on a line or record if it may hold an event."""
        frames = self._frames
        if len(text) > self._max_line_bytes:
            frames.too_long += 1
        elif (found := self._candidate(text)) is not None:
            frames.bodies.append(found[0])
            frames.kinds.append(found[1])
            frames.places.append(self._offset + start)
        else:
            frames.ignored += 1

    def _candidate(self, text: bytes) -> tuple[bytes, Kind | None] | None:
        """Return body and kind of what may be an event; what cannot be told apart here goes on as it is."""
        if text.startswith(_OPEN):
            return text, None
        match = FORMS.search(text) if MARK in text or b" event:" in text else None
        if match is None or match["log"] is not None:
            return (text, None) if looks_like_event(text) else None
        if looks_like_event(text[: match.start()]) or text.find(b'{"', 0, match.start()) >= 0:
            # Half a line stands before it, or the record that holds it begins there.
            return text, None
        body = text[match.end() :]
        if not body.startswith(_OPEN):
            return (text, None) if MARK in body else (body, KINDS.get(match["elk"]))
        self.longest_prefix = max(self.longest_prefix, match.end())
        return body, KINDS.get(match["elk"])


def _end(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    match = pattern.match(data, start)
    return start if match is None else match.end()

"""Records of a log that are not lines.

Container runtimes cut long lines into pieces: Docker's json-file into records whose text has no line end until the
last, CRI into lines marked `P` and a last one marked `F`. Docker's drivers for journald and Fluentd mark each piece,
with an id of the line, and Podman's for journald all but the last (moby, `daemon/logger`; conmon, `ctr_logging.c`).
log4j2's JsonLayout with `compact = true` puts no line end
behind its records at all.
"""

import re
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from bridge.formats.carriers import end_of_object
from bridge.formats.marks import FORMS

# A file that was truncated under a writer with its own offset starts with zeros.
BLANK: Final = b" \t\r\v\f\0"
# No runtime cuts a shorter line: cri-o at 8 KiB, Docker and containerd at 16.
SHORTEST_PIECE: Final = 4096
_CRI: Final = re.compile(rb"\S+ (?P<stream>stdout|stderr) (?P<tag>[PF])(?::\S*)? ")
# A log is written in one zone.
_TIME: Final = re.compile(rb'(?:\A|[}"],"time":")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
# Within a text its quotes would be escaped.
_MARK: Final = b'partial_message"'
_JOURNALD_MARK: Final = b'PARTIAL_MESSAGE"'
_JOURNALD_TIME: Final = re.compile(rb'"__REALTIME_TIMESTAMP" ?: ?"(\d{1,12})\d{6}"')
_DOCKER: Final = b'{"log":"'
_DOCKER_STREAM: Final = b'","stream":"'
# What stands between two records of a JSON layout, and between two objects of an array; in a string it is escaped.
BORDER: Final = re.compile(rb'\}[ \t\r,\0]*+(?=\{\s*")')

_is_json = msgspec.json.Decoder(msgspec.Raw).decode


class Piece(NamedTuple):
    """Part of a line."""

    stream: bytes
    """What all pieces of the line have in common."""
    content: bytes
    more: bool
    """Whether the line goes on."""


def piece_of(text: bytes, *, waiting: bool) -> Piece | None:
    """Return the piece that this record or line is; None: it is none.

    A record with a whole line is none either, unless a piece is `waiting` for its rest.
    """
    if not text.startswith(b"{"):
        return _cri_piece(text)
    piece = _docker_piece(text, waiting=waiting) if text.startswith(_DOCKER) else None
    if piece is None and (waiting or _MARK in text or _JOURNALD_MARK in text):
        return _marked_piece(text)
    return piece


def _docker_piece(text: bytes, *, waiting: bool) -> Piece | None:
    stream_at = text.rfind(_DOCKER_STREAM)
    ending = text[max(stream_at, 3) - 3 : max(stream_at, 0)]
    if stream_at < 0 or (not waiting and ending.endswith(b"\\n") and not ending.startswith(b"\\")):
        return None
    stream = text[stream_at + len(_DOCKER_STREAM) :].partition(b'"')[0]
    try:
        content = msgspec.json.decode(text[len(_DOCKER) - 1 : stream_at + 1], type=str).encode()
    except (msgspec.DecodeError, UnicodeError):
        return None
    # A short one without a line end is the last that a container said before it ended: no rest will come.
    return Piece(stream, content, len(content) >= SHORTEST_PIECE and not content.endswith(b"\n"))


def _cri_piece(text: bytes) -> Piece | None:
    head = _CRI.match(text)
    return None if head is None else Piece(head["stream"], text[head.end() :], head["tag"] == b"P")


def _marked_piece(text: bytes) -> Piece | None:
    """Return what is in a record that says of itself that it is a piece, or may be the last one of Podman's."""
    try:
        record = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    known = {name.lower().removeprefix("container_"): value for name, value in record.items()}
    content, container = known.get("log", known.get("message")), known.get("id_full", known.get("id"))
    line = known.get("partial_id") or (
        container and f"{container} {known.get('priority')} {known.get('source')}"
    )
    if not line or not isinstance(content, str):
        return None
    more = known.get("partial_message") == "true" and known.get("partial_last") != "true"
    return Piece(str(line).encode(), content.encode("utf-8", "replace"), more)


def written_at(text: bytes) -> float:
    """Return when a record or line was written, in seconds since the epoch; 0: it does not say."""
    if (journald := _JOURNALD_TIME.search(text)) is not None:
        return float(journald[1])
    found = _TIME.search(text)
    try:
        return 0.0 if found is None else datetime.fromisoformat(f"{found[1].decode()}+00:00").timestamp()
    except ValueError:
        return 0.0


def is_event(line: bytes) -> bool:
    """Tell whether an event is whole without a line end."""
    match = FORMS.search(line)
    return match is not None and is_whole(line[match.end() :])


def is_whole(data: bytes) -> bool:
    """Tell whether these bytes are an object with its end."""
    if not data.rstrip(BLANK).endswith(b"}"):
        return False
    try:
        _is_json(data.strip(BLANK))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def end_of_record(data: bytes, at: int) -> int:
    """Return where the record that begins there ends; -1: it is not whole yet."""
    border = BORDER.search(data, at)
    end = len(data) if border is None else border.start() + 1
    if is_whole(data[at:end]):
        return end
    if border is None:
        return -1
    # The objects of an array stand side by side, too. A record that was damaged ends at the first border.
    if (whole := end_of_object(data.decode("latin-1"), at)) is not None:
        return whole
    return -1 if _is_cut_off(data[at:]) else end


def _is_cut_off(data: bytes) -> bool:
    """Tell whether these bytes are the beginning of a JSON text, and more of it may come."""
    try:
        _is_json(data)
    except msgspec.DecodeError as error:
        # msgspec has no class of its own for it.
        return str(error) == "Input data was truncated"
    except RecursionError:
        return False
    return False

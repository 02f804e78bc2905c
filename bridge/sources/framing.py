"""Finds the events in the lines of a log.

The hot loop of the log source: no regular expression, no object for an event except its body. Forms of a
line: WSO2's `ELKCounterMetric` (product 4.0 to 4.7) and the variants that people's appenders, containers
and forwarders make of it.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bridge.contracts import Kind

_MARK: Final = b"apimMetrics:"
_RESPONSE: Final = b"apimMetrics: apim:response, properties :{"
_FAULT: Final = b"apimMetrics: apim:faulty, properties :{"
_BRACE: Final = ord("}")
_RESPONSE_PREFIX: Final = len(_RESPONSE) - 1
_FAULT_PREFIX: Final = len(_FAULT) - 1

_ANY_SPACING: Final = re.compile(rb"apimMetrics:\s*([^,\s]+)\s*,\s*properties\s*:\s*")
_KINDS: Final[dict[bytes, Kind]] = {b"apim:response": "response", b"apim:faulty": "fault"}

# A file that was truncated under a writer with its own offset starts with zeros.
_BLANK: Final = b" \t\r\v\f\0"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# A line with one of these in front may be a JSON object, in which the mark would be somebody's user agent.
_MAY_BE_JSON: Final = frozenset(b"{" + _BLANK + _BYTE_ORDER_MARK[:1])
# Where loggers that write JSON keep the line: Docker's json-file, log4j2's JSON layouts, others.
_WRAPPED_IN: Final = ("log", "message", "msg")

_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Frames:
    """The events of some lines; `bodies`, `kinds` and `places` (byte offset of the line) run in parallel."""

    bodies: list[bytes] = field(default_factory=list)
    kinds: list[Kind | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    ignored: int = 0
    """Lines that are neither events nor blank."""
    too_long: int = 0
    """Lines of more than `max_line_bytes`."""
    consumed: int = 0
    """Bytes up to and with the last newline; what follows is half a line."""


def frame(data: bytes, offset: int, max_line_bytes: int) -> Frames:
    """Return the events in the complete lines of `data`, of which the first stands at `offset` in its file."""
    frames = Frames()
    bodies, kinds, places = frames.bodies, frames.kinds, frames.places
    find, startswith = data.find, data.startswith
    start = 0
    # Searching in place costs half as much as `data.split` and a slice of each line.
    while (end := find(b"\n", start)) >= 0:
        # The first mark counts: a caller's user agent may hold another.
        at = find(_MARK, start, end)
        kind: Kind | None = None
        if startswith(_RESPONSE, at):
            kind, body_at = "response", at + _RESPONSE_PREFIX
        elif startswith(_FAULT, at):
            kind, body_at = "fault", at + _FAULT_PREFIX
        if end - start > max_line_bytes:
            frames.too_long += 1
        elif kind and data[end - 1] == _BRACE and data[start] not in _MAY_BE_JSON:
            bodies.append(data[body_at:end])
            kinds.append(kind)
            places.append(offset + start)
        elif text := data[start:end].strip(_BLANK):
            if found := _unusual(text.removeprefix(_BYTE_ORDER_MARK)):
                bodies.append(found[0])
                kinds.append(found[1])
                places.append(offset + start)
            else:
                frames.ignored += 1
        start = end + 1
    frames.consumed = start
    return frames


def _unusual(text: bytes) -> tuple[bytes, Kind | None] | None:
    """Return body and kind of an event in any other form, None when the line holds none."""
    if text.startswith(b"{"):
        line = _wrapped(text) if _MARK in text else None
        if line is None:
            return text, None
        text = line
    match = _ANY_SPACING.search(text)
    if match is None:
        return None
    brace = text.find(b"{", match.end())
    # Marked as an event but without an object: intake shall refuse and count it.
    return text[brace if brace >= 0 else match.end() :], _KINDS.get(match[1])


def _wrapped(text: bytes) -> bytes | None:
    """Return the log line that another logger has put into a JSON object, None when it is no such object."""
    try:
        outer = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name in _WRAPPED_IN:
        line = outer.get(name)
        if isinstance(line, str) and _MARK.decode() in line:
            return line.encode("utf-8", "replace").strip(_BLANK + b"\n")
    return None

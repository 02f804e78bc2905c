"""Finds the events in the lines of a log.

The hot loop of the log source: no regular expression, no object for an event except its body. Forms of a
line: WSO2's `ELKCounterMetric` (product 4.0 to 4.7), its `LogCounterMetric`, the trace of its
`EventHubClient`, and the variants that people's appenders, containers and forwarders make of them.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bridge.contracts import Kind
from bridge.formats import java_map

_MARK: Final = b"apimMetrics:"
_RESPONSE: Final = b"apimMetrics: apim:response, properties :"
_FAULT: Final = b"apimMetrics: apim:faulty, properties :"
_BRACE: Final = ord("}")
_OPEN: Final = b"{"

# The three ways in which WSO2's reporters write an event. `Prepared event for publish …` is no fourth: the
# same event follows as `Adding event`. What the Event Hub's client failed to add is an event nevertheless.
_FORMS: Final = re.compile(
    rb"apimMetrics:\s*(?P<elk>[^,\s]+)\s*,\s*properties\s*:\s*"
    rb"|Metric Name:\s*(?P<log>\S+)\s+Metric Value:\s*(?=\{)"
    rb"|(?:Adding|Failed to add) event:\s*(?=\{)"
)
# One of these is in each of them: looked for first, because the pattern costs far more where nothing is found.
_MARKS: Final = (_MARK, b"Metric Name:", b" event:")
_KINDS: Final[dict[bytes | None, Kind]] = {b"apim:response": "response", b"apim:faulty": "fault"}

# A file that was truncated under a writer with its own offset starts with zeros.
_BLANK: Final = b" \t\r\v\f\0"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
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
    find, endswith = data.find, data.endswith
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
        if end - start > max_line_bytes:
            frames.too_long += 1
        # Where the line has no brace, `endswith` has looked at the end of the data.
        elif kind and data[end - 1] == _BRACE and body_at >= 0:
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
    if not any(mark in text for mark in _MARKS):
        return (text, None) if text.startswith(_OPEN) else None
    if text.startswith(_OPEN):
        line = _wrapped(text)
        return (line is not None and _unusual(line)) or (text, None)
    match = _FORMS.search(text)
    if match is None:
        return None
    body = text[match.end() :]
    if match["elk"] is not None:
        # Marked as an event but without an object: intake shall refuse and count it.
        return body[max(body.find(_OPEN), 0) :], _KINDS.get(match["elk"])
    if match["log"] is not None:
        # What can be read in more than one way goes on as it is: intake refuses and counts that, too.
        return java_map.as_json(body) or body, _KINDS.get(match["log"])
    return body, None


def _wrapped(text: bytes) -> bytes | None:
    """Return the log line that another logger has put into a JSON object, None when it is no such object."""
    try:
        outer = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name in _WRAPPED_IN:
        line = outer.get(name)
        if isinstance(line, str) and any(mark.decode() in line for mark in _MARKS):
            return line.encode("utf-8", "replace").strip(_BLANK + b"\n")
    return None

"""From a request's body to the bytes of each event in it, whatever form the sender chose.

    one event · a JSON array · newline-delimited JSON · several objects in a row

Each of them bare or wrapped as `{"apim_event_response": …}` or `{"apim_event_faulty": …}` (object or array
inside). This module only finds where each event begins and ends: intake gets each event's own bytes, and rejects a bad
one alone. Large bodies are split as they are read, never as a whole (P8).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from bridge.contracts import Kind
from bridge.errors import Unacceptable
from bridge.events.event import REFUSALS
from bridge.events.sizes import MAX_EVENT_BYTES, too_long
from bridge.formats.marks import has_mark

Body = bytes | bytearray
RawEvent = tuple[Kind | None, bytes] | Unacceptable
"""An event's kind, if its wrapper says so, and its bytes; or why no event can be made out."""

# How many tokens of a broken array or row of objects are looked at, at most: some seconds' work.
_MOST_TOKENS: Final = 500_000
# A larger array is split into parts of about this size: 50 MiB of `[1,1,…` are 25 million elements, and each takes
# 56 bytes. Parts cost a second look at the bytes, so the usual hundred events stay in one.
_PART_BYTES: Final = 192 * 2**10

_BLANK: Final = re.compile(rb"[ \t\r\n]*+")
_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+")
_WRAPPER: Final = re.compile(
    rb'[ \t\r\n]*+\{[ \t\r\n]*+"(apim_event_response|apim_event_faulty)"[ \t\r\n]*+:'
)
_WHOLE_LINE: Final = re.compile(rb"^[ \t]*+[\[{].*[\]}][ \t\r]*$", re.MULTILINE)
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{\]},]', re.DOTALL)
_KINDS: Final[dict[str, Kind]] = {"apim_event_response": "response", "apim_event_faulty": "fault"}

_JOINT: Final = re.compile(rb"\}[ \t\r\n]*+,[ \t\r\n]*+\{")
_SPACE: Final = b" \t\r\n"
_OPENINGS: Final = b'{["'
_ARRAY, _ARRAY_END, _COMMA = b"[],"
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_wrapper = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_check = msgspec.json.Decoder(msgspec.Raw).decode


def is_blank(body: Body) -> bool:
    """Return whether it holds nothing but white space."""
    return _end(_START, body, 0) == len(body)


def split(body: Body, *, lines: bool = False) -> Iterator[RawEvent]:
    """Yield each event in a body; `lines` says that the sender calls it newline-delimited.

    That is only a hint: a body of several lines that is one JSON value is one value.
    """
    start = _end(_START, body, 0)
    if not _has_lines(body, start, hint=lines):
        if start < len(body):
            yield from _value(body[start:] if start else body)
        return
    while start < len(body):
        newline = body.find(b"\n", start)
        end = len(body) if newline < 0 else newline
        start = _end(_BLANK, body, start)
        if start < end:
            yield from _value(body[start:end])
        start = end + 1


def _has_lines(body: Body, start: int, *, hint: bool) -> bool:
    newline = body.find(b"\n", start)
    if newline < 0 or _end(_BLANK, body, newline) == len(body) or _is_json(body, start):
        return False
    if hint or body[start] != _ARRAY:
        # A broken event that is printed over several lines is still one event.
        return hint or _WHOLE_LINE.search(body, start) is not None
    return _is_json(body, start, newline)


def _value(body: Body) -> Iterator[RawEvent]:
    """Return the events in what should be one JSON value; its first byte is not white space."""
    if body[0] == _ARRAY:
        return _array(body, None)
    is_text = body[0] not in _OPENINGS and len(body) <= MAX_EVENT_BYTES and has_mark(bytes(body))
    # A log's line: half an event in it may end inside a string, and intake goes by WSO2's marks.
    if not is_text and _opens_again(body) and not _is_json(body):
        return _objects(_in_a_row(body), None)
    if len(body) > MAX_EVENT_BYTES:
        return iter((too_long(),))
    return _objects((bytes(body).strip(_SPACE),), None)


def _objects(bodies: Iterable[bytes | msgspec.Raw | Unacceptable], kind: Kind | None) -> Iterator[RawEvent]:
    """Yield the event that each object is or wraps; `kind`: an outer wrapper has said it already."""
    for one in bodies:
        if isinstance(one, Unacceptable):
            yield one
            continue
        body = bytes(one)
        wrapper = _WRAPPER.match(body) if kind is None else None
        if wrapper is None:
            yield kind, body
        else:
            yield from _wrapped(body, wrapper)


def _wrapped(body: bytes, wrapper: re.Match[bytes]) -> Iterator[RawEvent]:
    """Yield the events in an object that begins like a wrapper."""
    try:
        inside = [(key, bytes(raw)) for key, raw in _decode_wrapper(body).items()]
    except REFUSALS:
        # Broken further inside: intake may mend it, and in an array others may be whole.
        end = max(body.rfind(b"}"), wrapper.end())
        inside = [(wrapper[1].decode(), body[wrapper.end() : end].strip(_SPACE))]
    if any(key not in _KINDS for key, _ in inside):
        # Nothing in it may be dropped in silence: intake rejects it as a whole.
        yield None, body
        return
    for key, value in inside:
        if value[:1] == b"[":
            yield from _array(value, _KINDS[key])
        else:
            yield _KINDS[key], value


def _array(body: Body, kind: Kind | None) -> Iterator[RawEvent]:
    """Yield the events in the array that begins and should end with the body."""
    if len(body) > _PART_BYTES:
        yield from (_large_array if _is_json(body) else _broken_array)(body, kind)
        return
    try:
        elements = _decode_list(body)
    except REFUSALS:
        yield from _broken_array(body, kind)
    else:
        yield from _objects(elements, kind)


def _large_array(body: Body, kind: Kind | None) -> Iterator[RawEvent]:
    """Yield the events in an array, which is valid JSON, without ever holding all of them."""
    start, end, size = 1, body.rindex(b"]"), _PART_BYTES
    view = memoryview(body)
    while start < end:
        joint = _JOINT.search(body, start + size, start + 2 * size)
        cut = joint.start() + 1 if joint else body.find(b",", start + size)
        cut = end if cut < 0 else body.index(b",", cut) if joint else cut
        try:
            # If it is a JSON array once it stands in brackets, it ends between two elements.
            part = _decode_list(b"".join((b"[", view[start:cut], b"]")))
        except REFUSALS:
            size *= 2
            continue
        yield from _objects(part, kind)
        # Not two of them at a time.
        del part
        start, size = cut + 1, _PART_BYTES


def _broken_array(body: Body, kind: Kind | None) -> Iterator[RawEvent]:
    """Yield the elements of an array that is not valid JSON, as far as they can be told apart."""
    try:
        start, end = 0, max(_borders(body), default=0)
    except Unacceptable as error:
        yield error
        return
    if body[end] != _ARRAY_END or _end(_BLANK, body, end + 1) < len(body):
        yield Unacceptable("not_json", "an array whose elements cannot be told apart")
        return
    for border in _borders(body):
        if border - start > MAX_EVENT_BYTES:
            yield too_long()
            start = border
            continue
        element = bytes(body[start + 1 : border]).strip(_SPACE)
        # A comma before the closing bracket is a slip, and tolerated.
        if element or border < end:
            yield from _objects((element,), kind)
        start = border


def _borders(body: Body) -> Iterator[int]:
    """Yield where each element of an array ends: its comma, at last the bracket that closes.

    Raises Unacceptable for more tokens than are looked at.
    """
    depth = 0
    for number, token in enumerate(_TOKEN.finditer(body)):
        at = token.start()
        if number == _MOST_TOKENS:
            raise _endless()
        if body[at] in b"[{":
            depth += 1
        elif body[at] in b"]}":
            depth -= 1
            if depth == 0:
                yield at
                return
        elif depth == 1 and body[at] == _COMMA:
            yield at


def _endless() -> Unacceptable:
    return Unacceptable("not_json", "broken JSON with too much in it to look at piece by piece")


def _in_a_row(body: Body) -> Iterator[bytes | Unacceptable]:
    """Yield objects that follow each other without a line end, and what is left over."""
    depth = start = 0
    for number, token in enumerate(_TOKEN.finditer(body)):
        if number == _MOST_TOKENS:
            yield _endless()
            return
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                end = token.end()
                long = end - start > MAX_EVENT_BYTES
                yield too_long() if long else bytes(body[start:end]).strip(_SPACE + b",")
                start = token.end()
    if len(body) - start > MAX_EVENT_BYTES:
        yield too_long()
    elif rest := bytes(body[start:]).strip(_SPACE + b","):
        yield rest


def _opens_again(body: Body) -> bool:
    """Return whether an object opens after one has closed: in an array inside the event, or a second event."""
    closed = body.find(b"}")
    return closed >= 0 and body.find(b"{", closed) >= 0


def _is_json(body: Body, start: int = 0, end: int | None = None) -> bool:
    try:
        _check(memoryview(body)[start:end])
    except REFUSALS:
        return False
    return True


def _end(pattern: re.Pattern[bytes], body: Body, start: int) -> int:
    """Return where a pattern that may match nothing ends."""
    match = pattern.match(body, start)
    return start if match is None else match.end()

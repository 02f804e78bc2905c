"""Finds the events in what other programs have made of an event's line or bytes.

Records of journald, GELF, ECS, Docker, Fluent Bit, Logstash or anything else that is JSON and holds the line or the
event under some name, at any depth; several events one behind the other; half an event with a whole one behind it.
All this is looked for only where the bytes are not one event as WSO2 writes it, so that the usual one pays nothing.

What cannot be taken is reported with its reason; it is never dropped because of something beside it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from bridge.contracts import Kind
from bridge.errors import Unacceptable
from bridge.events.event import EMPTY, REFUSALS, Event, accept, decode_fast, encode
from bridge.events.reading import Json, read_object, read_plain
from bridge.formats import java_map
from bridge.formats.marks import FORMS, KINDS, OWN_NAMES, has_fields, has_mark, looks_like_event


class Opened(NamedTuple):
    """An event that was found: its canonical bytes, and its kind where the carrier says it."""

    body: bytes
    event: Event
    kind: Kind | None


Found = Opened | Unacceptable

# The last two come from intake, and from what other ways in make of an event.
_OURS: Final = OWN_NAMES | {"origin", "bridge"}
# Deeper than any chain of forwarders, and far from the interpreter's limit.
_MOST_CARRIERS: Final = 8
_SHORTEST: Final = len("apimMetrics:")
_BLANK: Final = b" \t\r\n\v\f\0"
_BETWEEN: Final = re.compile(rb"[\s\0,\[\]]*+")
# Behind half an object only this is the next event's: within a JSON text its quotes would be escaped, so that no
# caller can forge one by what it calls itself.
_NEXT: Final = re.compile(
    rb'apimMetrics:\s*[^,\s{}"]+\s*,\s*properties\s*:\s*(?=\{\s*["}])|(?:Adding|Failed to add) event:\s*(?=\{\s*")'
)
_BORDER: Final = re.compile(rb'(?<=\})[\s,]*+(?=\{\s*")')
_ESCAPED: Final = re.compile(rb'\{\\+"')
_STRING_END: Final = re.compile(rb'(?<!\\)(?:\\\\)*"')
# Where records hold what a caller said of itself: a line in there was not written by WSO2.
_CALLERS_WORDS: Final = re.compile(r"agent|referr?er|ur[il]|path|query|header|cookie", re.IGNORECASE)
_PIECE: Final = (
    "a piece of a line that a container's runtime has cut; have the sender put the pieces together (Fluentd: the "
    "filter concat with use_partial_metadata), or let the bridge follow the log"
)
_WRAPPERS: Final[dict[str, Kind]] = {"apim_event_response": "response", "apim_event_faulty": "fault"}
# Only for where an object ends: what it says is read by others.
_end_of = json.JSONDecoder(strict=False, parse_int=float).raw_decode


def opened(text: bytes, kind: Kind | None, carriers: int = 0) -> Iterator[Found]:
    """Yield each event in these bytes, and a reason for each thing that should be one; at least one of them.

    `kind` is what the way in said of the first event.
    """
    if carriers > _MOST_CARRIERS:
        yield Unacceptable("too_deep", f"more than {_MOST_CARRIERS} carriers within each other")
        return
    if text[:1] == b"" or text[:1] not in b'{["-0123456789tfn':
        yield from _one_behind_the_other(text, kind, carriers)
        return
    try:
        data = read_plain(text)
    except Unacceptable as error:
        yield error
    except REFUSALS:
        yield from _one_behind_the_other(text, kind, carriers)
    else:
        yield from _of_value(data, text, kind, carriers)


def end_of_object(characters: str, at: int) -> int | None:
    """Return where the object ends that begins there, in bytes as characters (latin-1); None: nobody can tell."""
    try:
        return _end_of(characters, at)[1]
    except (ValueError, RecursionError):
        return None


def _of_value(
    data: Any, text: bytes, kind: Kind | None, carriers: int, *, plain: bool = True
) -> Iterator[Found]:
    """Yield what is in one JSON value, of which these are the bytes."""
    # What has a field of its own is an event, whatever somebody has written into its texts.
    if _OURS.isdisjoint(data) if isinstance(data, dict) else isinstance(data, list):
        found = list(_inside(data, kind, carriers, set()))
        if found:
            yield from found
            return
    try:
        yield Opened(*accept(text, data, plain=plain), kind)
    except Unacceptable as error:
        yield error


def _inside(value: Any, kind: Kind | None, carriers: int, told: set[bytes]) -> Iterator[Found]:
    """Yield the events that a carrier's record holds; `told` are the texts that it has had already."""
    match value:
        case str() if len(value) > _SHORTEST:
            text = value.encode("utf-8", "replace").strip(_BLANK)
            if text not in told and (has_mark(text) or (text.startswith((b"{", b"[{")) and has_fields(text))):
                told.add(text)
                yield from opened(text, kind, carriers + 1)
        case dict() if len(OWN_NAMES.intersection(value)) > 1:
            yield from _of_value(value, encode(value), kind, carriers)
        case dict() if isinstance(value.get("apimMetrics"), str) and "properties" in value:
            yield from _parsed(value, carriers)
        case dict():
            yield from _of_members(value, kind, carriers, told)
        case list():
            for item in value:
                yield from _inside(item, kind, carriers, set(told))


def _of_members(record: Json, kind: Kind | None, carriers: int, told: set[bytes]) -> Iterator[Found]:
    """Yield each event of a record once, though some forwarders keep the line beside what they made of it."""
    known: list[Event] = []
    for name, value in record.items():
        for found in _inside(value, _WRAPPERS.get(name, kind), carriers, told):
            if isinstance(found, Unacceptable):
                yield Unacceptable(found.reason, _PIECE) if _is_piece(record) else found
            elif _CALLERS_WORDS.search(name):
                yield Unacceptable("unrecognised", "an event in what a caller says of itself")
            elif found.event not in known:
                known.append(found.event)
                yield found


def _is_piece(record: Json) -> bool:
    """Tell whether one of Docker's log drivers has marked it as part of a line."""
    return any(name.lower().endswith("partial_message") for name in record)


def _parsed(record: Json, carriers: int) -> Iterator[Found]:
    """Yield the event of a line that a forwarder has taken apart with the pattern that WSO2 documents for it."""
    kind = KINDS.get(record["apimMetrics"].strip().encode("utf-8", "replace"))
    properties = record["properties"]
    if isinstance(properties, dict):
        yield from _of_value(properties, encode(properties), kind, carriers)
    elif isinstance(properties, str):
        yield from opened(properties.encode("utf-8", "replace").strip(_BLANK), kind, carriers + 1)
    else:
        yield Unacceptable("not_an_object", "`properties` beside `apimMetrics` holds no event")


def _one_behind_the_other(text: bytes, kind: Kind | None, carriers: int) -> Iterator[Found]:
    """Yield what is in bytes that are no JSON as a whole: a line, several objects, half of one."""
    at, nothing = 0, True
    # One character a byte, so that places in the text are places in the bytes.
    characters = text.decode("latin-1")
    while True:
        at = _at(_BETWEEN, text, at)
        if text[at : at + 1] != b"{":
            mark = FORMS.search(text, at)
            record_at = text.find(b'{"', at, mark.start() if mark else len(text))
            if (
                record_at >= 0
                and not _is_rest(text[at:record_at])
                and (mark is None or _object(text, characters, record_at)[0] is not None)
            ):
                # What stands before a record is not told either.
                at = record_at
                continue
            before = text[at : mark.start() if mark else len(text)]
            # What stands before a line is not told; the rest of another event is.
            if looks_like_event(before) or (nothing and mark is None):
                nothing = False
                yield _refusal(before)
            if mark is None:
                return
            at, kind = mark.end(), KINDS.get(mark["elk"] or mark["log"])
            if mark["log"] is not None:
                yield from _java_map(text[at:], kind)
                return
            if text[at : at + 1] != b"{":
                nothing = False
                yield Unacceptable("not_json", "WSO2's mark without an event behind it")
                continue
            # As a rule this is the one event of a line, as WSO2 writes it.
            if (one := _fast(text[at:])) is not None:
                yield Opened(*one, kind)
                return
        end, body = _object(text, characters, at)
        if end is None:
            # Behind its own brace: a whole object may stand right before this one.
            following = _NEXT.search(text, at + 1) or _BORDER.search(text, at + 1)
            end = len(text) if following is None else following.start()
            yield from _damaged(text[at:end], kind, carriers)
        elif body == text:
            yield from _damaged(body, kind, carriers)
        else:
            yield from opened(body, kind, carriers)
        at, kind, nothing = end, None, False


def _is_rest(before: bytes) -> bool:
    """Tell whether this is the rest of an event whose member comes next, and no line's beginning."""
    return before.rstrip().endswith(b'":') or looks_like_event(before)


def _fast(text: bytes) -> tuple[bytes, Event] | None:
    try:
        event = decode_fast(text)
    except REFUSALS:
        return None
    return None if event == EMPTY else (text, event)


def _damaged(body: bytes, kind: Kind | None, carriers: int) -> Iterator[Found]:
    """Yield what is in one object that has to be mended before it is JSON."""
    try:
        data, _ = read_object(body)
    except Unacceptable as error:
        yield error
    else:
        yield from _of_value(data, body, kind, carriers, plain=False)


def _object(text: bytes, characters: str, at: int) -> tuple[int | None, bytes]:
    """Return where the object ends that begins there, and its bytes; None: nobody can tell."""
    if _ESCAPED.match(text, at):
        # Another logger has escaped its quotes: it is part of a text, up to where that one ends.
        end = _STRING_END.search(text, at)
        stop = len(text) if end is None else end.end() - 1
        try:
            inner = msgspec.json.decode(b'"' + text[at:stop] + b'"', type=str)
        except REFUSALS:
            return stop, text[at:stop]
        return stop, inner.encode("utf-8", "replace")
    end_at = end_of_object(characters, at)
    return end_at, b"" if end_at is None else text[at:end_at]


def _java_map(text: bytes, kind: Kind | None) -> Iterator[Found]:
    """Yield the event of Java's map as text. Another line within it could be somebody's name: it is not looked for."""
    text = text.strip(_BLANK)
    read = java_map.as_json(text)
    if read is not None:
        yield Opened(*accept(read, read_plain(read), plain=True), kind)
        return
    yield _refusal(text)
    for _ in re.finditer(rb"Metric Name:\s*\S+\s+Metric Value:", text):
        yield Unacceptable(
            "ambiguous", "another event behind a Java map that can be read in more than one way"
        )


def _refusal(text: bytes) -> Unacceptable:
    """Return the reason for a text in which no event can be made out."""
    try:
        read_object(text)
    except Unacceptable as error:
        if error.reason == "ambiguous":
            return error
    return Unacceptable("not_json", "part of an event, or of a line that holds one")


def _at(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    match = pattern.match(text, start)
    return start if match is None else match.end()

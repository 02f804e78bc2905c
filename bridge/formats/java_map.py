"""Reads Java's `HashMap.toString()`, in which WSO2's `LogCounterMetric` writes an event to the log.

    {apiName=Pizza, proxyResponseCode=200, properties={apiContext=/pizza/1, responseSize=12}}

That is no format: nothing is quoted, and a value may hold a comma, an equals sign or a brace of its own. It
is read where there is one way to read it: each `, name=` is a known field that stands there once, each value
fits its field, the braces are balanced. Java writes `null` where there is nothing. One thing cannot be detected: a
value that contains the name of a field which the event itself does not have.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from bridge.errors import Unacceptable
from bridge.events.event import Event, Properties, from_object

_NAME: Final = re.compile(r"([^\s,={}]+)=")
# What may end a value, or must be in a pair within it.
_BORDER: Final = re.compile(r"[{}]|, (?=[^\s,={}]+=)")
# The name of a header has no slash and no semicolon: `text/html, text/xml;q=0.9` is one value (RFC 9110, 5.6.2).
_HEADER_BORDER: Final = re.compile(r"[{}]|, (?=[\w!#$%&'*+.^`|~-]+=)")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)


def _names(struct: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(struct) if field.name != "extra")


_EVENT: Final = _names(Event)
# Maps within the map, by their field. The headers' names can be any: more than one header is ambiguous.
_WITHIN: Final[Mapping[str, Collection[str] | None]] = {
    "properties": _names(Properties),
    "aiMetadata": ("vendorName", "vendorVersion", "model", "llmCost"),
    "aiTokenUsage": ("promptTokens", "completionTokens", "totalTokens", "hour"),
    "mcpAnalytics": (
        *("jsonRpcMethod", "sessionId", "capability", "capabilityName", "isError", "errorCode"),
        *("clientInfo", "serverInfo"),
    ),
    "clientInfo": ("requestedProtocolVersion", "name", "version"),
    "serverInfo": ("protocolVersion", "name", "version"),
    "requestHeaders": None,
    "responseHeaders": None,
}
# Fields of these maps have no types of their own in the event.
_NUMBERS: Final = frozenset({"promptTokens", "completionTokens", "totalTokens", "hour", "llmCost"})


def as_json(text: bytes) -> bytes | None:
    """Return the event that this map is as JSON, None when there is more than one way to read it."""
    try:
        event = from_object(_read(text.decode(), _EVENT))
    except (Unacceptable, ValueError, RecursionError):
        return None
    properties = event.properties
    if event.extra is not None or (properties is not None and properties.extra is not None):
        # A number that is none: its end was somewhere else.
        return None
    return msgspec.json.encode(event)


def _read(text: str, names: Collection[str] | None) -> dict[str, Any]:
    """Return the map of a text from its brace to its brace; raises ValueError."""
    if text[:1] != "{" or text[-1:] != "}":
        raise ValueError("no map")
    found: dict[str, Any] = {}
    for name, value in _entries(text[1:-1], _HEADER_BORDER if names is None else _BORDER):
        if name in found or (names is None and found) or (names is not None and name not in names):
            raise ValueError("a name that is not known, or twice")
        found[name] = _value(name, value)
    return found


def _entries(text: str, borders: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield names and values of what stands between a map's braces; raises ValueError."""
    depth = start = 0
    for border in borders.finditer(text):
        match border[0]:
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth < 0:
                    raise ValueError("a brace too many")
            case _ if depth == 0:
                yield _entry(text[start : border.start()])
                start = border.end()
    if depth:
        raise ValueError("a brace that nothing closes")
    if text:
        yield _entry(text[start:])


def _entry(text: str) -> tuple[str, str]:
    name = _NAME.match(text)
    if name is None:
        raise ValueError("no name")
    return name[1], text[name.end() :]


def _value(name: str, text: str) -> Any:
    if text == "null":
        return None
    if name in _WITHIN:
        return _read(text, _WITHIN[name])
    if name in _NUMBERS:
        if _NUMBER.fullmatch(text) is None:
            raise ValueError("no number")
        return msgspec.json.decode(text)
    return text

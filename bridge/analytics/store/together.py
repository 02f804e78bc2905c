"""Puts events together again that `apart` has taken apart."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from bridge.analytics.store.apart import Apart
from bridge.analytics.store.columns import (
    CLIENT,
    CLIENT_TEXTS,
    FACTS,
    MARKS,
    NUMBERS,
    PROPERTY_NUMBERS,
    PROPERTY_TEXTS,
    TAGS,
    TEXTS,
    TWINS,
)
from bridge.analytics.store.contract import Fed
from bridge.events.times import format_ms
from bridge.events.users import SUPER_TENANT

_NO_VALUE: Final = frozenset({"id", "time", "received"})


class _Member(NamedTuple):
    """A member that a column gives back."""

    owner: str
    """The object that it is in: empty for the event itself, `client` for the one in its `origin`."""
    name: str
    column: str
    suffix: str = ""

    @property
    def place(self) -> str:
        """Where it is, as marks say it."""
        return f"{self.owner}.{self.name}" if self.owner else self.name


_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode

_OWN: Final = (
    TEXTS | NUMBERS | {"correlationId": "correlation_id", "responseCacheHit": "cache_hit", "userIp": "ip"}
)
_ALWAYS: Final = tuple(
    _Member(owner, name, column)
    for owner, columns in (
        ("", _OWN),
        ("bridge", TAGS),
        ("properties", PROPERTY_TEXTS | PROPERTY_NUMBERS),
        ("client", CLIENT_TEXTS),
    )
    for name, column in columns.items()
)
"""What the event has if the column has a value, unless a mark says that it has not."""
_MARKED: Final = {
    "requestTimestamp": _Member("", "requestTimestamp", "time"),
    "bridge.user": _Member("bridge", "user", "user"),
    "userAgent": _Member("", "userAgent", "browser"),
    "userAgent=header": _Member("", "userAgent", "user_agent"),
    "userAgentHeader=header": _Member("", "userAgentHeader", "user_agent"),
    "userName": _Member("", "userName", "user"),
    f"userName{SUPER_TENANT}": _Member("", "userName", "user", SUPER_TENANT),
    "properties.userName": _Member("properties", "userName", "user"),
    f"properties.userName{SUPER_TENANT}": _Member("properties", "userName", "user", SUPER_TENANT),
} | {f"properties.{name}": _Member("properties", name, column) for name, column in TWINS.items()}
"""What the event has if the mark is there, too."""


def event_at(apart: Apart, place: int) -> dict[str, Any]:
    """Return the event in this place again."""
    facts: dict[str, Any] = dict.fromkeys(FACTS) | {
        name: column[place] for name, column in apart.columns.items()
    }
    facts["correlation_id"] = apart.correlation_ids[place]
    for name in ("time", "received"):
        facts[name] = format_ms(facts[name] // 1000)
    return put_together(facts, apart.shapes[place], apart.rests[place], apart.personals[place])


def put_together(facts: dict[str, Any], shape: int, *parts: str | bytes | None) -> dict[str, Any]:
    """Return the event again.

    `facts` by column, with texts in place of numbers, times as WSO2 writes them, and correlation_id; `shape` is the sum
    of its marks. What was erased is missing.
    """
    tag = {"id": facts["id"], "received": facts["received"]}
    event: dict[str, Any] = {"bridge": tag}
    client: dict[str, Any] = {}
    owners: dict[str, dict[str, Any]] = {"": event, "bridge": tag, "properties": {}, "client": client}
    marks = {mark for place, mark in enumerate(MARKS) if shape >> place & 1}
    if "properties" in marks:
        event["properties"] = owners["properties"]
    missing = {mark.removeprefix("no ") for mark in marks if mark.startswith("no ")}
    marked = [_MARKED[mark] for mark in MARKS if mark in marks and mark in _MARKED]
    for member in (*_ALWAYS, *marked):
        value = facts[member.column]
        if value is not None and member.place not in missing:
            owners[member.owner][member.name] = value + member.suffix if member.suffix else value
    if "platform=Other" in marks:
        event["platform"] = "Other"
    if client:
        event["origin"] = {CLIENT: client}
    for part in parts:
        if part is not None:
            _add(_decode(part), event)
    return event


def _add(part: dict[str, Any], whole: dict[str, Any]) -> None:
    """Add what the columns do not have, into the objects that they have something of."""
    for key, value in part.items():
        there = whole.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            _add(value, there)
        else:
            whole[key] = value


def fed_of(apart: Apart) -> Iterator[Fed]:
    """Yield events as the live stream has them."""
    said = {name: values for name, values in apart.columns.items() if name not in _NO_VALUE}
    for place, (number, time) in enumerate(zip(apart.columns["id"], apart.columns["time"], strict=True)):
        values = {name: value for name, column in said.items() if (value := column[place]) is not None}
        yield Fed(number, time // 1000, values, event_at(apart, place))

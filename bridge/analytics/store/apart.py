"""Takes events apart into what the store's tables hold; `together` puts them together again.

What a column gives back exactly is taken out of the event. Where it is not plain which member a column came from, a
mark says so (`columns.MARKS`). All else stays: what is harmless in `rests`, everything that may name a person in
`personals`. So a member that nobody has heard of is kept where a person can be erased.

One member of all events comes after the other, not one event after the other: that takes a third of the time.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Any, Final

import msgspec

from bridge.analytics.store.callers import take_agents, take_callers
from bridge.analytics.store.columns import (
    CLIENT,
    CLIENT_TEXTS,
    FACTS,
    INNER_NUMBERS,
    INNER_TEXTS,
    MARK,
    MOST,
    NUMBERS,
    PROPERTY_NUMBERS,
    PROPERTY_TEXTS,
    TAGS,
    TEXTS,
    TWINS,
)
from bridge.analytics.store.contract import ReceivedEvent
from bridge.analytics.store.members import (
    LONGEST,
    Objects,
    names,
    take_flags,
    take_numbers,
    take_texts,
)
from bridge.analytics.store.personal import part
from bridge.events.times import is_usual, parse_ms
from bridge.events.uri import host_and_path

# The first and the last moment that DuckDB and Python both have, with room for time zones.
_FIRST_MS: Final = -62_000_000_000_000
_LAST_MS: Final = 253_000_000_000_000
_encode: Final = msgspec.json.Encoder().encode


class Apart:
    """Events, taken apart; an item an event in each list."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        """Those of `columns.FACTS` that any event may have, with texts in place of numbers, ids as they came, and times
        in microseconds since the epoch."""
        self.correlation_ids: list[str | None] = []
        self.shapes: list[int] = []
        """The sum of each one's marks."""
        self.rests: list[bytes | None] = []
        """As JSON."""
        self.personals: list[bytes | None] = []
        """As JSON."""

    def __len__(self) -> int:
        return len(self.shapes)

    def take(self, events: Sequence[ReceivedEvent], times: Sequence[tuple[int, bool]]) -> None:
        """Take these apart, too; `times` are their `time_ms`."""
        rests = [one.event.copy() for one in events]
        shapes = [*map(_first_marks, rests, times)]
        columns: dict[str, list[Any]] = {
            "id": [one.id for one in events],
            "time": [ms * 1000 for ms, _ in times],
            "received": [one.received_ms * 1000 for one in events],
            "faulty": [*map(_is_fault, rests)],
            "cache_hit": take_flags(rests, "responseCacheHit"),
        }
        tags, properties = _inner(rests, "bridge"), _inner(rests, "properties")
        _take(rests, TEXTS, NUMBERS, columns)
        _take(tags, TAGS, {}, columns)
        _take_properties(properties, columns, shapes)
        if any("origin" in rest for rest in rests):
            _take_clients(rests, columns)
        _add_countries(events, columns, shapes)
        take_callers(rests, tags, properties, columns, shapes)
        take_agents(rests, properties, columns, shapes)
        if "GRAPHQL" in columns.get("api_type", ()) and "resource" in columns:
            columns["graphql_operation"] = [
                resource if kind == "GRAPHQL" else None
                for kind, resource in zip(columns["api_type"], columns["resource"], strict=True)
            ]
        for name in columns.keys() | self.columns.keys():
            nothing = [None] * len(events)
            self.columns.setdefault(name, [None] * len(self)).extend(columns.get(name, nothing))
        self.correlation_ids += (
            rest.pop("correlationId") if type(one := rest.get("correlationId")) is str and one else None
            for rest in rests
        )
        self.shapes += shapes
        personals = [*map(_left, rests, tags)]
        self.personals += (_encode(personal) if personal else None for personal in personals)
        self.rests += (_encode(rest) if rest else None for rest in rests)

    def drop(self, ids: set[str]) -> None:
        """Forget the events with these ids."""
        stay = [one not in ids for one in self.columns["id"]]
        self.columns = {name: [*compress(values, stay)] for name, values in self.columns.items()}
        self.correlation_ids = [*compress(self.correlation_ids, stay)]
        self.shapes = [*compress(self.shapes, stay)]
        self.rests = [*compress(self.rests, stay)]
        self.personals = [*compress(self.personals, stay)]


def time_ms(received: ReceivedEvent) -> tuple[int, bool]:
    """Return when the call was asked, and whether the event says so itself; else it is when it was received."""
    asked = received.event.get("requestTimestamp")
    if type(asked) is str or type(asked) is int:
        ms = parse_ms(asked)
        if ms is not None and _FIRST_MS < ms < _LAST_MS:
            return ms, True
    return received.received_ms, False


def _is_fault(event: dict[str, Any]) -> bool:
    kind = event.get("eventType")
    return kind == "fault" if kind is not None else "errorCode" in event or "errorType" in event


def _first_marks(rest: dict[str, Any], time: tuple[int, bool]) -> int:
    mark = MARK["properties"] if type(rest.get("properties")) is dict else 0
    _, says_time = time
    if says_time and is_usual(rest["requestTimestamp"]):
        del rest["requestTimestamp"]
        mark |= MARK["requestTimestamp"]
    return mark


def _inner(rests: Objects, key: str) -> list[dict[str, Any]]:
    """Return a copy of each one's object of this name, which is in its place; one of nothing where it has none."""
    objects = []
    for rest in rests:
        value = rest.get(key)
        if type(value) is dict:
            rest[key] = value = value.copy()
        else:
            value = {}
        objects.append(value)
    return objects


def _take(
    objects: Objects, texts: dict[str, str], numbers: dict[str, str], columns: dict[str, list[Any]]
) -> None:
    present = names(objects)
    for key, column in texts.items():
        if key in present:
            columns[column] = take_texts(objects, key)
    for key, column in numbers.items():
        if key in present:
            columns[column] = take_numbers(objects, key, MOST[FACTS[column]])


def _take_properties(properties: Objects, columns: dict[str, list[Any]], shapes: list[int]) -> None:
    present = names(properties)
    for key in present.intersection(TWINS):
        _take_twin(properties, key, columns, shapes)
    _take(properties, PROPERTY_TEXTS, PROPERTY_NUMBERS, columns)
    # They stay whole in the rest: few events have them.
    for key in present.intersection(INNER_TEXTS):
        _take(_copies(properties, key), INNER_TEXTS[key], {}, columns)
    for key in present.intersection(INNER_NUMBERS):
        _take(_copies(properties, key), {}, INNER_NUMBERS[key], columns)
    if "x-original-gw-url" in present:
        urls = [_host_and_path(one.get("x-original-gw-url")) for one in properties]
        columns["hostname"] = [host and host[:LONGEST] for host, _ in urls]
        columns["path"] = [path and path[:LONGEST] for _, path in urls]


def _take_clients(rests: Objects, columns: dict[str, list[Any]]) -> None:
    """Take which client sent them; objects of which nothing is left go with it, because the columns bring them back."""
    origins = _inner(rests, "origin")
    clients = _inner(origins, CLIENT)
    said = [len(client) for client in clients]
    _take(clients, CLIENT_TEXTS, {}, columns)
    for rest, origin, client, before in zip(rests, origins, clients, said, strict=True):
        if before and not client:
            del origin[CLIENT]
            if not origin:
                del rest["origin"]


def _host_and_path(url: Any) -> tuple[str | None, str | None]:
    return host_and_path(url) if type(url) is str else (None, None)


def _take_twin(properties: Objects, key: str, columns: dict[str, list[Any]], shapes: list[int]) -> None:
    """Take a member that says what a member of the event says, too; alone, it stands for that one."""
    own = columns.setdefault(TWINS[key], [None] * len(properties))
    for place, text in enumerate(take_texts(properties, key)):
        if text is None:
            continue
        if own[place] is None:
            own[place] = text
            shapes[place] |= MARK[f"no {key}"]
        if own[place] != text:
            properties[place].setdefault(key, text)
        elif key not in properties[place]:
            shapes[place] |= MARK[f"properties.{key}"]


def _add_countries(events: Sequence[ReceivedEvent], columns: dict[str, list[Any]], shapes: list[int]) -> None:
    """Add those that were looked up, where the event says none."""
    found = [one.country for one in events]
    if any(found):
        said = columns.setdefault("country", [None] * len(events))
        for place, country in enumerate(found):
            if said[place] is None and country is not None:
                said[place] = country
                shapes[place] |= MARK["no properties.country"]


def _copies(objects: Objects, key: str) -> list[dict[str, Any]]:
    return [value.copy() if type(value := one.get(key)) is dict else {} for one in objects]


def _left(rest: dict[str, Any], tag: dict[str, Any]) -> dict[str, Any]:
    """Return what may name a person, and leave the rest."""
    if not tag and rest.get("bridge") is tag:
        del rest["bridge"]
    personal: dict[str, Any] = {}
    if rest:
        part(rest, personal)
    return personal

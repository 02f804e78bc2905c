"""Takes events apart into what the store's tables hold; `together` puts them together again.

What a column gives back exactly is taken out of the event. Where it is not plain which member a column came from, a
mark says so (`columns.MARKS`). All else stays: what is harmless in `rests`, everything that may name a person in
`personals`. So a member that nobody has heard of is kept where a person can be erased.

One member of all events comes after the other, not one event after the other: that takes a third of the time.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final

import msgspec

from bridge.analytics.store.callers import take_agents, take_callers
from bridge.analytics.store.columns import FACTS, MARK, MOST, NUMBERS, TAGS, TEXTS
from bridge.analytics.store.contract import ReceivedEvent
from bridge.analytics.store.members import Lefts, numbers_of, texts_of, whole
from bridge.analytics.store.objects import take_clients, take_properties
from bridge.analytics.store.personal import part, part_properties
from bridge.analytics.store.usual import UsualEvent, by_member, usual_of
from bridge.events.times import is_usual, parse_ms

# The first and the last moment that DuckDB and Python both have, with room for time zones.
_FIRST_MS: Final = -62_000_000_000_000
_LAST_MS: Final = 253_000_000_000_000
_HARMLESS: Final = ("apiId", "applicationId", "eventType", "organizationId")
_encode: Final = msgspec.json.Encoder().encode
_Members = Mapping[str, Sequence[Any]]
_Columns = dict[str, list[Any]]


class _Rest(msgspec.Struct, omit_defaults=True, gc=False):
    """What is left of a plain event: members that are in no column."""

    apiId: str | None = None
    applicationId: str | None = None
    eventType: str | None = None
    organizationId: str | None = None
    properties: dict[str, Any] | None = None


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
        """Take these apart, too; `times` are their `time_ms`. There is at least one."""
        lefts = Lefts()
        members = by_member([*_usual(events, lefts)])
        tags = by_member(members["bridge"])
        properties: list[dict[str, Any]] = [one if one is not None else {} for one in members["properties"]]
        shapes = [0 if one is None else MARK["properties"] for one in members["properties"]]
        columns: _Columns = {
            "id": [one.id for one in events],
            "time": [ms * 1000 for ms, _ in times],
            "received": [one.received_ms * 1000 for one in events],
            "faulty": _faults(members, lefts),
            "cache_hit": [*members["responseCacheHit"]],
        }
        _mark_times(members["requestTimestamp"], times, shapes, lefts)
        _take_own(members, columns, lefts)
        _take_tags(tags, columns, lefts)
        take_properties(properties, columns, shapes)
        if members["origin"].count(None) < len(events):
            take_clients(members["origin"], columns, lefts)
        _add_countries(events, columns, shapes)
        take_callers(members, tags["user"], properties, columns, shapes, lefts)
        take_agents(members, properties, columns, shapes, lefts)
        if "GRAPHQL" in columns.get("api_type", ()) and "resource" in columns:
            columns["graphql_operation"] = [
                resource if kind == "GRAPHQL" else None
                for kind, resource in zip(columns["api_type"], columns["resource"], strict=True)
            ]
        for name in columns.keys() | self.columns.keys():
            nothing = [None] * len(events)
            self.columns.setdefault(name, [None] * len(self)).extend(columns.get(name, nothing))
        self.correlation_ids += _correlation_ids(members, lefts)
        self.shapes += shapes
        self._add_rests(members, properties, lefts)

    def drop(self, ids: set[str]) -> None:
        """Forget the events with these ids."""
        stay = [one not in ids for one in self.columns["id"]]
        self.columns = {name: [*compress(values, stay)] for name, values in self.columns.items()}
        self.correlation_ids = [*compress(self.correlation_ids, stay)]
        self.shapes = [*compress(self.shapes, stay)]
        self.rests = [*compress(self.rests, stay)]
        self.personals = [*compress(self.personals, stay)]

    def _add_rests(self, members: _Members, properties: Sequence[dict[str, Any]], lefts: Lefts) -> None:
        """Add what no column gives back: what may name a person, and what is harmless."""
        for place, message in enumerate(members["errorMessage"]):
            if message is not None:
                lefts[place]["errorMessage"] = message
        said = [members[name] for name in _HARMLESS]
        personals: list[dict[str, Any]] = [*map(part_properties, properties)]
        rests: list[Any] = [*map(_Rest, *said, [one or None for one in properties])]
        for place, left in lefts.items():
            part(left, personals[place])
            rest = {name: values[place] for name, values in zip(_HARMLESS, said, strict=True)}
            rest = {name: value for name, value in rest.items() if value is not None} | left
            if properties[place]:
                rest["properties"] = properties[place]
            rests[place] = rest
        self.personals += (_encode(personal) if personal else None for personal in personals)
        self.rests += (None if rest == b"{}" else rest for rest in map(_encode, rests))


def time_ms(received: ReceivedEvent) -> tuple[int, bool]:
    """Return when the call was asked, and whether the event says so itself; else it is when it was received."""
    event = received.event
    asked = event.get("requestTimestamp") if isinstance(event, dict) else event.requestTimestamp
    if type(asked) is str or type(asked) is int:
        ms = parse_ms(asked)
        if ms is not None and _FIRST_MS < ms < _LAST_MS:
            return ms, True
    return received.received_ms, False


def _usual(events: Sequence[ReceivedEvent], lefts: Lefts) -> Iterator[UsualEvent]:
    for place, one in enumerate(events):
        event = one.event
        if isinstance(event, dict):
            event, left = usual_of(event)
            if left:
                lefts[place] = left
        yield event


def _faults(members: _Members, lefts: Lefts) -> list[bool]:
    """Tell of each whether it is one, as `event.is_fault` does."""
    said = zip(members["eventType"], members["errorCode"], members["errorType"], strict=True)
    faults = [
        kind == "fault" if kind is not None else code is not None or error is not None
        for kind, code, error in said
    ]
    for place, left in lefts.items():
        kind = left.get("eventType", members["eventType"][place])
        if kind is None:
            faults[place] |= "errorCode" in left or "errorType" in left
        else:
            faults[place] = kind == "fault"
    return faults


def _mark_times(
    asked: Sequence[str | None], times: Sequence[tuple[int, bool]], shapes: list[int], lefts: Lefts
) -> None:
    for place, (text, (_, says_time)) in enumerate(zip(asked, times, strict=True)):
        if says_time and is_usual(text):
            shapes[place] |= MARK["requestTimestamp"]
        elif text is not None:
            lefts[place]["requestTimestamp"] = text


def _take_own(members: _Members, columns: _Columns, lefts: Lefts) -> None:
    for name, column in TEXTS.items():
        if members[name].count(None) < len(members[name]):
            columns[column] = texts_of(members[name], name, lefts)
    for name, column in NUMBERS.items():
        columns[column] = numbers_of(members[name], name, lefts)
    for place, left in lefts.items():
        for name in left.keys() & NUMBERS:
            column = NUMBERS[name]
            columns[column][place] = whole(left[name], MOST[FACTS[column]])


def _take_tags(tags: _Members, columns: _Columns, lefts: Lefts) -> None:
    tag_lefts = Lefts()
    for name, column in TAGS.items():
        columns[column] = texts_of(tags[name], name, tag_lefts)
    for place, left in tag_lefts.items():
        lefts[place].setdefault("bridge", {}).update(left)


def _correlation_ids(members: _Members, lefts: Lefts) -> list[str | None]:
    ids = [*members["correlationId"]]
    if "" in ids:
        for place, one in enumerate(ids):
            if one == "":
                lefts[place]["correlationId"], ids[place] = one, None
    return ids


def _add_countries(events: Sequence[ReceivedEvent], columns: dict[str, list[Any]], shapes: list[int]) -> None:
    """Add those that were looked up, where the event says none."""
    found = [one.country for one in events]
    if any(found):
        said = columns.setdefault("country", [None] * len(events))
        for place, country in enumerate(found):
            if said[place] is None and country is not None:
                said[place] = country
                shapes[place] |= MARK["no properties.country"]

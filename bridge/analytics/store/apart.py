"""Takes an event apart into what the store's tables hold, and puts it together again.

What a column gives back exactly is taken out of the event, and its name goes into the event's *shape*. All else stays:
what is harmless in `rest`, everything that may name a person in `personal`. So a member that nobody has heard of is
kept where a person can be erased.
"""

from typing import Any, Final, NamedTuple

import msgspec

from bridge.analytics.store.agents import agent_of, is_bot
from bridge.analytics.store.columns import (
    FACTS,
    INNER_NUMBERS,
    INNER_TEXTS,
    MOST,
    NUMBERS,
    PLACES,
    PROPERTY_NUMBERS,
    PROPERTY_TEXTS,
    TEXTS,
    TWINS,
)
from bridge.analytics.store.contract import ReceivedEvent
from bridge.analytics.store.personal import LONGEST_WORD, NO_AGENT, NONE, part
from bridge.events.times import is_usual, parse_ms
from bridge.events.uri import host_and_path
from bridge.events.users import SUPER_TENANT, user_name

_NO_ROW: Final = (None,) * len(FACTS)
# A longer text is cut in its column, and stays whole in the rest of the event.
_LONGEST: Final = 500
# The first and the last moment that DuckDB and Python both have, with room for time zones.
_FIRST_MS: Final = -62_000_000_000_000
_LAST_MS: Final = 253_000_000_000_000

_ID, _TIME, _RECEIVED, _FAULTY, _BOT, _CACHE_HIT = (
    PLACES[name] for name in ("id", "time", "received", "faulty", "bot", "cache_hit")
)
_BROWSER, _OS, _DEVICE, _HOSTNAME, _PATH, _RESOURCE, _OPERATION = (
    PLACES[name] for name in ("browser", "os", "device", "hostname", "path", "resource", "graphql_operation")
)
_API_TYPE, _COUNTRY, _INSTANCE, _COMPANY, _USER, _IP, _AGENT = (
    PLACES[name] for name in ("api_type", "country", "instance", "company", "user", "ip", "user_agent")
)


class _Place(NamedTuple):
    """A member of an object, and the column that it goes to."""

    key: str
    place: int
    most: int
    name: str
    """What it is called in a shape."""


_Places = tuple[_Place, ...]


def _placed(columns: dict[str, str], before: str = "") -> _Places:
    return tuple(
        _Place(key, PLACES[column], MOST.get(FACTS[column], 0), before + key)
        for key, column in columns.items()
    )


_TEXTS: Final = _placed(TEXTS)
_NUMBERS: Final = _placed(NUMBERS)
_PROPERTY_TEXTS: Final = _placed(PROPERTY_TEXTS, "properties.")
_PROPERTY_NUMBERS: Final = _placed(PROPERTY_NUMBERS, "properties.")
_TWINS: Final = _placed(TWINS, "properties.")
_TAGS: Final = _placed({"instance": "instance", "company": "company"}, "bridge.")
_INNER_TEXTS: Final = {key: _placed(inner) for key, inner in INNER_TEXTS.items()}
_INNER_NUMBERS: Final = {key: _placed(inner) for key, inner in INNER_NUMBERS.items()}


class Apart(msgspec.Struct, gc=False):
    """One event, taken apart."""

    row: list[Any]
    """By `columns.FACTS`, with texts in place of numbers, and times in microseconds since the epoch."""
    correlation_id: str | None
    shape: tuple[str, ...]
    rest: dict[str, Any]
    personal: dict[str, Any]


def time_ms(received: ReceivedEvent) -> tuple[int, bool]:
    """Return when the call was asked, and whether the event says so itself; else it is when it was received."""
    asked = received.event.get("requestTimestamp")
    if type(asked) is str or type(asked) is int:
        ms = parse_ms(asked)
        if ms is not None and _FIRST_MS < ms < _LAST_MS:
            return ms, True
    return received.received_ms, False


def take_apart(received: ReceivedEvent, asked_ms: int, *, says_time: bool) -> Apart:  # noqa: C901, PLR0912, PLR0915 - a line a member; it runs for each event
    """Return the event as the tables hold it; `asked_ms` and `says_time` are its `time_ms`."""
    rest = received.event.copy()
    row: list[Any] = [*_NO_ROW]
    row[_ID] = bytes.fromhex(received.id.replace("-", ""))
    row[_TIME] = asked_ms * 1000
    row[_RECEIVED] = received.received_ms * 1000
    shape: list[str] = []
    personal: dict[str, Any] = {}
    take = rest.pop

    kind = rest.get("eventType")
    row[_FAULTY] = kind == "fault" if kind is not None else "errorCode" in rest or "errorType" in rest
    if says_time and is_usual(rest["requestTimestamp"]):
        del rest["requestTimestamp"]
        shape.append("requestTimestamp")
    correlation_id = rest.get("correlationId")
    if type(correlation_id) is str and correlation_id:
        del rest["correlationId"]
        shape.append("correlationId")
    else:
        correlation_id = None
    hit = rest.get("responseCacheHit")
    if type(hit) is bool:
        del rest["responseCacheHit"]
        shape.append("responseCacheHit")
        row[_CACHE_HIT] = hit
    _texts(rest, _TEXTS, row, shape)
    _numbers(rest, _NUMBERS, row, shape)

    tag = rest.get("bridge")
    if type(tag) is dict:
        tag = tag.copy()
        tag.pop("id", None)
        tag.pop("received", None)
        _texts(tag, _TAGS, row, shape)
        user = tag.get("user")
        known_user = "user" in tag
        if type(user) is str and user not in NONE:
            row[_USER] = tag.pop("user")
            shape.append("bridge.user")
        if tag:
            rest["bridge"] = tag
        else:
            del rest["bridge"]
    else:
        known_user = False

    properties = rest.get("properties")
    if type(properties) is dict:
        properties = rest["properties"] = properties.copy()
        shape.append("properties")
    else:
        properties = {}
    if not known_user:
        name = rest.get("userName")
        if type(name) is not str or name in NONE:
            name = properties.get("userName")
        if type(name) is str and (name := user_name(name)) not in NONE:
            row[_USER] = name
    user = row[_USER]
    for owner, before in ((rest, ""), (properties, "properties.")):
        name = owner.get("userName")
        if type(name) is str and name not in NONE:
            del owner["userName"]
            if name == user:
                shape.append(before + "userName")
            elif user is not None and name == user + SUPER_TENANT:
                shape.append(before + "userName" + SUPER_TENANT)
            elif before:
                personal["properties"] = {"userName": name}
            else:
                personal["userName"] = name

    address = rest.get("userIp")
    if type(address) is str and address not in NONE:
        row[_IP] = take("userIp")
        shape.append("userIp")
    _agent(rest, properties, row, shape)
    if properties:
        _properties(properties, row, shape)
    if row[_COUNTRY] is None:
        row[_COUNTRY] = received.country
    if row[_API_TYPE] == "GRAPHQL":
        row[_OPERATION] = row[_RESOURCE]
    if rest:
        part(rest, personal)
    return Apart(row, correlation_id, tuple(shape), rest, personal)


def _texts(owner: dict[str, Any], places: _Places, row: list[Any], shape: list[str]) -> None:
    get, add = owner.get, shape.append
    for key, place, _, name in places:
        value = get(key)
        if type(value) is str and value not in NONE:
            if len(value) > _LONGEST:
                row[place] = value[:_LONGEST]
                continue
            row[place] = value
            del owner[key]
            add(name)


def _numbers(owner: dict[str, Any], places: _Places, row: list[Any], shape: list[str]) -> None:
    get = owner.get
    for key, place, most, name in places:
        value = get(key)
        if type(value) is int:
            if 0 <= value <= most:
                row[place] = value
                del owner[key]
                shape.append(name)
        elif value is not None and (number := _whole(value)) is not None and number <= most:
            row[place] = number


def _whole(value: Any) -> int | None:
    """Return the number that a text or a fraction stands for, as WSO2's older publishers write some."""
    if type(value) is str and value.isdecimal() and value.isascii() and len(value) < 19:
        return int(value)
    return int(value) if type(value) is float and value >= 0 and value.is_integer() else None


def _agent(rest: dict[str, Any], properties: dict[str, Any], row: list[Any], shape: list[str]) -> None:
    if row[_OS] == "Other":
        # What WSO2's own parser calls a system that it does not know.
        row[_OS] = None
        shape[shape.index("platform")] = "platform=Other"
    header = rest.get("userAgentHeader")
    member = "userAgentHeader"
    if type(header) is not str:
        header, member = rest.get("userAgent"), "userAgent"
        # WSO2's is the browser's name, other senders' the whole header.
        if type(header) is str and "/" not in header and len(header) <= LONGEST_WORD:
            if header not in NO_AGENT:
                row[_BROWSER] = header
                row[_BOT] = is_bot(header)
                del rest["userAgent"]
                shape.append("userAgent")
            header = None
    if type(header) is str and header not in NONE:
        del rest[member]
        shape.append(member + "=header")
    else:
        header = _captured_agent(properties.get("requestHeaders"))
    if header is not None:
        row[_AGENT] = header
        agent = agent_of(header)
        row[_BROWSER], row[_DEVICE], row[_BOT] = agent.browser or row[_BROWSER], agent.device, agent.bot
        if row[_OS] is None:
            row[_OS] = agent.os


def _captured_agent(headers: Any) -> str | None:
    if type(headers) is not dict:
        return None
    for name, value in headers.items():
        if len(name) == 10 and name.lower() == "user-agent" and type(value) is str and value not in NONE:
            return value
    return None


def _properties(properties: dict[str, Any], row: list[Any], shape: list[str]) -> None:
    for key, place, _, name in _TWINS:
        value = properties.get(key)
        if type(value) is str and value not in NONE:
            if row[place] is None:
                row[place] = value[:_LONGEST]
            if row[place] == value:
                del properties[key]
                shape.append(name)
    _texts(properties, _PROPERTY_TEXTS, row, shape)
    _numbers(properties, _PROPERTY_NUMBERS, row, shape)
    for places, read in ((_INNER_TEXTS, _texts), (_INNER_NUMBERS, _numbers)):
        for key, inner in places.items():
            value = properties.get(key)
            if type(value) is dict:
                # They stay whole in the rest: few events have them.
                read(value.copy(), inner, row, [])
    url = properties.get("x-original-gw-url")
    if type(url) is str:
        host, path = host_and_path(url)
        row[_HOSTNAME], row[_PATH] = host and host[:_LONGEST], path and path[:_LONGEST]

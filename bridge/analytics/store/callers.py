"""Takes those who called out of events: user, address, and what the user agent says of itself."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import or_
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType

from bridge.analytics.store.agents import agent_of, is_bot
from bridge.analytics.store.columns import MARK
from bridge.analytics.store.members import Lefts, Objects
from bridge.analytics.store.personal import LONGEST_WORD, NO_AGENT, NONE
from bridge.events.users import SUPER_TENANT, user_name

# The same few thousand call again and again: a look at what is known takes a tenth of the time.
_CALLERS: Final = 16_384
_AGENTS: Final = 4_096
# What is longer is looked at each time: what is remembered has bounds (P8).
_LONGEST: Final = 1_000
_FOUND: Final = ("user_agent", "browser", "os", "device", "bot")
_Members = Mapping[str, Sequence[Any]]
_Columns = dict[str, list[Any]]


class _Caller(NamedTuple):
    """Who called."""

    user: str | None
    marks: int
    stays: tuple[bool, bool, bool] | None
    """Which names stay where they were, if any do: `userName`, the same of the properties, the user of the tag."""


class _Seen(NamedTuple):
    """What is known of a user agent."""

    user_agent: str | None
    browser: str | None
    os: str | None
    device: str | None
    bot: bool | None
    marks: int
    left: dict[str, str] | None
    """Members that stay."""


def take_callers(
    members: _Members,
    tagged: Sequence[str | UnsetType | None],
    properties: Objects,
    columns: _Columns,
    shapes: list[int],
    lefts: Lefts,
) -> None:
    """Take who called, and from where, into the columns; `tagged` are the users of the tags."""
    names = members["userName"]
    inner_names = [one.pop("userName") if type(one.get("userName")) is str else None for one in properties]
    look_at = _caller if _are_short(names, inner_names, tagged) else _caller.__wrapped__
    callers = [*map(look_at, names, inner_names, tagged)]
    users, marks, stays = zip(*callers, strict=True)
    columns["user"] = [*users]
    shapes[:] = map(or_, shapes, marks)
    for place in [place for place, some in enumerate(stays) if some is not None]:
        own, inner, tag = stays[place]
        if own:
            lefts[place]["userName"] = names[place]
        if inner:
            properties[place]["userName"] = inner_names[place]
        if tag:
            lefts[place].setdefault("bridge", {}).setdefault("user", tagged[place])
    addresses = columns["ip"] = [*members["userIp"]]
    for place in [place for place, address in enumerate(addresses) if address in NONE]:
        lefts[place]["userIp"], addresses[place] = addresses[place], None


def _are_short(*lists: Sequence[str | UnsetType | None]) -> bool:
    return all(len(one) <= _LONGEST for one in chain.from_iterable(lists) if type(one) is str)


@lru_cache(_CALLERS)
def _caller(own: str | None, inner: str | None, tagged: str | UnsetType | None) -> _Caller:
    marks = 0
    if tagged is UNSET:
        user = _named(own) or _named(inner)
    else:
        user = tagged if type(tagged) is str and tagged not in NONE else None
        marks = MARK["bridge.user"] if user is not None else 0
    own_mark, inner_mark = _name_mark(own, user, ""), _name_mark(inner, user, "properties.")
    stays = (
        own is not None and not own_mark,
        inner is not None and not inner_mark,
        tagged is not UNSET and user is None,
    )
    return _Caller(user, marks | own_mark | inner_mark, stays if any(stays) else None)


def _named(name: str | None) -> str | None:
    if name is None or name in NONE:
        return None
    return name if (name := user_name(name)) not in NONE else None


def _name_mark(name: str | None, user: str | None, before: str) -> int:
    """Return the mark that says that this name is the user's, or the user's with the super tenant's."""
    if user is None:
        return 0
    if name == user:
        return MARK[before + "userName"]
    return MARK[before + "userName" + SUPER_TENANT] if name == user + SUPER_TENANT else 0


def take_agents(
    members: _Members, properties: Objects, columns: _Columns, shapes: list[int], lefts: Lefts
) -> None:
    """Take the user agents, and what they say of themselves, into the columns."""
    headers = [
        _captured_agent(one["requestHeaders"]) if "requestHeaders" in one else None for one in properties
    ]
    systems = columns.get("os", [None] * len(headers))
    said = (members["userAgentHeader"], members["userAgent"], headers)
    look_at = _seen if _are_short(*said) else _seen.__wrapped__
    seen = map(look_at, *said, systems)
    *found, marks, left = zip(*seen, strict=True)
    columns.update(zip(_FOUND, map(list, found), strict=True))
    shapes[:] = map(or_, shapes, marks)
    for place in [place for place, some in enumerate(left) if some is not None]:
        lefts[place].update(left[place])


@lru_cache(_AGENTS)
def _seen(header: str | None, agent: str | None, captured: str | None, system: str | None) -> _Seen:
    """Return what `userAgentHeader`, `userAgent`, a captured header and the system that WSO2 has found say."""
    marks = 0
    if system == "Other":
        # What WSO2's own parser calls a system that it does not know.
        system, marks = None, MARK["platform=Other"]
    whole, browser, mark = _said(header, agent)
    marks |= MARK.get(mark, 0)
    taken = mark.removesuffix("=header")
    said = {"userAgentHeader": header, "userAgent": agent}
    left = {name: value for name, value in said.items() if value is not None and name != taken}
    whole = whole or captured
    device, bot = None, None
    if whole is not None:
        known = agent_of(whole)
        browser, device, bot = known.browser or browser, known.device, known.bot
        if system is None and known.os is not None:
            system, marks = known.os, marks | MARK["no platform"]
    elif browser is not None:
        bot = is_bot(browser)
    return _Seen(whole, browser, system, device, bot, marks, left or None)


def _said(header: str | None, agent: str | None) -> tuple[str | None, str | None, str]:
    """Return the header User-Agent and the browser's name, as far as they are said, and the mark of what was taken."""
    if header is not None:
        return (header, None, "userAgentHeader=header") if header not in NONE else (None, None, "")
    # WSO2's is the browser's name, other senders' the whole header.
    if agent is not None and "/" not in agent and len(agent) <= LONGEST_WORD:
        return (None, agent, "userAgent") if agent not in NO_AGENT else (None, None, "")
    return (agent, None, "userAgent=header") if agent is not None and agent not in NONE else (None, None, "")


def _captured_agent(headers: Any) -> str | None:
    if type(headers) is not dict:
        return None
    for name, value in headers.items():
        if len(name) == 10 and name.lower() == "user-agent" and type(value) is str and value not in NONE:
            return value
    return None

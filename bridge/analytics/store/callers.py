"""Takes those who called out of events: user, address, and what the user agent says of itself."""

from typing import Any

from bridge.analytics.store.agents import agent_of, is_bot
from bridge.analytics.store.columns import MARK
from bridge.analytics.store.members import Objects
from bridge.analytics.store.personal import LONGEST_WORD, NO_AGENT, NONE
from bridge.events.users import SUPER_TENANT, user_name


def take_callers(
    rests: Objects, tags: Objects, properties: Objects, columns: dict[str, list[Any]], shapes: list[int]
) -> None:
    """Take who called, and from where, into the columns."""
    users: list[str | None] = []
    addresses: list[str | None] = []
    for place, (rest, tag, inner) in enumerate(zip(rests, tags, properties, strict=True)):
        address = rest.get("userIp")
        addresses.append(rest.pop("userIp") if type(address) is str and address not in NONE else None)
        tag.pop("id", None)
        tag.pop("received", None)
        if "user" in tag:
            user = tag["user"]
            if type(user) is str and user not in NONE:
                del tag["user"]
                shapes[place] |= MARK["bridge.user"]
            else:
                user = None
        else:
            user = _named(rest) or _named(inner)
        users.append(user)
        if user is not None:
            shapes[place] |= _name_mark(rest, user, "") | _name_mark(inner, user, "properties.")
    columns["user"], columns["ip"] = users, addresses


def _named(owner: dict[str, Any]) -> str | None:
    name = owner.get("userName")
    if type(name) is not str or name in NONE:
        return None
    return name if (name := user_name(name)) not in NONE else None


def _name_mark(owner: dict[str, Any], user: str, before: str) -> int:
    """Take the user's name out, if it is this one or this one with the super tenant's."""
    name = owner.get("userName")
    if name == user:
        del owner["userName"]
        return MARK[before + "userName"]
    if type(name) is str and name == user + SUPER_TENANT:
        del owner["userName"]
        return MARK[before + "userName" + SUPER_TENANT]
    return 0


def take_agents(
    rests: Objects, properties: Objects, columns: dict[str, list[Any]], shapes: list[int]
) -> None:
    """Take the user agents, and what they say of themselves, into the columns."""
    systems = columns.setdefault("os", [None] * len(rests))
    if "Other" in systems:
        # What WSO2's own parser calls a system that it does not know.
        for place, system in enumerate(systems):
            if system == "Other":
                systems[place] = None
                shapes[place] |= MARK["platform=Other"]
    headers: list[str | None] = [None] * len(rests)
    browsers, devices = headers.copy(), headers.copy()
    bots: list[bool | None] = [None] * len(rests)
    for place, (rest, inner) in enumerate(zip(rests, properties, strict=True)):
        header, browser, mark = _said_agent(rest, inner)
        shapes[place] |= mark
        if header is not None:
            agent = agent_of(header)
            headers[place], devices[place], bots[place] = header, agent.device, agent.bot
            browsers[place] = agent.browser or browser
            if systems[place] is None and agent.os is not None:
                systems[place] = agent.os
                shapes[place] |= MARK["no platform"]
        elif browser is not None:
            browsers[place], bots[place] = browser, is_bot(browser)
    columns |= {"user_agent": headers, "browser": browsers, "device": devices, "bot": bots}


def _said_agent(rest: dict[str, Any], properties: dict[str, Any]) -> tuple[str | None, str | None, int]:
    """Return the header User-Agent and the browser's name, as far as they are said, and the mark of what was taken."""
    browser, mark = None, 0
    header, member = rest.get("userAgentHeader"), "userAgentHeader"
    if type(header) is not str:
        header, member = rest.get("userAgent"), "userAgent"
        # WSO2's is the browser's name, other senders' the whole header.
        if type(header) is str and "/" not in header and len(header) <= LONGEST_WORD:
            if header not in NO_AGENT:
                browser, mark = rest.pop("userAgent"), MARK["userAgent"]
            header = None
    if type(header) is str and header not in NONE:
        return rest.pop(member), browser, MARK[member + "=header"]
    return _captured_agent(properties.get("requestHeaders")), browser, mark


def _captured_agent(headers: Any) -> str | None:
    if type(headers) is not dict:
        return None
    for name, value in headers.items():
        if len(name) == 10 and name.lower() == "user-agent" and type(value) is str and value not in NONE:
            return value
    return None

"""Puts an event together again that `apart` has taken apart."""

from typing import Any, Final, NamedTuple

from bridge.analytics.store.columns import NUMBERS, PROPERTY_NUMBERS, PROPERTY_TEXTS, TEXTS, TWINS
from bridge.events.users import SUPER_TENANT


class _Member(NamedTuple):
    """A member that a column gives back."""

    owner: str
    """The object that it is in: empty for the event itself."""
    name: str
    column: str
    suffix: str = ""


def _members() -> dict[str, _Member]:
    members = {name: _Member("", name, column) for name, column in (TEXTS | NUMBERS).items()}
    for name, column in (PROPERTY_TEXTS | PROPERTY_NUMBERS | TWINS).items():
        members[f"properties.{name}"] = _Member("properties", name, column)
    for owner, before in (("", ""), ("properties", "properties.")):
        members[f"{before}userName"] = _Member(owner, "userName", "user")
        members[f"{before}userName{SUPER_TENANT}"] = _Member(owner, "userName", "user", SUPER_TENANT)
    for column in ("instance", "company", "user"):
        members[f"bridge.{column}"] = _Member("bridge", column, column)
    return members | {
        "requestTimestamp": _Member("", "requestTimestamp", "time"),
        "correlationId": _Member("", "correlationId", "correlation_id"),
        "responseCacheHit": _Member("", "responseCacheHit", "cache_hit"),
        "userIp": _Member("", "userIp", "ip"),
        "userAgent": _Member("", "userAgent", "browser"),
        "userAgent=header": _Member("", "userAgent", "user_agent"),
        "userAgentHeader=header": _Member("", "userAgentHeader", "user_agent"),
    }


_MEMBERS: Final = _members()


def put_together(facts: dict[str, Any], shape: tuple[str, ...], *parts: dict[str, Any]) -> dict[str, Any]:
    """Return the event again.

    `facts` by column, with texts in place of numbers, times as WSO2 writes them, and correlation_id. What was erased
    is missing.
    """
    tag = {"id": facts["id"], "received": facts["received"]}
    event: dict[str, Any] = {"bridge": tag}
    owners: dict[str, dict[str, Any]] = {"": event, "bridge": tag, "properties": {}}
    for one in shape:
        if one == "properties":
            event["properties"] = owners["properties"]
        elif one == "platform=Other":
            event["platform"] = "Other"
        else:
            member = _MEMBERS[one]
            value = facts[member.column]
            if value is not None:
                owners[member.owner][member.name] = value + member.suffix if member.suffix else value
    for part in parts:
        for key, value in part.items():
            whole = event.get(key)
            if key in owners and isinstance(value, dict) and isinstance(whole, dict):
                whole.update(value)
            else:
                event[key] = value
    return event

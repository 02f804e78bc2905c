"""What stands beside the fields of an event: `origin` and `bridge`.

`origin` is what a Moesif SDK or AWS sent and the flat form has no place for. `bridge` says who called, as intake or
another bridge before this one has resolved it (`user` and `company`, null: nobody known), and for how many calls
the event stands (`weight`).

A *record* is what such an SDK sends that is no API call (a user, a company, an action, a subscription). It is
journalled as `{"eventType": "record", "origin": {"path": "/v1/users", "record": {…}}}`.

`origin.tenant` names the tenant whose Moesif key the sender brought, where it has one of its own.
"""

from collections.abc import Iterable
from typing import Any, Final

from bridge.events.event import Event

RECORD: Final = "record"
# Intake makes the bytes of every journalled record begin like this.
_RECORD_OPENING: Final = b'{"eventType":"record","origin":{'

USERS: Final = "/v1/users"
RECORD_PATHS: Final = (USERS, "/v1/companies", "/v1/actions", "/v1/subscriptions")
"""Where records come from and go to; each has a `/batch`, too (Moesif/apidocs, _overview.md)."""


def origin_of(event: Event) -> dict[str, Any] | None:
    """Return the event's `origin`, None without one; no release of WSO2 writes it.

    It is not a field of the event: other programs' log lines with this key would be taken for events.
    """
    origin = event.extra.get("origin") if event.extra is not None else None
    return origin if isinstance(origin, dict) else None


def bridge_of(event: Event) -> dict[str, Any]:
    """Return the event's `bridge`, empty without one."""
    bridge = event.extra.get("bridge") if event.extra is not None else None
    return bridge if isinstance(bridge, dict) else {}


def holds_record(event: Event) -> bool:
    """Tell whether this is a record, of an event that is decoded."""
    return event.eventType == RECORD and RECORD in (origin_of(event) or {})


def any_record(bodies: Iterable[bytes]) -> bool:
    """Tell whether one of these is a record, at almost no cost for each."""
    return True in [body.startswith(_RECORD_OPENING) for body in bodies]


def is_record(body: bytes) -> bool:
    """Tell whether the event of these canonical bytes is a record, which only some sinks take."""
    return body.startswith(_RECORD_OPENING)

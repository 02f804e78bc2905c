"""`origin` of an event: what a Moesif SDK or AWS sent and the flat form has no place for."""

from typing import Any

from bridge.events import Event


def origin_of(event: Event) -> dict[str, Any] | None:
    """Return the event's `origin`, None without one; no release of WSO2 writes it.

    It is no field of the event, or other programs' log lines with this key would be taken for events.
    """
    origin = event.extra.get("origin") if event.extra is not None else None
    return origin if isinstance(origin, dict) else None

"""An event as Moesif's searches show it: `_source`, made of the fields that lists of events here have.

Each field is under Moesif's name for it, and under WSO2's in `metadata`, where Moesif has it of a WSO2 gateway's
events. What a list does not have (headers, bodies) is not there.
"""

from collections.abc import Mapping
from typing import Any

from bridge.formats.moesif.names import FIELD_OF


def stored_event(event: Mapping[str, Any], org: str, app: str) -> dict[str, Any]:
    """Return `_source` of an event; `event`: its fields by name, with `id` and `time` in ISO 8601."""
    source: dict[str, Any] = {
        "id": event["id"],
        "org_id": org,
        "app_id": app,
        "event_type": "api_call",
        "weight": 1,
        "request": {"time": event["time"]},
    }
    for name, field in FIELD_OF.items():
        if event.get(field) is None:
            continue
        *path, last = name.split(".")
        place = source
        for step in path:
            place = place.setdefault(step, {})
        place[last] = event[field]
    return source

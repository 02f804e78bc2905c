"""Finds filters that no event can match: a slip in a field's name, or an unknown type of event."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from bridge.document.faults import Faults, nearest
from bridge.events.event import NAMES, Event
from bridge.settings.routing import Route

_EVENT_TYPES: Final = ("response", "fault")
_FIELDS: Final = frozenset(Event.__struct_fields__) - {"properties", "extra"}


def refuse_idle_filters(sinks: Mapping[str, Route], faults: Faults) -> None:
    """Note each of them: it would let everything through, or nothing."""
    for name, route in sinks.items():
        for setting in ("only", "exclude"):
            for field, values in getattr(route.settings, setting).items():
                key = f"bridge.sinks.{name}.{setting}.{field}"
                known = NAMES.canonical(field)
                if known == "eventType":
                    for value in values:
                        if value not in _EVENT_TYPES:
                            faults.add(
                                key, f'no event is of the type "{value}"', nearest(value, _EVENT_TYPES)
                            )
                elif "." not in field and known not in _FIELDS:
                    close = get_close_matches(field, _FIELDS, n=1, cutoff=0.8)
                    if close:
                        faults.add(key, "no event has this field", f'did you mean "{close[0]}"?')

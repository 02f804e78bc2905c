"""Which events a sink wants: its `only` and `exclude` settings, and whether it takes records."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.events import Event
from bridge.shaping.origin import RECORD, is_record


class Filter:
    """Compares fields as text; a field is a name of WSO2's or a dotted path into `properties`."""

    def __init__(
        self,
        only: Mapping[str, Sequence[str]],
        exclude: Mapping[str, Sequence[str]],
        *,
        takes_records: bool = True,
    ) -> None:
        self._only = {field: frozenset(values) for field, values in only.items()}
        self._exclude = {field: frozenset(values) for field, values in exclude.items()}
        self._by_fields = bool(only or exclude)
        self._takes_records = takes_records

    def wants_all(self, events: Sequence[Event]) -> bool:
        """Whether there is nothing to leave out; False may be said though there is not."""
        if self._by_fields:
            return False
        # One look at a field of each event; what stands there is looked at closely only if it is this word.
        return self._takes_records or RECORD not in [event.eventType for event in events]

    def wants(self, event: Event) -> bool:
        """Whether every `only` field has one of its values, no `exclude` field has one, and a record is taken."""
        if not self._takes_records and is_record(event):
            return False
        return all(field_text(event, field) in values for field, values in self._only.items()) and not any(
            field_text(event, field) in values for field, values in self._exclude.items()
        )


def field_text(event: Event, field: str) -> str | None:
    """Return a field as text, None if the event does not have it.

    `eventType` is told for every event, though WSO2's log leaves it out.
    """
    if field == "eventType" and event.eventType is None:
        return "fault" if event.is_fault else "response"
    owner: Any = event
    name = field
    if field.startswith("properties."):
        owner, name = event.properties, field.removeprefix("properties.")
        name = {"x-original-gw-url": "gateway_url", "deployment-type": "deployment_type"}.get(name, name)
    if owner is None or name in {"extra", "properties"}:
        return None
    value = getattr(owner, name, None) if not name.startswith("_") else None
    if value is None and owner.extra:
        value = owner.extra.get(name)
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case _:
            return str(value)

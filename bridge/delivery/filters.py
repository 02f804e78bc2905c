"""Which events a sink wants: its `only` and `exclude` settings, and whether it takes records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.events.decoding import decoded
from bridge.events.event import NAMES, PROPERTIES_NAMES, Event, is_fault
from bridge.events.origin import any_record, is_record


class Filter:
    """Compares fields as text; a field is a name of WSO2's, in any spelling, or one in `properties` behind a dot."""

    def __init__(
        self,
        only: Mapping[str, Sequence[str]],
        exclude: Mapping[str, Sequence[str]],
        *,
        takes_records: bool = True,
    ) -> None:
        self._only = [(_settled(field), frozenset(values)) for field, values in only.items()]
        self._exclude = [(_settled(field), frozenset(values)) for field, values in exclude.items()]
        self._by_fields = bool(only or exclude)
        self._takes_records = takes_records

    def wants_all(self, bodies: Sequence[bytes]) -> bool:
        """Whether there is nothing to leave out."""
        return not self._by_fields and (self._takes_records or not any_record(bodies))

    def wanted(self, bodies: Sequence[bytes]) -> Iterator[bool]:
        """Yield for each event whether it is wanted."""
        for body, event in zip(bodies, decoded(bodies), strict=True):
            yield (self._takes_records or not is_record(body)) and self._has_wanted_fields(event)

    def _has_wanted_fields(self, event: Event) -> bool:
        return all(field_text(event, field) in values for field, values in self._only) and not any(
            field_text(event, field) in values for field, values in self._exclude
        )


def _settled(field: str) -> str:
    """Return a field by the name under which events are journalled, however a gateway writes it."""
    owner, dot, name = field.partition(".")
    return (
        f"properties.{PROPERTIES_NAMES.canonical(name)}"
        if dot and owner == "properties"
        else NAMES.canonical(field)
    )


def field_text(event: Event, field: str) -> str | None:
    """Return a field as text, None if the event does not have it.

    `eventType` is told for every event, though WSO2's log leaves it out.
    """
    if field == "eventType" and event.eventType is None:
        return "fault" if is_fault(event) else "response"
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

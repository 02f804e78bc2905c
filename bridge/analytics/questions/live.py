"""Filters in memory, for the live stream: what passes here is what passes in SQL.

Tests of texts are made by the store's engine, which both ways share; each text is asked about once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.events import kind_of, status_class_of
from bridge.analytics.questions.filters import SETS, TEXTS, CallFilter, Test
from bridge.analytics.questions.intervals import instant
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.questions.texts import passing
from bridge.analytics.store import Fed, Store

_MOST_TEXTS: Final = 10_000
_RANGES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "at_least": lambda value, bound: bool(value >= bound),
    "above": lambda value, bound: bool(value > bound),
    "at_most": lambda value, bound: bool(value <= bound),
    "below": lambda value, bound: bool(value < bound),
}


def live_values(fed: Fed) -> dict[str, Any]:
    """Return an event of the feed by fields, without those that it does not have."""
    said = fed.event.get("correlationId")
    known = {"correlation_id": said} if isinstance(said, str) else {}
    return {"id": fed.id, "time": fed.time_ms * 1000, **fed.values, **known}


def admitting(sandbox: Sandbox) -> Callable[[Fed], bool]:
    """Return what tells at once which events of the feed may be in a sandbox.

    Tests of texts are the engine's, and are left to `LiveFilters`; all others are made here.
    """
    filters = [
        CallFilter(one.field, tests)
        for one in sandbox.filters
        if (tests := tuple(test for test in one.tests if test.name not in TEXTS))
    ]
    earliest, latest = sandbox.earliest, sandbox.latest

    def admits(fed: Fed) -> bool:
        time = fed.time_ms * 1000
        if (earliest is not None and time < earliest) or (latest is not None and time >= latest):
            return False
        return all(holds_at_once(test, value_of(one, fed.values)) for one in filters for test in one.tests)

    return admits


def is_told_at_once(sandbox: Sandbox) -> bool:
    """Return whether `admitting` tells all that holds a sandbox."""
    return not any(test.name in TEXTS for one in sandbox.filters for test in one.tests)


class LiveFilters:
    """The filters of one who watches; `values` are an event's columns with texts, without those that it has not."""

    def __init__(self, filters: Sequence[CallFilter], zone: ZoneInfo, store: Store) -> None:
        self._filters = filters
        self._zone = zone
        self._store = store
        self._known: dict[tuple[str, str], dict[str, bool]] = {
            (TEXTS[test.name][0], test.value): {}
            for one in filters
            for test in one.tests
            if test.name in TEXTS
        }

    async def passing(self, events: Sequence[Mapping[str, Any]], seconds: float) -> list[Mapping[str, Any]]:
        """Return those of the events that pass all filters; raises QuestionTooLong."""
        await self._learn(events, seconds)
        return [values for values in events if all(self._passes(one, values) for one in self._filters)]

    async def _learn(self, events: Iterable[Mapping[str, Any]], seconds: float) -> None:
        for one in self._filters:
            for test in one.tests:
                if test.name not in TEXTS:
                    continue
                name, value = TEXTS[test.name][0], test.value
                known = self._known[name, value]
                texts = {self._value(one, values) for values in events} - {None} - known.keys()
                if len(known) + len(texts) > _MOST_TEXTS:
                    known.clear()
                    texts = {self._value(one, values) for values in events} - {None}
                if texts:
                    passed = await passing(name, value, texts, self._store, seconds)
                    known.update((text, text in passed) for text in texts)

    def _value(self, one: CallFilter, values: Mapping[str, Any]) -> Any:
        match one.field.name:
            case "hour":
                return instant(values["time"], self._zone).hour
            case "weekday":
                return instant(values["time"], self._zone).isoweekday()
            case _:
                return value_of(one, values)

    def _passes(self, one: CallFilter, values: Mapping[str, Any]) -> bool:
        value = self._value(one, values)
        return all(self._holds(test, value) for test in one.tests)

    def _holds(self, test: Test, value: Any) -> bool:
        if test.name in TEXTS:
            name, denies = TEXTS[test.name]
            return (value is not None and self._known[name, test.value][value]) is not denies
        return holds_at_once(test, value)


def value_of(one: CallFilter, values: Mapping[str, Any]) -> Any:
    """Return what an event has of a filter's field, None for nothing."""
    match one.field.name:
        case "kind":
            return kind_of(values)
        case "status_class":
            return status_class_of(values)
        case name:
            return values.get(name)


def holds_at_once(test: Test, value: Any) -> bool:
    """Return whether a value passes a test that is none of texts."""
    if test.name in SETS:
        return (value in test.value) is not SETS[test.name]
    return value is not None and _RANGES[test.name](value, test.value)

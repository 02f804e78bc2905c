"""Rules: a condition on a question, its window, and what is said of it where. Read from JSON, and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.analytics.questions.fields import DIMENSIONS, MEASURES, Field, FieldKind, Measure
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.intervals import Interval
from bridge.analytics.questions.words import known, one_of
from bridge.document.units import parse_duration
from bridge.errors import Unanswerable

SILENCE: Final = "silence"
"""Instead of a measure: there is no call."""
WEEK_BEFORE: Final = "week_before"
UNKNOWN: Final = ("fire", "keep")
"""What becomes of a rule whose figure nobody can know, because a bridge is not heard."""
MOST_NAME: Final = 100
MOST_BY: Final = 2
MOST_CHANNELS: Final = 10
RULE_ID: Final = r"[a-z0-9][a-z0-9-]{0,63}"
KEYS: Final = (
    *("name", "on", "measure", "per_minute", "by", "filters", "window", "above", "below", "against"),
    *("least_calls", "for", "quiet", "resolved", "when_unknown", "channels"),
)
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND


@dataclass(frozen=True, slots=True)
class AlertWindow:
    """How long a rule looks back, and how far apart it looks; the longer the one, the longer the other."""

    name: str
    words: str
    length: int
    """Microseconds."""
    step: Interval

    @property
    def steps(self) -> int:
        """How many steps it is long."""
        return self.length // self.step.microseconds


def _window(name: str, words: str, minutes: int, step: int) -> AlertWindow:
    interval = Interval("1h" if step == 60 else f"{step}m", step * _MINUTE)
    return AlertWindow(name, words, minutes * _MINUTE, interval)


WINDOWS: Final[Mapping[str, AlertWindow]] = {
    window.name: window
    for window in (
        _window("1m", "1 minute", 1, 1),
        _window("2m", "2 minutes", 2, 1),
        _window("5m", "5 minutes", 5, 1),
        _window("10m", "10 minutes", 10, 1),
        _window("15m", "15 minutes", 15, 1),
        _window("30m", "30 minutes", 30, 5),
        _window("1h", "1 hour", 60, 5),
        _window("2h", "2 hours", 120, 10),
        _window("3h", "3 hours", 180, 15),
        _window("6h", "6 hours", 360, 30),
        _window("12h", "12 hours", 720, 60),
        _window("24h", "24 hours", 1440, 60),
    )
}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """What is watched, and what is said of it where."""

    name: str
    on: bool
    measure: Measure
    silence: bool
    """Whether it holds where there is no call; the measure is `calls` then."""
    per_minute: bool
    by: tuple[Field, ...]
    """Each combination of values is watched for itself."""
    filters: tuple[CallFilter, ...]
    window: AlertWindow
    above: bool
    """Whether it holds above the threshold, or below it."""
    threshold: float
    """In the measure's unit; `against` a week before, as a share of what was then: 0.5 is half as much again."""
    against_week: bool
    least_calls: int
    """Fewer calls in a window say nothing."""
    wait_seconds: float
    """How long it has to hold before it is said."""
    quiet_seconds: float
    """How long nothing more is said of the same after an alert."""
    says_resolved: bool
    fires_unknown: bool
    """Whether it holds when a bridge is not heard; else it stays as it is."""
    channels: tuple[str, ...]

    @property
    def holds_by_lack(self) -> bool:
        """Whether calls that are not there can make it hold."""
        return self.measure.counts and not self.above

    @property
    def condition(self) -> tuple[object, ...]:
        """What its state belongs to: with another condition it starts anew."""
        measured = (self.measure.name, self.silence, self.per_minute, self.by, self.filters)
        compared = (self.window.name, self.above, self.threshold, self.against_week, self.least_calls)
        return (*measured, *compared, self.wait_seconds)


def read_rule(given: Any) -> AlertRule:
    """Return the rule that a JSON object is.

    Raises Unanswerable.
    """
    if not isinstance(given, dict):
        raise Unanswerable("a rule is a JSON object", "see the examples in /api/openapi.json")
    for key in given:
        one_of(key, KEYS, "key", str(key)[:60])
    measure, silence = _measure(given)
    per_minute = _truth(given, "per_minute", default=False)
    if per_minute and (silence or not (measure.counts or measure.uses[0].endswith("_sum"))):
        raise Unanswerable(
            f"{measure.name} has no figure per minute", "leave per_minute out", field="per_minute"
        )
    above, threshold = (False, 1.0) if silence else _threshold(given)
    if silence and given.keys() & {"above", "below", "against", "least_calls"}:
        raise Unanswerable(
            "silence has no threshold: it holds where there is no call in the window",
            "leave above, below, against and least_calls out",
            field="measure",
        )
    against = given.get("against")
    if against is not None:
        one_of(against, (WEEK_BEFORE,), "comparison", "against")
    by_lack = silence or (measure.counts and not above)
    unknown = one_of(
        given.get("when_unknown", "fire" if silence else "keep"), UNKNOWN, "word", "when_unknown"
    )
    if unknown == "fire" and not by_lack:
        raise Unanswerable(
            "missing data make only silence, and counts below a threshold, hold",
            'leave when_unknown out, and watch "silence" by instance',
            field="when_unknown",
        )
    return AlertRule(
        name=read_name(given),
        on=_truth(given, "on", default=True),
        measure=measure,
        silence=silence,
        per_minute=per_minute,
        by=_by(given),
        filters=read_filters(given.get("filters")),
        window=known(given.get("window", "10m"), WINDOWS, "window", "window"),
        above=above,
        threshold=threshold,
        against_week=against is not None,
        least_calls=_least_calls(given),
        wait_seconds=_seconds(given, "for", 0, 86400),
        quiet_seconds=_seconds(given, "quiet", 4 * 3600, 7 * 86400, least=60),
        says_resolved=_truth(given, "resolved", default=True),
        fires_unknown=unknown == "fire",
        channels=_channels(given),
    )


def read_name(given: Mapping[str, Any]) -> str:
    """Return the name of what people make: one line; raises Unanswerable."""
    name = given.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MOST_NAME or not name.isprintable():
        raise Unanswerable(
            f"name is not a line of 1 to {MOST_NAME} characters", "say what it is", field="name"
        )
    return name.strip()


def _measure(given: Mapping[str, Any]) -> tuple[Measure, bool]:
    name = given.get("measure")
    if name == SILENCE:
        return MEASURES["calls"], True
    figures = {name: one for name, one in MEASURES.items() if one.sorts and one.unit != "time"}
    if name is None:
        raise Unanswerable("the rule has no measure", 'add "measure": "error_rate"', field="measure")
    return known(name, figures, "measure", "measure"), False


def _threshold(given: Mapping[str, Any]) -> tuple[bool, float]:
    there = [key for key in ("above", "below") if given.get(key) is not None]
    if len(there) != 1:
        raise Unanswerable(
            "a rule has either above or below",
            'write it like "above": 0.05',
            field=there[0] if there else "above",
        )
    value = given[there[0]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**62:
        raise Unanswerable(f"{there[0]} is not a number", 'write it like "above": 0.05', field=there[0])
    return there[0] == "above", float(value)


def _by(given: Mapping[str, Any]) -> tuple[Field, ...]:
    names = given.get("by")
    names = [names] if isinstance(names, str) else names or []
    if not isinstance(names, list) or len(names) > MOST_BY or len({*map(str, names)}) < len(names):
        raise Unanswerable(
            f"by is not a list of at most {MOST_BY} different fields",
            'write it like "by": ["api"]',
            field="by",
        )
    fields = tuple(known(name, DIMENSIONS, "dimension", "by") for name in names)
    for field in fields:
        # A state and its history would keep what is personal beyond what the store lets go of.
        if field.kind is FieldKind.PERSON or field.name in {"correlation_id", "hour", "weekday"}:
            raise Unanswerable(
                f"a rule cannot be by {field.name}: its values are personal, or are not watched one by one",
                "use a filter, or another field",
                field="by",
            )
    return fields


def _truth(given: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise Unanswerable(f"{key} is neither true nor false", "give one of them", field=key)
    return value


def _least_calls(given: Mapping[str, Any]) -> int:
    value = given.get("least_calls", 0)
    if type(value) is not int or not 0 <= value < 2**31:
        raise Unanswerable("least_calls is not a whole number", "correct it", field="least_calls")
    return value


def _seconds(given: Mapping[str, Any], key: str, default: float, most: float, least: float = 0) -> float:
    value = given.get(key, default)
    try:
        seconds = -1.0 if isinstance(value, bool) else parse_duration(value)
    except (ValueError, TypeError):
        seconds = -1.0
    if not least <= seconds <= most:
        raise Unanswerable(
            f"{key} is not a duration from {least:g} seconds to {most / 86400:g} days",
            'write it like "30m"',
            field=key,
        )
    return float(seconds)


def _channels(given: Mapping[str, Any]) -> tuple[str, ...]:
    names = given.get("channels", [])
    if not isinstance(names, list) or len(names) > MOST_CHANNELS:
        raise Unanswerable(
            f"channels is not a list of at most {MOST_CHANNELS} ids",
            'write it like ["ops"]',
            field="channels",
        )
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(RULE_ID, name, re.ASCII):
            raise Unanswerable(
                f'channels: "{str(name)[:60]}" is not the id of a channel',
                "take one from /api/channels",
                field="channels",
            )
    return tuple(dict.fromkeys(names))

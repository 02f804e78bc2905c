"""A question as a caller asks it, read from JSON and checked against the fixed lists."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from bridge.analytics.questions.fields import DIMENSIONS, MEASURES, Field, Measure
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.intervals import INTERVALS, Interval, starts
from bridge.analytics.questions.periods import Period, read_period
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.questions.words import known, one_of
from bridge.errors import Unanswerable

DEFAULT_FROM: Final = "-24h"
DEFAULT_TO: Final = "now"
MOST_MEASURES: Final = 100
MOST_DIMENSIONS: Final = 6
MOST_ROWS: Final = 100_000
_DEFAULT_LIMIT: Final = 100
_DEFAULT_SERIES: Final = 10
KEYS: Final = (
    "measures",
    "by",
    "filters",
    "from",
    "to",
    "interval",
    "compare",
    "order",
    "limit",
    "time_zone",
)


@dataclass(frozen=True, slots=True)
class Order:
    """What rows are ordered by."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Measures by dimensions, over the calls of a period that pass the filters."""

    measures: tuple[Measure, ...]
    by: tuple[Field, ...]
    filters: tuple[CallFilter, ...]
    period: Period
    interval: Interval | None
    compares: bool
    order: tuple[Order, ...]
    limit: int
    """Rows; with `interval` series, one for each combination of dimensions."""
    times: tuple[int, ...] = ()
    """With `interval`: when each bucket begins."""
    slides: int = 1
    """With `interval`: of how many buckets each row is, the last of which its time names."""
    sandbox: Sandbox | None = None

    def within(self, sandbox: Sandbox | None) -> Self:
        """Return the question as it is asked in a sandbox; raises Unanswerable for what that does not show."""
        if sandbox is None:
            return self
        sandbox.require_measures(self.measures)
        sandbox.require((field.name for field in self.by), "by")
        sandbox.require((one.field.name for one in self.filters), "filters")
        return replace(self, sandbox=sandbox)


def read_question(given: Any, *, now: datetime, zone: ZoneInfo, most_rows: int = MOST_ROWS) -> Question:
    """Return the question that a JSON object asks; `zone` is for those that name none.

    Raises Unanswerable.
    """
    if not isinstance(given, dict):
        raise Unanswerable("a question is a JSON object", 'write it like {"measures": ["calls"]}')
    for key in given:
        one_of(key, KEYS, "key", str(key)[:60])
    zone = read_zone(given.get("time_zone"), zone)
    measures = tuple(known(name, MEASURES, "measure", "measures") for name in _names(given, "measures"))
    if not measures:
        raise Unanswerable("the question has no measures", 'add "measures": ["calls"]', field="measures")
    by = tuple(known(name, DIMENSIONS, "dimension", "by") for name in _names(given, "by"))
    period = read_period(_text(given, "from") or DEFAULT_FROM, _text(given, "to") or DEFAULT_TO, zone, now)
    interval_name = _text(given, "interval")
    interval = known(interval_name, INTERVALS, "interval", "interval") if interval_name else None
    compare = _text(given, "compare")
    if compare:
        one_of(compare, ("previous",), "comparison", "compare")
    limit = _limit(given, most_rows, _DEFAULT_LIMIT if interval is None else _DEFAULT_SERIES)
    times: tuple[int, ...] = ()
    if interval is not None:
        times = _times(period, interval, most_rows // (limit if by else 1))
    return Question(
        measures=measures,
        by=by,
        filters=read_filters(given.get("filters")),
        period=period,
        interval=interval,
        compares=bool(compare),
        order=_order(given.get("order"), measures, by, interval),
        limit=limit,
        times=times,
    )


def read_zone(name: Any, default: ZoneInfo) -> ZoneInfo:
    """Return the time zone of a name, or the default where there is none; raises Unanswerable."""
    if name is None:
        return default
    try:
        return ZoneInfo(name)
    except (TypeError, ValueError, OSError, KeyError):
        raise Unanswerable(
            f'time_zone: "{str(name)[:60]}" is not a time zone',
            'use a name such as "Europe/Berlin" or "UTC"',
            field="time_zone",
        ) from None


def _names(given: Mapping[str, Any], key: str) -> list[Any]:
    names = given.get(key)
    most = MOST_MEASURES if key == "measures" else MOST_DIMENSIONS
    if names is None:
        return []
    if not isinstance(names, list) or len(names) > most:
        raise Unanswerable(
            f"{key} is not a list of at most {most} names", f'write it like "{key}": ["…"]', field=key
        )
    texts = [str(name) for name in names]
    if len(set(texts)) < len(texts):
        raise Unanswerable(f"{key} names one twice", "name each once", field=key)
    return names


def _text(given: Mapping[str, Any], key: str) -> str:
    text = given.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise Unanswerable(f"{key} is not a text", "put it in quotes", field=key)
    return text


def _limit(given: Mapping[str, Any], most: int, default: int) -> int:
    limit = given.get("limit")
    if limit is None:
        return default
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
        raise Unanswerable(f"limit is not a whole number from 1 to {most}", "correct it", field="limit")
    return limit


def _times(period: Period, interval: Interval, most: int) -> tuple[int, ...]:
    times = starts(period.start, period.end, interval, period.zone, most=most)
    if times is None or len(times) > most:
        raise Unanswerable(
            f"the answer would have more than {most} buckets of {interval.name}",
            "choose a longer interval, a shorter period, or a smaller limit",
            field="interval",
        )
    return tuple(times)


def _order(
    given: Any, measures: tuple[Measure, ...], by: tuple[Field, ...], interval: Interval | None
) -> tuple[Order, ...]:
    if given is None:
        first = next((measure for measure in measures if measure.sorts), None)
        return (Order(first.name, descending=True),) if first else ()
    names = given if isinstance(given, list) else [given]
    sortable = {measure.name for measure in measures if measure.sorts} | {
        # Names of people are in another store than what is ordered.
        field.name
        for field in by
        if field.kind.value != "person"
    }
    if interval is not None:
        sortable.add("time")
    order = []
    for name in names:
        text = str(name)
        one_of(text.removeprefix("-"), sorted(sortable), "name to order by", "order")
        order.append(Order(text.removeprefix("-"), text.startswith("-")))
    return tuple(order)

"""What a rule looks at: the figures of its window, for each combination of values, now or over weeks that are gone.

Now and then are asked by the same question; over a time that is gone its buckets slide (`Question.slides`), so that
one answer has the figure of every window. What is made of the answers is the same function for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.alerts.rules import AlertRule
from bridge.analytics.alerts.states import GroupKey
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.fields import DIMENSIONS, MEASURES, Measure
from bridge.analytics.questions.intervals import offsets
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.question import Order, Question
from bridge.errors import Unanswerable

WEEK: Final = 7 * 86_400_000_000
KNOWN_FOR: Final = WEEK
"""So long before its window a group is looked for: one that had no call in it is not missed. Microseconds."""
MOST_GROUPS: Final = 1000
"""More are not watched: the rule fails, and says so."""
_GATEWAY: Final = "instance"


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """What a question gave for one group in one window."""

    calls: int
    value: float | None
    """Of the rule's measure; None where no call has one."""


@dataclass(frozen=True, slots=True)
class WindowFinding:
    """What a rule makes of one group in one window."""

    holds: bool
    value: float | None
    """What the threshold is compared with; None: there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class SlidingFigures:
    """What a question gave for windows that follow each other by a step."""

    series: Mapping[GroupKey, Mapping[int, WindowFigures]]
    """By group and end of the window (µs); one without a call has no entry."""
    groups: int
    """How many groups there are in all."""
    approximate: bool


NO_CALLS: Final = WindowFigures(0, None)


def last_window_end(rule: AlertRule, at: int, zone: ZoneInfo) -> int:
    """Return when the last window that is over at a time (µs) ended: windows end at whole steps of local time."""
    shift = offsets(at, at + 1, zone)[0].shift
    return at - (at + shift) % rule.window.step.microseconds


def found(rule: AlertRule, now: WindowFigures, week_before: WindowFigures) -> WindowFinding:
    """Return what the rule makes of a window's figures; those of a week before count only where it compares."""
    value = _value(rule, now)
    if rule.against_week:
        before = _value(rule, week_before)
        enough = now.calls >= rule.least_calls or rule.holds_by_lack
        if value is None or not before or not enough or week_before.calls < rule.least_calls:
            return WindowFinding(holds=False, value=None)
        value = (value - before) / before
    elif value is None or now.calls < rule.least_calls:
        return WindowFinding(holds=False, value=value)
    return WindowFinding(value > rule.threshold if rule.above else value < rule.threshold, value)


def _value(rule: AlertRule, figures: WindowFigures) -> float | None:
    value = figures.value
    if value is None:
        if not rule.measure.counts:
            return None
        value = 0
    return value / (rule.window.length / 60_000_000) if rule.per_minute else value


class RuleFigures:
    """Asks for what a rule looks at."""

    def __init__(self, answerer: Answerer, zone: ZoneInfo, seconds: float) -> None:
        """`seconds`: how long one question may take."""
        self._answerer = answerer
        self._zone = zone
        self._seconds = seconds

    async def window(self, rule: AlertRule, end: int) -> dict[GroupKey, WindowFigures]:
        """Return the figures of the groups with calls in the window that ends then.

        Raises QuestionTooLong, Unanswerable, StoreWaits.
        """
        rows = await self._rows(self._question(rule, end - rule.window.length, end), rule)
        return {_key(rule, row): _figures(rule, row) for row in rows}

    async def known(self, rule: AlertRule, end: int) -> dict[GroupKey, set[str]]:
        """Return the groups that had calls in the window or the week before it, each with its gateways."""
        by = rule.by if _GATEWAY in {field.name for field in rule.by} else (*rule.by, DIMENSIONS[_GATEWAY])
        start = end - rule.window.length - KNOWN_FOR
        question = self._question(rule, start, end, measures=(MEASURES["calls"],))
        rows = await self._rows(replace(question, by=by, limit=10 * MOST_GROUPS), rule)
        groups: dict[GroupKey, set[str]] = {}
        for row in rows:
            gateways = groups.setdefault(_key(rule, row), set())
            if row[_GATEWAY] is not None:
                gateways.add(row[_GATEWAY])
        return groups

    async def sliding(self, rule: AlertRule, start: int, end: int, most: int) -> "SlidingFigures":
        """Return the figures of each window that ends from `start` to `end`, of so many groups, those of most calls."""
        step = rule.window.step.microseconds
        question = self._question(rule, start - rule.window.length, end)
        question = replace(question, interval=rule.window.step, slides=rule.window.steps, limit=most)
        rows, groups, approximate = await self._answerer.raw(question, self._seconds)
        width = len(rule.by)
        series: dict[GroupKey, dict[int, WindowFigures]] = {}
        for row in rows:
            ended = row[width] + step
            if start <= ended <= end:
                series.setdefault(row[:width], {})[ended] = WindowFigures(row[width + 1], row[width + 2])
        return SlidingFigures(series, groups, bool(approximate))

    def _question(self, rule: AlertRule, start: int, end: int, measures: Sequence[Measure] = ()) -> Question:
        return Question(
            measures=tuple(measures) or (MEASURES["calls"], rule.measure),
            by=rule.by,
            filters=rule.filters,
            period=Period(start, end, self._zone),
            interval=None,
            compares=False,
            order=(Order("calls", descending=True),),
            limit=MOST_GROUPS,
        )

    async def _rows(self, question: Question, rule: AlertRule) -> list[dict[str, Any]]:
        rows, groups, _ = await self._answerer.rows(question, self._seconds)
        if groups > question.limit:
            names = " and ".join(field.name for field in rule.by)
            raise Unanswerable(
                f"there are {groups} values of {names}, and a rule watches at most {MOST_GROUPS}",
                "add a filter, or take another field",
                field="by",
            )
        return rows


def _key(rule: AlertRule, row: Mapping[str, Any]) -> GroupKey:
    return tuple(row[field.name] for field in rule.by)


def _figures(rule: AlertRule, row: Mapping[str, Any]) -> WindowFigures:
    return WindowFigures(row["calls"], row[rule.measure.name])

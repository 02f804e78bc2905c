"""A rule over time that is gone: when it would have fired, by the same steps that watching takes.

One question, or two where it compares with the week before, gives the figures of all windows; so a month of minutes
takes one pass over its calls. What a bridge did not send then nobody knows any more: all are taken as heard.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from bridge.analytics.alerts.figures import (
    KNOWN_FOR,
    MOST_GROUPS,
    WEEK,
    RuleFigures,
    SlidingFigures,
    WindowFigures,
    last_window_end,
)
from bridge.analytics.alerts.observing import WindowLook, observed
from bridge.analytics.alerts.rules import AlertRule
from bridge.analytics.alerts.states import AlertState, GroupKey, Happened, after
from bridge.errors import Unanswerable

MOST_LOOKS: Final = 400_000
"""Windows times groups; of more groups, those of most calls are tried."""
MOST_DAYS: Final = 100
_POINTS: Final = 400
_Series = Mapping[GroupKey, Mapping[int, WindowFigures]]


@dataclass(frozen=True, slots=True)
class PastAlert:
    """An alert that would have been; times are ends of windows, in microseconds."""

    group: GroupKey
    start: int
    end: int | None
    """None: it would still fire."""
    worst: float | None
    """The figure that was farthest beyond the threshold."""


@dataclass(frozen=True, slots=True)
class PastTrial:
    """What a rule would have done."""

    alerts: tuple[PastAlert, ...]
    said: int
    """How many notices would have been sent, the resolved ones not counted."""
    ends: tuple[int, ...]
    """When the points of `values` are."""
    values: tuple[float | None, ...]
    """The figure that was nearest to hold, or held most, of all groups."""
    groups: int
    tried: int
    looks: int
    """Windows that were looked at."""
    approximate: bool


async def try_past(rule: AlertRule, figures: RuleFigures, start: int, end: int, zone: ZoneInfo) -> PastTrial:
    """Return what a rule would have done in the windows that ended from `start` to `end`, in microseconds.

    Raises Unanswerable, QuestionTooLong.
    """
    step = rule.window.step.microseconds
    last = last_window_end(rule, end, zone)
    first = last_window_end(rule, start + step - 1, zone)
    if first > last:
        raise Unanswerable("no window ends in this period", "choose a longer period", field="from")
    if last - first > MOST_DAYS * 86_400_000_000:
        raise Unanswerable(
            f"the period is longer than {MOST_DAYS} days", "choose a shorter one", field="from"
        )
    ends = range(first, last + 1, step)
    missed = KNOWN_FOR if rule.holds_by_lack and rule.by else 0
    looks = len(ends) + missed // step
    most = min(MOST_GROUPS, max(1, MOST_LOOKS // looks))
    now = await figures.sliding(rule, first - missed, last, most)
    before = await figures.sliding(rule, first - WEEK, last - WEEK, most) if rule.against_week else None
    return await asyncio.to_thread(_tried, rule, now, before.series if before else {}, ends)


def _tried(rule: AlertRule, sliding: SlidingFigures, before: _Series, ends: range) -> PastTrial:
    now = sliding.series
    keys = sorted({*now, *before} if rule.by else {()}, key=str)
    alerts: list[PastAlert] = []
    said: set[int] = set()
    points: dict[int, float] = {}
    for key in keys:
        alerts += _of_group(rule, key, now.get(key, {}), before.get(key, {}), ends, said, points)
    alerts.sort(key=lambda alert: (alert.start, str(alert.group)))
    shown = ends[:: max(1, -(-len(ends) // _POINTS))]
    return PastTrial(
        alerts=tuple(alerts),
        said=len(said),
        ends=tuple(shown),
        values=tuple(points.get(place) for place in range(len(shown))),
        groups=max(sliding.groups, len(keys)),
        tried=len(keys),
        looks=len(ends),
        approximate=sliding.approximate,
    )


def _of_group(
    rule: AlertRule,
    key: GroupKey,
    now: Mapping[int, WindowFigures],
    before: Mapping[int, WindowFigures],
    ends: range,
    said: set[int],
    points: dict[int, float],
) -> Iterator[PastAlert]:
    """Yield the alerts of one group; adds when something would be said, and its figures to the chart's points."""
    each = max(1, -(-len(ends) // _POINTS))
    worse = max if rule.above else min
    state: AlertState | None = None
    began, worst = 0, None
    known_until = max((at for at in now if at < ends[0]), default=ends[0] - KNOWN_FOR - 1) + KNOWN_FOR
    for place, at in enumerate(ends):
        if at in now:
            known_until = at + KNOWN_FOR
        known = {key: ()} if not rule.by or at <= known_until else {}
        look = WindowLook(
            now={key: now[at]} if at in now else {},
            week_before={key: before[at - WEEK]} if at - WEEK in before else {},
            known=known,
            not_heard=(),
        )
        if rule.by and state is None and not (look.now or look.week_before or (known and rule.holds_by_lack)):
            continue
        seen = observed(rule, key, look, state)
        if seen.value is not None:
            points[place // each] = worse(points.get(place // each, seen.value), seen.value)
        step = after(rule, state, seen, at // 1000)
        state = step.state
        if step.says and step.happened is not Happened.RESOLVED:
            said.add(at)
        if step.happened is Happened.FIRED:
            began, worst = at, seen.value
        elif step.happened is Happened.RESOLVED:
            yield PastAlert(key, began, at, worst)
        elif state is not None and state.firing and seen.value is not None:
            worst = seen.value if worst is None else worse(worst, seen.value)
    if state is not None and state.firing:
        yield PastAlert(key, began, None, worst)

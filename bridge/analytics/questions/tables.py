"""Which table answers which part of a question: the rollup's cubes where they can, the facts for all else.

A cube can, if it has the columns of all dimensions and filters, and none of its rows lies in two buckets of the answer.
Then its rows answer for the spans that are rolled up, and the facts for the rest of the period, in one SELECT: the
answer is the same to the event. Quantiles alone are not; so they come from the facts as long as these are few.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from bridge.analytics.questions.filters import Condition
from bridge.analytics.questions.intervals import offsets
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.question import Question
from bridge.analytics.questions.sandbox import seen
from bridge.analytics.store import Snapshot
from bridge.analytics.store.cubes import ADDITIVE, CUBES, Cube, RolledSpan

EXACT_CALLS: Final = 1_000_000
"""Up to so many calls in the period, and the one before if it is compared, quantiles come from the facts."""
QUANTILES: Final = "_quantiles"
"""How the aggregate of a quantity's quantiles ends."""


@dataclass(frozen=True, slots=True)
class AnsweringTable:
    """What answers some aggregates of a question."""

    aggregates: tuple[str, ...]
    cube: Cube | None
    """None: the facts alone."""
    rolled: tuple[RolledSpan, ...] = ()
    """Where the cube's rows count."""


class AnsweringTables:
    """Finds the tables of one question."""

    def __init__(self, snapshot: Snapshot, question: Question, exact_calls: int, held: Condition) -> None:
        """`held`: what the calls of the question's sandbox pass; empty: all of them do."""
        self._snapshot = snapshot
        self._exact_calls = exact_calls
        self._held = held
        before = question.period.before() if question.compares else question.period
        shown = seen(replace(question.period, start=before.start), question.sandbox)
        self._start, self._end = shown.start, shown.end
        self.approximate: set[str] = set()
        """The aggregates that are not exact."""

    def of(self, question: Question, period: Period, aggregates: Sequence[str]) -> list[AnsweringTable]:
        """Return what answers these aggregates of a question over one period; each table has all calls."""
        shown = seen(period, question.sandbox)
        able = {
            cube: rolled
            for cube in CUBES
            if _covers(cube, question, period)
            and (rolled := self._snapshot.rolled(cube, shown.start, shown.end))
        }
        chosen: dict[Cube | None, list[str]] = {}
        for name in aggregates:
            if name not in ADDITIVE:
                chosen.setdefault(self._answering(name, able), []).append(name)
        # What can be added up costs little: it goes with what is read anyway, if it can.
        additive = [name for name in aggregates if name in ADDITIVE]
        if additive:
            places = (None,) if None in chosen else (*(cube for cube in chosen if cube), *able, None)
            place = next(cube for cube in places if cube is None or {*additive} <= {*cube.figures})
            chosen.setdefault(place, []).extend(additive)
        for cube, names in chosen.items():
            if cube is not None:
                self.approximate.update(name for name in names if name.endswith(QUANTILES))
        return [
            AnsweringTable(tuple(names), cube, () if cube is None else tuple(able[cube]))
            for cube, names in chosen.items()
        ]

    def _answering(self, aggregate: str, able: Iterable[Cube]) -> Cube | None:
        for cube in able:
            if cube.members == aggregate:
                return cube
            if cube.spread and aggregate == cube.spread + QUANTILES and self._many:
                return cube
        return None

    @cached_property
    def _many(self) -> bool:
        """Whether there are so many calls that quantiles come from the rollup; in a sandbox its own count."""
        if self._held.sql:
            counted = within((RolledSpan(self._start, self._end),))
            rows = self._snapshot.ask(
                f"SELECT count(*) FROM facts f WHERE {counted} AND {self._held.sql}", self._held.values
            )
            return int(rows[0][0]) > self._exact_calls
        rolled = self._snapshot.rolled(CUBES[0], self._start, self._end)
        rows = self._snapshot.ask(
            f"SELECT (SELECT coalesce(sum(calls), 0) FROM {CUBES[0].table} f WHERE {within(rolled)})"
            f" + (SELECT count(*) FROM facts f WHERE {within(rest(rolled, self._start, self._end))})",
            (),
        )
        return int(rows[0][0]) > self._exact_calls


def within(spans: Sequence[RolledSpan]) -> str:
    """Return the condition that a time lies in one of these spans, over a table `f`."""
    return " OR ".join(_between(*span) for span in spans) or "false"


def _between(start: int, end: int) -> str:
    return f"(f.time >= make_timestamp({start}) AND f.time < make_timestamp({end}))"


def rest(spans: Sequence[RolledSpan], start: int, end: int) -> list[RolledSpan]:
    """Return what of a period is in none of these spans."""
    borders = [start, *(border for span in spans for border in span), end]
    return [RolledSpan(*pair) for pair in zip(borders[::2], borders[1::2], strict=True) if pair[0] < pair[1]]


def _covers(cube: Cube, question: Question, period: Period) -> bool:
    filters = question.filters if question.sandbox is None else (*question.filters, *question.sandbox.filters)
    fields = [*question.by, *(one.field for one in filters)]
    if not all(field.columns <= {*cube.by} for field in fields):
        return False
    steps = [field.local_step for field in fields if field.local_step]
    if question.interval is not None:
        steps.append(question.interval.microseconds)
    if any(step % cube.step for step in steps):
        return False
    return not steps or _aligned(cube.step, question, period)


def _aligned(step: int, question: Question, period: Period) -> bool:
    """Return whether local time, and the way to the period that it is compared with, moves by whole steps."""
    now = question.period
    stretches = [*offsets(period.start, period.end, period.zone), *offsets(now.start, now.end, now.zone)]
    if period is not now:
        stretches += period.way_to(now)
    # The first begins where the period does.
    return not any(
        one.shift % step or (one.start % step and one.start not in {period.start, now.start})
        for one in stretches
    )

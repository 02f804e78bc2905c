"""Calls of one period by dimensions (and bucket), with aggregates: the innermost SELECT of a question."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.analytics.questions.fields import Field, Measure
from bridge.analytics.questions.filters import CallFilter, Condition, FoundIds, PassingIds, condition
from bridge.analytics.questions.intervals import bucket, offsets, piecewise
from bridge.analytics.questions.partials import WantedCalls, partial
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.question import Question
from bridge.analytics.questions.sandbox import Sandbox, seen
from bridge.analytics.questions.tables import AnsweringTables, within
from bridge.analytics.store.cubes import ADDITIVE, RolledSpan

_TIME: Final = "epoch_us(f.time)"
_SLID: Final = " CROSS JOIN (SELECT unnest(range({})) AS later)"


_BESIDE: Final = " LEFT JOIN details x ON x.id = f.id AND x.time = f.time"


@dataclass(frozen=True, slots=True)
class Passing:
    """How the calls are found that pass filters: a condition over `facts f`, and what is joined with them for it."""

    where: Condition
    beside: str = ""


def calls_of(
    period: Period, filters: Sequence[CallFilter], ids: FoundIds, sandbox: Sandbox | None = None
) -> Passing:
    """Return how all calls of a period are found that pass the filters, in a sandbox or without one."""
    passing = _passing(period, filters, ids, sandbox)
    shown = seen(period, sandbox)
    times = within((RolledSpan(shown.start, shown.end),))
    where = passing.where
    return Passing(
        Condition(f"{times} AND {where.sql}" if where.sql else times, where.values), passing.beside
    )


def _passing(
    period: Period, filters: Sequence[CallFilter], ids: FoundIds, sandbox: Sandbox | None
) -> Passing:
    if sandbox is None:
        return Passing(_all_of(period, filters, ids.asked, (period.start, period.end)))
    held = held_in(period, sandbox, ids)
    asked = _all_of(period, filters, ids.asked, None)
    joined = any(one.field.name == "correlation_id" for one in filters)
    return Passing(inside(held, asked), _BESIDE if joined else "")


def inside(held: Condition, asked: Condition) -> Condition:
    """Return the condition of what is asked for, tried on nothing that is not held.

    DuckDB tries conditions in any order, and leaves out parts of the file by each of them: so it would take longer
    where a call outside has what was asked for. It tries what stands in a CASE on those rows alone that come to it.
    """
    if not held.sql or not asked.sql:
        return asked if asked.sql else held
    return Condition(
        f"({held.sql}) AND CASE WHEN {held.sql} THEN {asked.sql} ELSE false END",
        (*held.values, *held.values, *asked.values),
    )


def held_in(period: Period, sandbox: Sandbox, ids: FoundIds) -> Condition:
    """Return the condition of a sandbox's own filters."""
    return _all_of(period, sandbox.filters, ids.held, None)


def _all_of(
    period: Period, filters: Iterable[CallFilter], ids: PassingIds, beside: tuple[int, int] | None
) -> Condition:
    parts = [condition(one, _sql_in(period), ids, beside) for one in filters]
    return Condition(
        " AND ".join(f"({part.sql})" for part in parts),
        tuple(value for part in parts for value in part.values),
    )


class _sql_in:  # noqa: N801 - a function of a field, made for a period
    """Says what a field is in SQL, where the local time is that of a period."""

    def __init__(self, period: Period) -> None:
        self._period = period

    def __call__(self, field: Field) -> str:
        if "{local}" not in field.sql:
            return field.sql
        pieces = offsets(self._period.start, self._period.end, self._period.zone)
        return field.sql.format(local=f"({_TIME} + {piecewise(_TIME, pieces)})")


class Finder:
    """Makes that SELECT for each of a question's periods."""

    def __init__(self, ids: FoundIds, tables: AnsweringTables) -> None:
        self._ids = ids
        self._tables = tables

    def found(self, question: Question, period: Period, *, joined: str = "") -> Condition:
        """Return the SELECT: `d0`, … for the dimensions, `t` for the bucket, `a_NAME` for each aggregate.

        `joined`: a table that has the dimensions of the calls that are wanted.
        """
        sql_of = _sql_in(period)
        keys = {f"d{place}": sql_of(field) for place, field in enumerate(question.by)}
        passing = _passing(period, question.filters, self._ids, question.sandbox)
        beside = passing.beside or (
            _BESIDE if any(field.name == "correlation_id" for field in question.by) else ""
        )
        if joined:
            same = " AND ".join(f"{joined}.{key} IS NOT DISTINCT FROM {sql}" for key, sql in keys.items())
            beside += f" JOIN {joined} ON {same}"
        if question.interval is not None:
            now = question.period
            pieces = offsets(now.start, now.end, now.zone)
            keys["t"] = bucket(_moved_time(question, period), question.interval, pieces)
        percents = {
            measure.uses[0]: percents_of(question.measures, measure.uses[0])
            for measure in question.measures
            if measure.percent
        }
        aggregates = [*dict.fromkeys(name for measure in question.measures for name in measure.uses)]
        # What can be added up is counted once for each bucket; all else is counted anew in each row that it is in.
        added = question.slides > 1 and all(name in ADDITIVE for name in aggregates)
        if question.interval is not None and question.slides > 1 and not added:
            beside += _SLID.format(question.slides)
            keys["t"] = f"{keys['t']} + later * {question.interval.microseconds}"
        shown = seen(period, question.sandbox)
        wanted = WantedCalls(shown, keys, passing.where, beside, percents)
        partials = [partial(table, wanted) for table in self._tables.of(question, period, aggregates)]
        found = partials[0] if len(partials) == 1 else _joined([*keys], partials)
        return (
            _slid(found, question, [*keys], aggregates) if question.interval is not None and added else found
        )


def _slid(found: Condition, question: Question, keys: Sequence[str], aggregates: Iterable[str]) -> Condition:
    """Return the rows of buckets as rows of windows: each counts in its own, and in those that end later."""
    assert question.interval is not None  # noqa: S101 - the caller has looked
    later = f"t + later * {question.interval.microseconds} AS t"
    columns = [later if key == "t" else key for key in keys]
    columns += [f"{ADDITIVE[name].of_parts(f'a_{name}')} AS a_{name}" for name in aggregates]
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    return Condition(
        f"SELECT {', '.join(columns)} FROM ({found.sql}){_SLID.format(question.slides)} GROUP BY {places}",
        found.values,
    )


def _joined(keys: Sequence[str], partials: Sequence[Condition]) -> Condition:
    """Return the aggregates of several tables as one row each: all of them have the same keys."""
    columns = [f"p0.{key}" for key in keys]
    columns += [
        f"p{place}.* EXCLUDE ({', '.join(keys)})" if keys else f"p{place}.*" for place in range(len(partials))
    ]
    tables = f"({partials[0].sql}) p0"
    for place, part in enumerate(partials[1:], 1):
        same = " AND ".join(f"p0.{key} IS NOT DISTINCT FROM p{place}.{key}" for key in keys) or "true"
        tables += f" JOIN ({part.sql}) p{place} ON {same}"
    return Condition(
        f"SELECT {', '.join(columns)} FROM {tables}",
        tuple(value for part in partials for value in part.values),
    )


def percents_of(measures: Sequence[Measure], aggregate: str) -> list[int]:
    """Return which quantiles are asked for of one aggregate, in the order in which it has them."""
    return [measure.percent for measure in measures if aggregate in measure.uses]


def _moved_time(question: Question, period: Period) -> str:
    """Return SQL for a call's time, moved into the question's own period from the one before."""
    now = question.period
    if period is now:
        return _TIME
    pieces = period.way_to(now)
    time = f"({_TIME} + {piecewise(_TIME, pieces)})"
    # A clock that skips an hour can carry a call past the end.
    return time if len(pieces) == 1 else f"least(greatest({time}, {now.start}), {now.end - 1})"

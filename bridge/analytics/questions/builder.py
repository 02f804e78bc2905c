"""From a question to one SELECT with bound values.

    found     calls of the period by dimensions (and bucket), with the aggregates that the measures need
    before    the same for the period before, laid over this one: its times are moved on by the period's length
    both      the two joined, so that what is only in one of them has its row, too
    best      with `interval` and dimensions: the series that are shown, ranked over the whole period

The numbers that stand in the text are the bridge's own (times, offsets of a zone); all that a caller wrote is bound.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.analytics.questions.fields import AGGREGATES, Field, FieldKind, Measure
from bridge.analytics.questions.filters import CallFilter, Condition, PersonIds, condition
from bridge.analytics.questions.intervals import bucket, moved, offsets, piecewise
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.question import Order, Question

_TIME: Final = "epoch_us(f.time)"


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT and its bound values.

    Its columns: the dimensions, the bucket with `interval`, the measures, the measures before with `compare`, and
    how many groups there are in all.
    """

    sql: str
    values: tuple[Any, ...]


def build(question: Question, ids: PersonIds) -> Statement:
    """Return the SELECT that answers a question."""
    return _series(question, ids) if question.interval else _table(question, ids)


def calls_of(period: Period, filters: Iterable[CallFilter], ids: PersonIds) -> Condition:
    """Return the condition of all calls of a period that pass the filters, over `facts f`."""
    parts = [condition(one, _sql_in(period), ids, (period.start, period.end)) for one in filters]
    times = f"f.time >= make_timestamp({period.start}) AND f.time < make_timestamp({period.end})"
    return Condition(
        " AND ".join((times, *(f"({part.sql})" for part in parts))),
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


def _found(question: Question, ids: PersonIds, period: Period, *, joined: str = "") -> Condition:
    """Return the SELECT of aggregates over one period."""
    sql_of = _sql_in(period)
    columns = [f"{sql_of(field)} AS d{place}" for place, field in enumerate(question.by)]
    if question.interval is not None:
        now = question.period
        pieces = offsets(now.start, now.end, now.zone)
        columns.append(f"{bucket(_moved_time(question, period), question.interval, pieces)} AS t")
    grouped = len(columns)
    columns += [f"{sql} AS a_{name}" for name, sql in _aggregates(question.measures).items()]
    where = calls_of(period, question.filters, ids)
    if joined:
        same = " AND ".join(
            f"best.d{place} IS NOT DISTINCT FROM {sql_of(field)}" for place, field in enumerate(question.by)
        )
        joined = f" JOIN {joined} ON {same}"
    beside = (
        " LEFT JOIN details x ON x.id = f.id AND x.time = f.time"
        if any(field.name == "correlation_id" for field in question.by)
        else ""
    )
    by = f" GROUP BY {', '.join(str(place + 1) for place in range(grouped))}" if grouped else ""
    return Condition(
        f"SELECT {', '.join(columns)} FROM facts f{beside}{joined} WHERE {where.sql}{by}", where.values
    )


def _moved_time(question: Question, period: Period) -> str:
    """Return SQL for a call's time, moved into the question's own period from the one before."""
    now = question.period
    if period is now:
        return _TIME
    if not now.whole_days:
        return f"({_TIME} + {now.start - period.start})"
    pieces = moved(period.start, period.end, now.whole_days, now.zone)
    time = f"({_TIME} + {piecewise(_TIME, pieces)})"
    # A clock that skips an hour can carry a call past the end.
    return time if len(pieces) == 1 else f"least(greatest({time}, {now.start}), {now.end - 1})"


def _aggregates(measures: Sequence[Measure]) -> dict[str, str]:
    """Return the SQL of the aggregates that some measures need, by their names."""
    aggregates = {name: AGGREGATES.get(name, "") for measure in measures for name in measure.uses}
    for name in [name for name, sql in aggregates.items() if not sql]:
        # One pass for all quantiles of a quantity: two of them cost little more than one.
        wanted = ", ".join(str(percent / 100) for percent in _percents(measures, name))
        aggregates[name] = f"quantile_cont(f.{name.removesuffix('_quantiles')}, [{wanted}])"
    return aggregates


def _percents(measures: Sequence[Measure], aggregate: str) -> list[int]:
    return [measure.percent for measure in measures if aggregate in measure.uses]


def _figure(measure: Measure, table: str, measures: Sequence[Measure]) -> str:
    sql = measure.sql.format_map({name: f"{table}.a_{name}" for name in measure.uses})
    if measure.percent:
        sql += f"[{_percents(measures, measure.uses[0]).index(measure.percent) + 1}]"
    return f"coalesce({sql}, 0)" if measure.counts else sql


def _both(question: Question, ids: PersonIds, *, joined: str = "") -> Condition:
    """Return the SELECT of dimensions, bucket and figures, unordered."""
    keys = [f"d{place}" for place in range(len(question.by))] + ["t"] * (question.interval is not None)
    measures = question.measures
    found = _found(question, ids, question.period, joined=joined)
    figures = [
        f"{_figure(measure, 'n', measures)} AS m{place}" for place, measure in enumerate(question.measures)
    ]
    if not question.compares:
        columns = ", ".join([f"n.{key}" for key in keys] + figures)
        return Condition(f"SELECT {columns} FROM ({found.sql}) n", found.values)
    before = _found(question, ids, question.period.before(), joined=joined)
    figures += [
        f"{_figure(measure, 'b', measures)} AS b{place}" for place, measure in enumerate(question.measures)
    ]
    # A key may be null in both, so a column of its own says which side has the row.
    columns = ", ".join(
        [f"CASE WHEN n.here THEN n.{key} ELSE b.{key} END AS {key}" for key in keys] + figures
    )
    same = " AND ".join(f"n.{key} IS NOT DISTINCT FROM b.{key}" for key in keys) or "n.here = b.here"
    return Condition(
        f"SELECT {columns} FROM (SELECT *, true AS here FROM ({found.sql})) n "
        f"FULL JOIN (SELECT *, true AS here FROM ({before.sql})) b ON {same}",
        (*found.values, *before.values),
    )


def _table(question: Question, ids: PersonIds) -> Statement:
    both = _both(question, ids)
    names, shown = _named(question.by)
    figures = [f"m{place}" for place in range(len(question.measures))]
    figures += [f"b{place}" for place in range(len(question.measures))] * question.compares
    columns = [*shown, *figures, "count(*) OVER ()"]
    return Statement(
        f"SELECT {', '.join(columns)} FROM ({both.sql}){names}{_ordered(question, shown)} LIMIT {question.limit}",
        both.values,
    )


def _series(question: Question, ids: PersonIds) -> Statement:
    """Return the SELECT of series, ordered by time, then by rank."""
    descending = any(order.name == "time" and order.descending for order in question.order)
    by_time = f"t{' DESC' if descending else ''}"
    figures = [f"m{place}" for place in range(len(question.measures))]
    figures += [f"b{place}" for place in range(len(question.measures))] * question.compares
    if not question.by:
        both = _both(question, ids)
        return Statement(
            f"SELECT t, {', '.join(figures)}, 1 FROM ({both.sql}) ORDER BY {by_time}", both.values
        )
    ranked = tuple(order for order in question.order if order.name != "time")
    # What they are not ranked by need not be counted twice.
    names = {order.name for order in ranked}
    ranking = tuple(measure for measure in question.measures if measure.name in names)
    whole = replace(question, interval=None, order=ranked, measures=ranking)
    best = _both(whole, ids)
    joins, shown = _named(question.by)
    keys = [f"d{place}" for place in range(len(question.by))]
    both = _both(question, ids, joined="best")
    same = " AND ".join(f"s.{key} IS NOT DISTINCT FROM best.{key}" for key in keys)
    named, showing = _named(question.by, "best.")
    return Statement(
        f"WITH best AS MATERIALIZED (SELECT {', '.join(keys)}, count(*) OVER () AS groups, "
        f"row_number() OVER ({_ordered(whole, shown).strip()}) AS place FROM ({best.sql}){joins} "
        f"ORDER BY place LIMIT {question.limit}) "
        f"SELECT {', '.join(showing)}, s.t, {', '.join('s.' + figure for figure in figures)}, best.groups "
        f"FROM ({both.sql}) s JOIN best ON {same}{named} ORDER BY s.{by_time}, best.place",
        (*best.values, *both.values),
    )


def _named(by: Sequence[Field], table: str = "") -> tuple[str, list[str]]:
    """Return the joins that bring texts for ids, and what is shown of each dimension."""
    joins, shown = "", []
    for place, field in enumerate(by):
        if field.kind is FieldKind.NAME:
            joins += f" LEFT JOIN names k{place} ON k{place}.id = {table}d{place}"
            shown.append(f"k{place}.value")
        else:
            shown.append(field.shown.format(f"{table}d{place}"))
    return joins, shown


def _ordered(question: Question, shown: Sequence[str]) -> str:
    """Return the ORDER BY: what was asked for, then the dimensions, so that equal rows keep their places."""
    places = {measure.name: f"m{place}" for place, measure in enumerate(question.measures)}
    places |= {field.name: shown[place] for place, field in enumerate(question.by)}
    keys = [_key(order, places[order.name]) for order in question.order]
    keys += [f"{column} NULLS LAST" for column in shown]
    return f" ORDER BY {', '.join(keys)}" if keys else ""


def _key(order: Order, column: str) -> str:
    return f"{column}{' DESC' if order.descending else ''} NULLS LAST"

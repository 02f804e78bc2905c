"""From a question to one SELECT with bound values.

    found     calls of the period by dimensions (and bucket), with the aggregates that the measures need (`found`)
    before    the same for the period before, laid over this one: its times are moved on by the period's length
    both      the two joined, so that what is only in one of them has its row, too
    best      the series that are shown, ranked over the whole period; the rows, where quantiles are made of those alone

The numbers that stand in the text are the bridge's own (times, offsets of a zone); all that a caller wrote is bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.analytics.questions.fields import MEASURES, Field, FieldKind, Measure
from bridge.analytics.questions.filters import Condition, FoundIds
from bridge.analytics.questions.found import Finder, held_in, percents_of
from bridge.analytics.questions.question import Order, Question
from bridge.analytics.questions.tables import EXACT_CALLS, AnsweringTables
from bridge.analytics.store import Snapshot


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT and its bound values.

    Its columns: the dimensions, the bucket with `interval`, the measures, the measures before with `compare`, and
    how many groups there are in all.
    """

    sql: str
    values: tuple[Any, ...]
    approximate: tuple[str, ...] = ()
    """The measures that are not exact."""


def build(question: Question, ids: FoundIds, snapshot: Snapshot, exact_calls: int = EXACT_CALLS) -> Statement:
    """Return the SELECT that answers a question, for the store as it is at one moment."""
    held = Condition("") if question.sandbox is None else held_in(question.period, question.sandbox, ids)
    tables = AnsweringTables(snapshot, question, exact_calls, held)
    finder = Finder(ids, tables)
    statement = _series(question, finder) if question.interval else _table(question, finder)
    approximate = [measure.name for measure in question.measures if tables.approximate & {*measure.uses}]
    return replace(statement, approximate=tuple(approximate))


def _figure(measure: Measure, table: str, measures: Sequence[Measure]) -> str:
    sql = measure.sql.format_map({name: f"{table}.a_{name}" for name in measure.uses})
    if measure.percent:
        sql += f"[{percents_of(measures, measure.uses[0]).index(measure.percent) + 1}]"
    return f"coalesce({sql}, 0)" if measure.counts else sql


def _both(question: Question, finder: Finder, *, joined: str = "") -> Condition:
    """Return the SELECT of dimensions, bucket and figures, unordered."""
    keys = [f"d{place}" for place in range(len(question.by))] + ["t"] * (question.interval is not None)
    measures = question.measures
    found = finder.found(question, question.period, joined=joined)
    figures = [
        f"{_figure(measure, 'n', measures)} AS m{place}" for place, measure in enumerate(question.measures)
    ]
    if not question.compares:
        columns = ", ".join([f"n.{key}" for key in keys] + figures)
        return Condition(f"SELECT {columns} FROM ({found.sql}) n", found.values)
    before = finder.found(question, question.period.before(), joined=joined)
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


def _figures(question: Question) -> list[str]:
    """Return the columns of the measures, and of the measures before."""
    places = range(len(question.measures))
    return [f"m{place}" for place in places] + [f"b{place}" for place in places] * question.compares


def _table(question: Question, finder: Finder) -> Statement:
    figures = _figures(question)
    if _ranks_cheaply(question):
        best = _best(question, finder)
        both = _both(question, finder, joined="best")
        joins, shown = _named(question.by, "best.")
        return Statement(
            f"WITH {best.sql} SELECT {', '.join(shown)}, {', '.join('s.' + figure for figure in figures)}, "
            f"best.groups FROM ({both.sql}) s JOIN best ON {_same(question)}{joins} ORDER BY best.place",
            (*best.values, *both.values),
        )
    both = _both(question, finder)
    names, shown = _named(question.by)
    columns = [*shown, *figures, "count(*) OVER ()"]
    return Statement(
        f"SELECT {', '.join(columns)} FROM ({both.sql}){names}{_ordered(question, shown)} LIMIT {question.limit}",
        both.values,
    )


def _ranks_cheaply(question: Question) -> bool:
    """Return whether the rows that are shown are found first, so that only their quantiles are made."""
    ranked = {order.name for order in question.order}
    quantiles = {measure.name for measure in question.measures if measure.percent}
    return bool(question.by and quantiles) and not quantiles & ranked


def _best(question: Question, finder: Finder) -> Condition:
    """Return the table `best`: the dimensions of what is shown, ranked over the whole period."""
    ranked = tuple(order for order in question.order if order.name != "time")
    # What they are not ranked by need not be counted twice.
    names = {order.name for order in ranked}
    ranking = tuple(measure for measure in question.measures if measure.name in names)
    ranking = ranking or (MEASURES["calls"],)
    whole = replace(question, interval=None, order=ranked, measures=ranking)
    found = _both(whole, finder)
    joins, shown = _named(question.by)
    keys = ", ".join(f"d{place}" for place in range(len(question.by)))
    return Condition(
        f"best AS MATERIALIZED (SELECT {keys}, count(*) OVER () AS groups, "
        f"row_number() OVER ({_ordered(whole, shown).strip()}) AS place FROM ({found.sql}){joins} "
        f"ORDER BY place LIMIT {question.limit})",
        found.values,
    )


def _same(question: Question) -> str:
    return " AND ".join(f"s.d{place} IS NOT DISTINCT FROM best.d{place}" for place in range(len(question.by)))


def _series(question: Question, finder: Finder) -> Statement:
    """Return the SELECT of series, ordered by time, then by rank."""
    descending = any(order.name == "time" and order.descending for order in question.order)
    by_time = f"t{' DESC' if descending else ''}"
    figures = _figures(question)
    if not question.by:
        both = _both(question, finder)
        return Statement(
            f"SELECT t, {', '.join(figures)}, 1 FROM ({both.sql}) ORDER BY {by_time}", both.values
        )
    best = _best(question, finder)
    both = _both(question, finder, joined="best")
    joins, shown = _named(question.by, "best.")
    return Statement(
        f"WITH {best.sql} SELECT {', '.join(shown)}, s.t, {', '.join('s.' + figure for figure in figures)}, "
        f"best.groups FROM ({both.sql}) s JOIN best ON {_same(question)}{joins} ORDER BY s.{by_time}, best.place",
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

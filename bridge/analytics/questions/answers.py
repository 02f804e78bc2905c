"""Asks the store a question, and gives rows of names and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Final

from bridge.analytics.questions.builder import build
from bridge.analytics.questions.fields import FieldKind, Measure, borders_of
from bridge.analytics.questions.intervals import bucket_start
from bridge.analytics.questions.lookup import found_ids
from bridge.analytics.questions.people import texts_of
from bridge.analytics.questions.periods import shown
from bridge.analytics.questions.question import Question
from bridge.analytics.questions.tables import EXACT_CALLS
from bridge.analytics.questions.texts import check_patterns
from bridge.analytics.store import Snapshot, Store
from bridge.analytics.store.cubes import SPREAD_ERROR

_TIMES: Final = frozenset({"first_seen", "last_seen"})


class Answerer:
    """Answers questions from one store."""

    def __init__(self, store: Store, exact_calls: int = EXACT_CALLS) -> None:
        """`exact_calls`: quantiles of more calls come from the rollup, where it has them."""
        self._store = store
        self._exact_calls = exact_calls

    async def answer(self, question: Question, seconds: float) -> dict[str, Any]:
        """Return the rows that answer a question, with their fields and the period.

        Raises Unanswerable, QuestionTooLong.
        """
        began = perf_counter()
        rows, groups, approximate = await self.rows(question, seconds)
        period = question.period.shown() | (
            {"times": [shown(at, question.period.zone) for at in question.times]} if question.interval else {}
        )
        answer: dict[str, Any] = {"rows": rows, "fields": fields_of(question), "period": period}
        if question.compares:
            answer["previous"] = question.period.before().shown()
        return answer | {
            "groups": groups,
            "exact": not approximate,
            **({"approximate": {"measures": [*approximate], "error": SPREAD_ERROR}} if approximate else {}),
            "took_ms": round((perf_counter() - began) * 1000),
        }

    async def rows(
        self, question: Question, seconds: float
    ) -> tuple[list[dict[str, Any]], int, tuple[str, ...]]:
        """Return the rows, how many groups there are in all, and which measures are not exact."""
        found, groups, approximate = await self.raw(question, seconds)
        names = await self._names(question, found)
        return [*_rows(question, found, names)], groups, approximate

    async def raw(
        self, question: Question, seconds: float
    ) -> tuple[list[tuple[Any, ...]], int, tuple[str, ...]]:
        """Return the same without names: a tuple a row, of dimensions, bucket, measures and the number of groups.

        People stand there as ids.
        """
        await check_patterns(question.filters, self._store, seconds)
        before = question.period.before() if question.compares else question.period
        period = replace(question.period, start=before.start)
        ids = await found_ids(period, question.filters, question.sandbox, self._store, seconds)

        def ask(snapshot: Snapshot) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
            statement = build(question, ids, snapshot, self._exact_calls)
            return snapshot.ask(statement.sql, statement.values), statement.approximate

        found, approximate = await self._store.look(ask, seconds)
        return found, found[0][-1] if found else 0, approximate

    async def _names(
        self, question: Question, found: Sequence[tuple[Any, ...]]
    ) -> Mapping[int, Mapping[int, str]]:
        """Return the texts of ids of people, by the place of their dimension."""
        names = {}
        for place, field in enumerate(question.by):
            if field.kind is FieldKind.PERSON:
                ids = {row[place] for row in found if row[place] is not None}
                names[place] = await texts_of([*ids], self._store)
        return names


def fields_of(question: Question) -> list[dict[str, str]]:
    """Return what the members of a row are."""
    fields = [{"name": field.name, "unit": "", "kind": "dimension"} for field in question.by]
    if question.interval is not None:
        fields.append({"name": "time", "unit": question.interval.name, "kind": "time"})
    return fields + [
        {"name": measure.name, "unit": measure.unit, "kind": "measure"} for measure in question.measures
    ]


def _rows(
    question: Question, found: Sequence[tuple[Any, ...]], names: Mapping[int, Mapping[int, str]]
) -> Iterator[dict[str, Any]]:
    by, measures = question.by, question.measures
    first = len(by) + (question.interval is not None)
    before = first + len(measures)
    zone = question.period.zone
    for values in found:
        row: dict[str, Any] = {
            field.name: names[place].get(values[place]) if place in names else values[place]
            for place, field in enumerate(by)
        }
        if question.interval is not None:
            row["time"] = shown(bucket_start(values[len(by)], question.interval, zone), zone)
        row |= _figures(question, values[first:before])
        if question.compares:
            row["previous"] = _figures(question, values[before : before + len(measures)])
        yield row


def _figures(question: Question, values: Sequence[Any]) -> dict[str, Any]:
    return {
        measure.name: _figure(question, measure, value)
        for measure, value in zip(question.measures, values, strict=True)
    }


def _figure(question: Question, measure: Measure, value: Any) -> Any:
    if value is None:
        return None
    if measure.name in _TIMES:
        return shown(value, question.period.zone)
    if measure.name.endswith("_histogram"):
        return _histogram(borders_of(measure.name), value)
    return value


def _histogram(borders: Sequence[int], counted: Mapping[int, int]) -> dict[str, Any]:
    """Return a histogram from DuckDB's map: from the last value in a bucket to its count, the rest under another."""
    counts = [counted.get(border - 1, 0) for border in borders[1:]]
    return {"borders": [*borders], "counts": [*counts, sum(counted.values()) - sum(counts)]}

"""`aggs` of a search, answered: each level of groups is one question, and its rows become Elasticsearch's buckets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.fields import FIELDS, MEASURES, Measure
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.intervals import INTERVALS, Interval, starts
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.question import Order, Question, read_zone
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.questions.words import known
from bridge.analytics.server.moesif.timing import cut, milliseconds
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.formats.moesif.aggregations import WEIGHT, Aggregation

_MOST_QUESTIONS: Final = 40
_MOST_ROWS: Final = 50_000
_CALLS: Final = MEASURES["calls"]
_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Level:
    """Groups that are asked for at once, and what passes into them."""

    filters: tuple[CallFilter, ...]
    period: Period
    groups: tuple[Aggregation, ...] = ()

    @property
    def by(self) -> tuple[str, ...]:
        """The fields that the groups are told apart by."""
        return tuple(one.field for one in self.groups if one.kind == "terms")

    @property
    def step(self) -> str:
        """How long the groups of time are; empty: there are none."""
        return next((one.step for one in self.groups if one.kind == "date_histogram"), "")


@dataclass(slots=True)
class _Groups:
    """What is said of the groups of a level, by their keys."""

    calls: dict[_Key, int] = field(default_factory=dict)
    said: dict[_Key, dict[str, Any]] = field(default_factory=dict)


class MoesifFigures:
    """Answers the aggregations of one search."""

    def __init__(self, answerer: Answerer, sandbox: Sandbox | None, seconds: float) -> None:
        self._answerer = answerer
        self._sandbox = sandbox
        self._seconds = seconds
        self._left = _MOST_QUESTIONS

    async def answer(
        self, aggregations: Sequence[Aggregation], filters: tuple[CallFilter, ...], period: Period
    ) -> dict[str, Any]:
        """Return `aggregations` of the answer; raises Unanswerable, QuestionTooLong."""
        groups = await self._said(aggregations, _Level(filters, period))
        return groups.said.get((), {})

    async def count(self, filters: tuple[CallFilter, ...], period: Period) -> int:
        """Return how many calls pass."""
        rows = await self._rows(_Level(filters, period), (_CALLS,))
        return int(rows[0]["calls"]) if rows else 0

    async def _said(self, aggregations: Sequence[Aggregation], level: _Level) -> _Groups:
        """Return what is said of each group of a level."""
        figures = [one for one in aggregations if _measures(one)]
        measures = {measure.name: measure for one in figures for measure in _measures(one)}
        groups = _Groups()
        for row in await self._rows(level, tuple({_CALLS.name: _CALLS, **measures}.values())):
            key = _key(row, level)
            groups.calls[key] = int(row["calls"])
            groups.said[key] = {one.name: _figure(one, row) for one in figures}
        for one in aggregations:
            if one.kind == "cardinality":
                await self._add_cardinality(one, level, groups)
            elif one.kind in {"filter", "terms", "date_histogram"}:
                await self._add_groups(one, level, groups)
        return groups

    async def _add_cardinality(self, one: Aggregation, level: _Level, groups: _Groups) -> None:
        known_ones = read_filters([{"field": one.field, "is_not": [None]}])
        within = replace(
            level,
            filters=(*level.filters, *known_ones),
            groups=(*level.groups, Aggregation("", "terms", one.field)),
        )
        counted: dict[_Key, int] = {}
        for row in await self._rows(within, (_CALLS,)):
            key = _key(row, level)
            counted[key] = counted.get(key, 0) + 1
        for key, said in groups.said.items():
            said[one.name] = {"value": counted.get(key, 0)}

    async def _add_groups(self, one: Aggregation, level: _Level, groups: _Groups) -> None:
        if one.kind == "filter":
            assert one.clauses is not None  # noqa: S101 - as it was read
            period = cut(level.period, one.clauses.bounds)
            filters = (*level.filters, *read_filters(one.clauses.filters))
            inner = await self._said(one.inner, replace(level, filters=filters, period=period))
            for key, said in groups.said.items():
                said[one.name] = {"doc_count": inner.calls.get(key, 0), **inner.said.get(key, {})}
            return
        filters = level.filters
        if one.kind == "terms" and one.missing is None:
            filters = (*filters, *read_filters([{"field": one.field, "is_not": [None]}]))
        inner = await self._said(one.inner, replace(level, filters=filters, groups=(*level.groups, one)))
        place = len(level.by) if one.kind == "terms" else -1
        there: dict[_Key, list[_Key]] = {}
        for whole in inner.calls:
            there.setdefault(_without(whole, place), []).append(whole)
        for key, said in groups.said.items():
            said[one.name] = _buckets(one, there.get(key, ()), place, inner, groups.calls[key])

    async def _rows(self, level: _Level, measures: tuple[Measure, ...]) -> list[dict[str, Any]]:
        self._left -= 1
        if self._left < 0:
            raise Unanswerable("there are too many aggregations", "ask for less at a time", field="aggs")
        if level.period.start >= level.period.end:
            return []
        question = _question(level, measures).within(self._sandbox)
        rows, _, _ = await self._answerer.rows(question, self._seconds)
        return rows


def _question(level: _Level, measures: tuple[Measure, ...]) -> Question:
    period = _zoned(level)
    interval: Interval | None = None
    times: tuple[int, ...] = ()
    if len([one for one in level.groups if one.kind == "date_histogram"]) > 1:
        raise Unanswerable("there are groups of time within groups of time", "ask for one", field="aggs")
    if level.step:
        interval = known(level.step, INTERVALS, "interval", "aggs.date_histogram.interval")
        most = 10_000 if not level.by else 1_000
        found = starts(period.start, period.end, interval, period.zone, most=most)
        if found is None or len(found) > most:
            raise Unanswerable(
                f"there would be more than {most} groups of {interval.name}",
                "take a longer interval, or a shorter period",
                field="aggs",
            )
        times = tuple(found)
    by = tuple(FIELDS[name] for name in level.by)
    order = (Order("calls", descending=True),) if by or interval is None else ()
    return Question(
        measures=measures,
        by=by,
        filters=level.filters,
        period=period,
        interval=interval,
        compares=False,
        order=order,
        limit=_MOST_ROWS if not times else max(1, _MOST_ROWS // len(times)),
        times=times,
    )


def _zoned(level: _Level) -> Period:
    """Return the period in the time zone of the groups of time."""
    zone = next((one.time_zone for one in level.groups if one.kind == "date_histogram"), None)
    return replace(level.period, zone=read_zone(zone, level.period.zone))


def _measures(one: Aggregation) -> tuple[Measure, ...]:
    """Return the measures of a figure; raises Unanswerable where there is none for it."""
    match one.kind:
        case "sum" if one.field == WEIGHT:
            return (_CALLS,)
        case "sum" | "avg" | "max":
            name = one.field if one.kind == "sum" else f"{one.field}_{one.kind}"
            if name not in MEASURES:
                raise Unanswerable(
                    f"{one.name}: there is no {one.kind} of {one.field} here",
                    "take another figure, such as percentiles",
                    field="aggs",
                )
            return (MEASURES[name],)
        case "percentiles":
            if f"{one.field}_p50" not in MEASURES:
                raise Unanswerable(
                    f"{one.name}: there are no percentiles of {one.field} here",
                    "take sum, or duration_ms",
                    field="aggs",
                )
            return tuple(_percentile(one.field, percent) for percent in one.percents)
        case _:
            return ()


def _percentile(name: str, percent: int) -> Measure:
    return replace(MEASURES[f"{name}_p50"], name=f"{name}_p{percent}", percent=percent)


def _figure(one: Aggregation, row: Mapping[str, Any]) -> dict[str, Any]:
    values = [row[measure.name] for measure in _measures(one)]
    if one.kind != "percentiles":
        return {"value": values[0]}
    return {"values": {f"{percent}.0": value for percent, value in zip(one.percents, values, strict=True)}}


def _key(row: Mapping[str, Any], level: _Level) -> _Key:
    """Return what a row's group is told by: values of its fields, and its time behind them."""
    key = tuple(row[name] for name in level.by)
    return (*key, milliseconds(row["time"])) if level.step else key


def _without(key: _Key, place: int) -> _Key:
    return key[:-1] if place == -1 else (*key[:place], *key[place + 1 :])


def _buckets(
    one: Aggregation, keys: Iterable[_Key], place: int, inner: _Groups, calls: int
) -> dict[str, Any]:
    made = []
    for key in keys:
        value = key[place]
        bucket: dict[str, Any] = {"key": one.missing if value is None else value}
        if one.kind == "date_histogram":
            bucket["key_as_string"] = format_ms(value)
        made.append(bucket | {"doc_count": inner.calls[key], **inner.said[key]})
    if one.kind == "date_histogram":
        return {"buckets": sorted(made, key=lambda bucket: bucket["key"])}
    name, descending = one.order or ("_count", True)
    # Groups without the figure come last, whichever way it goes.
    made.sort(key=lambda bucket: str(bucket["key"]))
    made.sort(key=lambda bucket: _rank(bucket, name) or 0, reverse=descending)
    made.sort(key=lambda bucket: _rank(bucket, name) is None)
    shown = made[: one.size]
    others = calls - sum(bucket["doc_count"] for bucket in shown)
    if one.missing is None:
        others = sum(bucket["doc_count"] for bucket in made[one.size :])
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": shown}


def _rank(bucket: Mapping[str, Any], name: str) -> Any:
    if name == "_count":
        return bucket["doc_count"]
    if name == "_key":
        return bucket["key"]
    if name in bucket:
        return bucket[name].get("value")
    figure, _, part = name.rpartition(".")
    said = bucket.get(figure, {})
    return said.get("value") if part == "value" else said.get("values", {}).get(f"{part}.0")

"""What `chart.es_query` of a workspace says of its view: which calls it is about, and what it counts by what."""

from collections.abc import Iterator, Sequence
from typing import Any

from bridge.analytics.questions.boards import FORMS, read_view_question
from bridge.analytics.questions.fields import MEASURES
from bridge.analytics.sharing.workspace import QUESTIONS
from bridge.errors import Unanswerable
from bridge.formats.moesif.aggregations import WEIGHT, Aggregation
from bridge.formats.moesif.clauses import Clauses
from bridge.formats.moesif.searches import EventSearch


def clauses_of(search: EventSearch) -> list[Clauses]:
    """Return all clauses that the calls of a chart pass, those of its aggregations, too; raises Unanswerable."""
    return [search.query, search.post_filter, *_filters(search.aggregations)]


def _filters(aggregations: Sequence[Aggregation]) -> Iterator[Clauses]:
    restricting = [one for one in aggregations if one.clauses is not None]
    if len(restricting) > 1 or (restricting and len(aggregations) > 1):
        # Parts of a chart about different calls: a sandbox of one of them would hide the others.
        raise Unanswerable(
            "chart.es_query.aggs has a filter beside other aggregations",
            "put the filter around all of them, or into policy.resource",
            field="chart.es_query.aggs",
        )
    for one in restricting:
        assert one.clauses is not None  # noqa: S101 - chosen so
        yield one.clauses
        yield from _filters(one.inner)


def question_of(view: str, search: EventSearch) -> dict[str, Any]:
    """Return what a view asks: the figure and the groups of the chart, where the view can show them."""
    usual = dict(QUESTIONS[view])
    aggregations = [*_flat(search.aggregations)]
    groups = [one.field for one in aggregations if one.kind == "terms"]
    measures = [name for one in aggregations if (name := _measure(one)) is not None]
    asked = usual | ({"by": groups} if groups else {}) | ({"measures": measures[:1]} if measures else {})
    try:
        return read_view_question(asked, FORMS[view])
    except Unanswerable:
        # A map of users, say: it shows what such a view shows unless said.
        return usual


def _flat(aggregations: Sequence[Aggregation]) -> Iterator[Aggregation]:
    for one in aggregations:
        yield one
        yield from _flat(one.inner)


def _measure(one: Aggregation) -> str | None:
    match one.kind:
        case "sum":
            name = "calls" if one.field == WEIGHT else one.field
        case "avg" | "max":
            name = f"{one.field}_{one.kind}"
        case "percentiles":
            name = f"{one.field}_p{one.percents[0]}" if one.percents else ""
        case "cardinality":
            name = {"user": "users", "application": "applications"}.get(one.field, "")
        case _:
            name = ""
    return name if name in MEASURES else None

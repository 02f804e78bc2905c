"""`aggs` of Moesif's searches: figures of calls, by values of a field or by time, as Moesif's documents show them.

aggs      {NAME: {KIND: {…}, "aggs": {…}}}
filter    calls that pass a query; with aggregations of its own, as the others that make groups
terms     groups by a field, the first by a figure of theirs (`"order": {"weight|sum": "desc"}`)
date_histogram   groups by the time of the call
sum, avg, max, percentiles, cardinality   figures; `sum` of `weight` is the number of calls
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.errors import Unanswerable
from bridge.formats.moesif.clauses import Clauses, read_query
from bridge.formats.moesif.field_clauses import check_options
from bridge.formats.moesif.names import FIELD_OF, NUMBERS, TIME, plain
from bridge.formats.moesif.refusals import no_clause, no_name

WEIGHT: Final = "weight"
"""How many calls an event stands for: each of ours is one."""
GROUPS: Final = ("filter", "terms", "date_histogram")
FIGURES: Final = ("sum", "avg", "max", "percentiles", "cardinality")
_DEEPEST: Final = 4
_MOST: Final = 20
_MOST_GROUPS: Final = 10_000
# Elasticsearch's names of the steps of time.
_STEPS: Final = {
    "minute": "1m",
    "hour": "1h",
    "day": "1d",
    "week": "1w",
    "month": "1M",
    "60m": "1h",
    "24h": "1d",
    "7d": "1w",
}


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One of `aggs`: a figure, or groups of calls with aggregations of their own."""

    name: str
    kind: str
    field: str = ""
    """The analytics' field; `WEIGHT`, or `request.time` of a `date_histogram`."""
    clauses: Clauses | None = None
    """Of a `filter`."""
    size: int = 10
    order: tuple[str, bool] | None = None
    """Of `terms`: which figure groups are ordered by, and whether the greatest is first; None: their calls."""
    missing: Any = None
    """The key of calls that have no value; None: they have no group."""
    step: str = ""
    """Of a `date_histogram`, as intervals are written here."""
    time_zone: str | None = None
    percents: tuple[int, ...] = ()
    inner: tuple["Aggregation", ...] = ()


def read_aggregations(given: Any, place: str = "aggs") -> tuple[Aggregation, ...]:
    """Return what `aggs` asks for; raises Unanswerable."""
    return _read(given, place, 0)


def _read(given: Any, place: str, depth: int) -> tuple[Aggregation, ...]:
    if not isinstance(given, dict) or len(given) > _MOST or depth > _DEEPEST:
        raise Unanswerable(
            f"{place} is not an object of at most {_MOST} aggregations, {_DEEPEST} deep",
            "ask for less at a time",
            field=place,
        )
    return tuple(_one(name, body, f"{place}.{name}", depth) for name, body in given.items())


def _one(name: str, given: Any, place: str, depth: int) -> Aggregation:
    inner_name = "aggregations" if isinstance(given, dict) and "aggregations" in given else "aggs"
    kinds = [one for one in given if one not in {inner_name, "meta"}] if isinstance(given, dict) else []
    if len(kinds) != 1:
        raise Unanswerable(f"{place} is not one aggregation", 'write it like {"terms": {…}}', field=place)
    kind, at = kinds[0], f"{place}.{kinds[0]}"
    if kind not in (*GROUPS, *FIGURES):
        raise no_clause(kind, place, (*GROUPS, *FIGURES))
    body = given[kind]
    if not isinstance(body, dict):
        raise Unanswerable(f"{at} is not an object", "write it as Elasticsearch has it", field=at)
    inner: tuple[Aggregation, ...] = ()
    if given.get(inner_name):
        if kind in FIGURES:
            raise Unanswerable(f"{place}: {kind} has no groups", "take its aggs away", field=place)
        inner = _read(given[inner_name], f"{place}.{inner_name}", depth + 1)
    match kind:
        case "filter":
            return Aggregation(name, kind, clauses=read_query(body, at), inner=inner)
        case "terms":
            return _terms(name, body, at, inner)
        case "date_histogram":
            return _by_time(name, body, at, inner)
        case _:
            return _figure(name, kind, body, at)


def _terms(name: str, body: Mapping[str, Any], at: str, inner: tuple[Aggregation, ...]) -> Aggregation:
    check_options(body, ("field", "size", "min_doc_count", "order", "missing"), at)
    size = _whole(body.get("size", 10), f"{at}.size", 1, _MOST_GROUPS)
    _whole(body.get("min_doc_count", 1), f"{at}.min_doc_count", 1, 1)
    order = _order(body["order"], f"{at}.order") if "order" in body else None
    names = {one.name for one in inner}
    # Percentiles are told by their last part: `duration_ms|percentiles(90).90`.
    known = {"_count", "_key", *names}
    if order is not None and order[0] not in known and order[0].rpartition(".")[0] not in known:
        raise Unanswerable(
            f"{at}.order: there is no {order[0]} in its aggs",
            "order by a figure that is there",
            field=f"{at}.order",
        )
    return Aggregation(
        name, "terms", _field(body, at), size=size, order=order, missing=body.get("missing"), inner=inner
    )


def _order(given: Any, at: str) -> tuple[str, bool]:
    one = given[0] if isinstance(given, list) and len(given) == 1 else given
    if isinstance(one, dict) and len(one) == 1:
        ((name, direction),) = one.items()
        if direction in {"asc", "desc"}:
            return str(name), direction == "desc"
    raise Unanswerable(f"{at} is no order", 'write it like {"weight|sum": "desc"}', field=at)


def _by_time(name: str, body: Mapping[str, Any], at: str, inner: tuple[Aggregation, ...]) -> Aggregation:
    steps = ("interval", "fixed_interval", "calendar_interval")
    check_options(body, ("field", *steps, "min_doc_count", "time_zone", "order"), at)
    if not isinstance(body.get("field"), str) or plain(body["field"]) != TIME:
        raise Unanswerable(
            f"{at}: the time of a call is {TIME}", f'set "field" to "{TIME}"', field=f"{at}.field"
        )
    step = next((body[one] for one in steps if one in body), None)
    if not isinstance(step, str):
        raise Unanswerable(f"{at} has no interval", 'write "interval": "1h"', field=at)
    zone = body.get("time_zone")
    if zone is not None and not isinstance(zone, str):
        raise Unanswerable(f"{at}.time_zone is not a text", "use a name such as UTC", field=f"{at}.time_zone")
    return Aggregation(name, "date_histogram", TIME, step=_STEPS.get(step, step), time_zone=zone, inner=inner)


def _figure(name: str, kind: str, body: Mapping[str, Any], at: str) -> Aggregation:
    check_options(body, ("field", "missing", *(("percents",) if kind == "percentiles" else ())), at)
    field = _field(body, at, weight=kind == "sum")
    if kind != "cardinality" and field != WEIGHT and field not in NUMBERS:
        raise Unanswerable(f"{at}: {kind} needs a number", "take cardinality", field=f"{at}.field")
    percents: tuple[int, ...] = ()
    if kind == "percentiles":
        given = body.get("percents", [25, 50, 75, 95, 99])
        given = given if isinstance(given, list) else [given]
        percents = tuple(_whole(one, f"{at}.percents", 1, 99) for one in given)
    return Aggregation(name, kind, field, percents=percents)


def _field(body: Mapping[str, Any], at: str, *, weight: bool = False) -> str:
    name = body.get("field")
    if not isinstance(name, str):
        raise Unanswerable(f"{at} names no field", 'write "field": "company_id.raw"', field=at)
    if weight and name == WEIGHT:
        return WEIGHT
    if plain(name) not in FIELD_OF:
        raise no_name(name, f"{at}.field")
    return FIELD_OF[plain(name)]


def _whole(given: Any, at: str, least: int, most: int) -> int:
    """Return a whole number, which may be written as a text; raises Unanswerable."""
    text = str(int(given)) if isinstance(given, float) and given.is_integer() else str(given)
    if isinstance(given, bool) or not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Unanswerable(f"{at} is not a whole number", f"give {least} to {most}", field=at)
    if not least <= int(text) <= most:
        raise Unanswerable(f"{at} is not from {least} to {most}", "correct it", field=at)
    return int(text)

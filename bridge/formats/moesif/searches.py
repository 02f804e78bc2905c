"""A search of Moesif's events: the body of `search/~/search/events`, which is Elasticsearch's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.errors import Unanswerable
from bridge.formats.moesif.aggregations import Aggregation, read_aggregations
from bridge.formats.moesif.clauses import Clauses, read_query
from bridge.formats.moesif.names import TIME, plain
from bridge.formats.moesif.refusals import unknown_option

MOST_HITS: Final = 10_000
"""Of a page, and before it: Elasticsearch's own limit of `from` and `size` together."""
_DEFAULT_HITS: Final = 10
_KNOWN: Final = (
    "query",
    "post_filter",
    "size",
    "from",
    "sort",
    "search_after",
    "_source",
    "aggs",
    "aggregations",
    "track_total_hits",
)


@dataclass(frozen=True, slots=True)
class EventSearch:
    """Which events are wanted, and which figures."""

    query: Clauses = field(default_factory=Clauses)
    post_filter: Clauses = field(default_factory=Clauses)
    """What events pass beside the query; figures are made of all that pass the query."""
    size: int = _DEFAULT_HITS
    offset: int = 0
    after: tuple[int, str | None] | None = None
    """Time in milliseconds, and id, of the last event of the page before."""
    source: tuple[str, ...] | None = None
    """Names of members that are wanted, with what is in them; None: all."""
    aggregations: tuple[Aggregation, ...] = ()


def read_search(given: Any, place: str = "") -> EventSearch:
    """Return what a body asks for; raises Unanswerable. `place`: where the body stands, with a dot at its end."""
    if not isinstance(given, dict):
        raise Unanswerable(
            "the search is not an object", 'write it like {"query": {"term": {"user_id.raw": "alice"}}}'
        )
    for name in given:
        if name not in _KNOWN:
            raise unknown_option(name, place.rstrip(".") or "the search", _KNOWN)
    if "aggs" in given and "aggregations" in given:
        raise Unanswerable("there are both aggs and aggregations", "put them together", field=f"{place}aggs")
    size = _number(given.get("size", _DEFAULT_HITS), f"{place}size")
    offset = _number(given.get("from", 0), f"{place}from")
    if size + offset > MOST_HITS:
        raise Unanswerable(
            f"{place}size and {place}from are more than {MOST_HITS:,} together",
            "go on with search_after: the `sort` of the last hit",
            field=f"{place}size",
        )
    _check_sort(given.get("sort", []), f"{place}sort")
    wanted = given.get("aggs", given.get("aggregations"))
    return EventSearch(
        query=read_query(given.get("query", {}), f"{place}query"),
        post_filter=read_query(given.get("post_filter", {}), f"{place}post_filter"),
        size=size,
        offset=offset,
        after=_after(given["search_after"], f"{place}search_after") if given.get("search_after") else None,
        source=_source(given.get("_source"), f"{place}_source"),
        aggregations=read_aggregations(wanted, f"{place}aggs") if wanted else (),
    )


def _number(given: Any, place: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST_HITS:
        raise Unanswerable(
            f"{place} is not a whole number from 0 to {MOST_HITS:,}", "correct it", field=place
        )
    return given


def _check_sort(given: Any, place: str) -> None:
    """Return if the newest event is to be first, which is how events are listed; raises Unanswerable."""
    for number, one in enumerate(given if isinstance(given, list) else [given]):
        name, how = next(iter(one.items())) if isinstance(one, dict) and len(one) == 1 else (str(one), None)
        direction = how.get("order") if isinstance(how, dict) else how
        known = {TIME} if number == 0 else {TIME, "_id", "id"}
        if plain(name) not in known or direction != "desc":
            raise Unanswerable(
                f"{place}: events are listed with the newest first, and in no other order",
                f'write "sort": [{{"{TIME}": "desc"}}], or aggs for the greatest of a figure',
                field=place,
            )


def _after(given: Any, place: str) -> tuple[int, str | None]:
    match given:
        case [int(time)] | [int(time), str()] if not isinstance(time, bool) and 0 <= time < 2**43:
            return time, given[1] if len(given) > 1 else None
        case _:
            raise Unanswerable(
                f"{place} is no place in the list", "send the `sort` of the last hit as it is", field=place
            )


def _source(given: Any, place: str) -> tuple[str, ...] | None:
    match given:
        case None | True | ["*"] | "*":
            return None
        case False:
            return ()
        case str():
            return (plain(given),)
        case [*names] if all(isinstance(name, str) for name in names):
            return tuple(plain(name) for name in names)
        case _:
            raise Unanswerable(f"{place} is no list of names", 'write it like ["user_id"]', field=place)


def wanted(source: dict[str, Any], names: Sequence[str] | None, path: str = "") -> dict[str, Any]:
    """Return those members of an event that are wanted, with what is in them."""
    if names is None:
        return source
    kept: dict[str, Any] = {}
    for key, value in source.items():
        at = f"{path}{key}"
        if any(at == name or at.startswith(f"{name}.") or name == f"{at}.*" for name in names):
            kept[key] = value
        elif isinstance(value, dict) and (inner := wanted(value, names, f"{at}.")):
            kept[key] = inner
    return kept

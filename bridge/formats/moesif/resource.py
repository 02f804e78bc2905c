"""A sandbox as `policy.resource` of a Moesif workspace: filters of the analytics in Moesif's clauses.

What Moesif's index cannot be asked for exactly is refused: a workspace there may show less than one here, never more.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.errors import Unanswerable
from bridge.formats.moesif.names import NAME_OF, TIME, moesif_name

_RANGE: Final = {"at_least": "gte", "above": "gt", "at_most": "lte", "below": "lt"}


def resource_of(
    filters: Iterable[Mapping[str, Any]], since: str | None = None, until: str | None = None
) -> dict[str, Any]:
    """Return the clauses of filters as a question has them, with the bounds of the time; raises Unanswerable."""
    must: list[dict[str, Any]] = []
    must_not: list[dict[str, Any]] = []
    bounds = {name: time for name, time in (("gte", since), ("lte", until)) if time is not None}
    if bounds:
        must.append({"range": {TIME: bounds}})
    for one in filters:
        field = str(one["field"])
        name = moesif_name(field)
        if name is None:
            raise Unanswerable(
                f"{field} is nothing that Moesif has",
                f"restrict it by {', '.join(NAME_OF)}",
                field=f"filters.{field}",
            )
        for test, value in one.items():
            if test == "field":
                continue
            if test in _RANGE:
                must.append({"range": {name: {_RANGE[test]: value}}})
            elif test == "is":
                must.append(_any_of(name, _listed(value)))
            elif test == "is_not":
                there = [given for given in _listed(value) if given is not None]
                must_not += [{"terms": {name: there}}] if there else []
                must += [{"exists": {"field": name}}] if None in _listed(value) else []
            else:
                raise Unanswerable(
                    f"{test} of {field} cannot be asked at Moesif exactly",
                    "restrict it by values",
                    field=f"filters.{field}",
                )
    if not must and not must_not:
        raise Unanswerable(
            "the workspace is restricted to nothing, so everybody with its link would see every call",
            "say whose calls it shows",
            field="filters",
        )
    return ({"must": must} if must else {}) | ({"must_not": must_not} if must_not else {})


def _listed(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else [value]


def _any_of(name: str, values: list[Any]) -> dict[str, Any]:
    """Return the clause of a field that has one of these values; None: it has no value."""
    there = [one for one in values if one is not None]
    clauses: list[dict[str, Any]] = [{"terms": {name: there}}] if there else []
    if None in values:
        clauses.append({"bool": {"must_not": [{"exists": {"field": name}}]}})
    return clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses, "minimum_should_match": 1}}

"""The clauses of Moesif's queries, read into the analytics' filters: nothing is ignored, because that would show more.

Moesif's queries are Elasticsearch's: what stands inside of a `bool` (`policy.resource` in Moesif's guide), a `bool` or
one clause. The clauses met in Moesif's documents and its clients' code are read, each as an object or in a list, with
names with and without `.raw`. Whatever else stands there is refused with its name.

Where the two are not the same, less is shown than at Moesif: `match_phrase` asks for the whole text, and leaves out all
that contain it; a `should` has to hold beside a `must`, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.errors import Unanswerable
from bridge.formats.moesif.bounds import ClauseBounds, read_bounds
from bridge.formats.moesif.field_clauses import JsonFilter, Placeholder, check_options, filter_of, only, said
from bridge.formats.moesif.names import NUMBERS, TIME, TRUTHS, plain
from bridge.formats.moesif.refusals import no_clause, unknown_option

_DEEPEST: Final = 10
_MOST_CLAUSES: Final = 50
_OCCURS: Final = ("must", "filter", "should", "must_not")
_BOOL: Final = (*_OCCURS, "minimum_should_match", "boost")
CLAUSES: Final = (
    "bool",
    "term",
    "terms",
    "match_phrase",
    "range",
    "exists",
    "prefix",
    "wildcard",
    "match_all",
)
"""The clauses that are read."""


@dataclass(slots=True)
class Clauses:
    """What a query asks for: filters that all have to hold, and the bounds of the time."""

    filters: list[JsonFilter] = field(default_factory=list)
    bounds: ClauseBounds = field(default_factory=ClauseBounds)
    placeholders: dict[str, str] = field(default_factory=dict)
    """Moesif's name of a dynamic field to the analytics' field, where the clause is `{{name}}`."""


def read_policy(resource: Any, place: str = "policy.resource") -> Clauses:
    """Return what `policy.resource` restricts a workspace to; raises Unanswerable.

    Empty lists and an empty policy are refused: for Elasticsearch they hold for every call.
    """
    read = _Reading(strict=True)
    read.query(resource, place)
    return read.clauses


def read_query(query: Any, place: str = "query") -> Clauses:
    """Return what a search asks for; raises Unanswerable. An empty list of clauses asks for nothing, as there."""
    read = _Reading(strict=False)
    read.query(query, place)
    return read.clauses


class _Reading:
    def __init__(self, *, strict: bool) -> None:
        self.clauses = Clauses()
        self._strict = strict
        self._left = _MOST_CLAUSES

    def query(self, given: Any, place: str) -> None:
        if not isinstance(given, dict):
            raise Unanswerable(f"{place} is not an object", 'write it like {"must": […]}', field=place)
        if not given:
            if self._strict:
                raise Unanswerable(
                    f"{place} is empty, which would show every call",
                    'name what may be seen; if that is everything, write {"must": [{"match_all": {}}]}',
                    field=place,
                )
            return
        if given.keys() & {*_BOOL}:
            self._bool(given, place, 0)
        else:
            self._clause(given, place, 0)

    def _bool(self, given: Any, place: str, depth: int) -> None:
        if not isinstance(given, dict) or not given or depth > _DEEPEST:
            raise Unanswerable(f"{place} is no bool of clauses", 'write it like {"must": […]}', field=place)
        for name in given:
            if name not in _BOOL:
                raise unknown_option(name, place, _BOOL)
        if str(given.get("minimum_should_match", 1)) != "1":
            raise Unanswerable(
                f"{place}.minimum_should_match is not 1",
                "leave it out: one clause of should has to hold",
                field=f"{place}.minimum_should_match",
            )
        if not given.keys() & {*_OCCURS}:
            raise self._empty(place)
        for occurs in _OCCURS:
            if occurs not in given:
                continue
            inner = f"{place}.{occurs}"
            clauses = [*self._listed(given[occurs], inner)]
            if occurs == "should":
                self._any_of(clauses, depth)
                continue
            for one, at in clauses:
                if occurs == "must_not":
                    self._none_of(one, at, depth)
                else:
                    self._clause(one, at, depth)

    def _listed(self, given: Any, place: str) -> Iterator[tuple[Any, str]]:
        """Yield the clauses of an object or a list, each with its place."""
        if isinstance(given, list):
            if not given and self._strict:
                raise self._empty(place)
            for number, one in enumerate(given):
                yield one, f"{place}[{number}]"
        else:
            yield given, place

    def _empty(self, place: str) -> Unanswerable:
        return Unanswerable(
            f"{place} is empty, and what is empty restricts nothing",
            "put a clause into it, or leave it out",
            field=place,
        )

    def _one(self, given: Any, place: str) -> tuple[str, Any, str]:
        """Return the name of a clause, what is in it, and its place."""
        self._left -= 1
        if self._left < 0:
            raise Unanswerable(
                f"{place}: there are more than {_MOST_CLAUSES} clauses", "put values together", field=place
            )
        if not isinstance(given, dict) or len(given) != 1:
            raise Unanswerable(
                f"{place} is not an object with one clause",
                'write it like {"terms": {"user_id.raw": ["alice"]}}',
                field=place,
            )
        ((name, body),) = given.items()
        if name not in CLAUSES:
            raise no_clause(name, place, CLAUSES)
        return name, body, f"{place}.{name}"

    def _clause(self, given: Any, place: str, depth: int) -> None:
        """Read a clause that has to hold."""
        name, body, at = self._one(given, place)
        if name == "bool":
            self._bool(body, at, depth + 1)
        elif name == "match_all":
            check_options(body, ("boost",), at)
        elif name == "range" and (told := only(body, at, ("boost",)))[0] == TIME:
            self.clauses.bounds = self.clauses.bounds.within(read_bounds(told[1], told[2]))
        elif (calls := self._only_calls(name, body, at)) is None:
            made = self._filter(name, body, at)
            if made is not None:
                self.clauses.filters.append(made)
        elif not calls:
            raise Unanswerable(
                f"{at}: event_type is not api_call, and the store has API calls alone",
                "leave it out",
                field=at,
            )

    def _only_calls(self, name: str, body: Any, at: str) -> bool | None:
        """Return whether a clause asks for API calls, which all events here are; None: it asks something else."""
        if name not in {"term", "terms"} or not isinstance(body, dict):
            return None
        if not any(plain(key) == "event_type" for key in body):
            return None
        _, value, _ = only(body, at, ("boost",))
        return "api_call" in (value if isinstance(value, list) else [said(value, "value", at)])

    def _none_of(self, given: Any, place: str, depth: int) -> None:
        """Read a clause that may not hold."""
        name, body, at = self._one(given, place)
        if name == "bool":
            # None of any is: not this one, nor that one. Of several that all hold there is no such way.
            inner = [*body.items()] if isinstance(body, dict) else []
            if len(inner) == 1 and inner[0][0] in {"should", "must", "filter"}:
                clauses = [*self._listed(inner[0][1], f"{at}.{inner[0][0]}")]
                if clauses and (inner[0][0] == "should" or len(clauses) == 1):
                    for one, inside in clauses:
                        self._none_of(one, inside, depth + 1)
                    return
            raise Unanswerable(
                f"{at}: what may not hold together cannot be asked for",
                "write each clause into must_not by itself",
                field=at,
            )
        if name == "match_all" or (name == "range" and isinstance(body, dict) and TIME in body):
            raise Unanswerable(f"{at} cannot be denied here", "ask for what may be seen", field=at)
        made = self._filter(name, body, at)
        if made is None:
            raise Unanswerable(f"{at}: a placeholder cannot be denied", "ask for what may be seen", field=at)
        opposite = {"is": "is_not", "is_not": "is", "matches": "matches_not"}
        ((test, value),) = [item for item in made.items() if item[0] != "field"] or [("", None)]
        if test not in opposite:
            raise Unanswerable(f"{at}: a range cannot be denied here", "ask for the other range", field=at)
        if name == "match_phrase" and made["field"] not in NUMBERS | TRUTHS:
            # At Moesif whatever has the phrase in it is left out.
            self.clauses.filters += [{"field": made["field"], "contains_not": text} for text in value]
        else:
            self.clauses.filters.append({"field": made["field"], opposite[test]: value})

    def _any_of(self, clauses: Sequence[tuple[Any, str]], depth: int) -> None:
        """Read clauses of which one has to hold: values of one field."""
        if not clauses:
            return
        if len(clauses) == 1:
            self._clause(*clauses[0], depth)
            return
        name, values = "", []
        for given, at in clauses:
            made = self._alternative(given, at)
            if made is None or (name and made["field"] != name):
                raise Unanswerable(
                    f"{at}: should can only choose among values of one field",
                    "make a workspace, or a search, of each",
                    field=at,
                )
            name = made["field"]
            values += made["is"]
        self.clauses.filters.append({"field": name, "is": [*dict.fromkeys(values)]})

    def _alternative(self, given: Any, place: str) -> JsonFilter | None:
        """Return a filter that asks for values, None for any other clause."""
        match given:
            case {"bool": {"must_not": {"exists": _} as absent} as inner} if len(given) == len(inner) == 1:
                made = self._filter("exists", absent["exists"], f"{place}.bool.must_not.exists")
                return None if made is None else {"field": made["field"], "is": [None]}
            case {"bool": {"must_not": [{"exists": _} as absent]} as inner} if len(given) == len(inner) == 1:
                made = self._filter("exists", absent["exists"], f"{place}.bool.must_not.exists")
                return None if made is None else {"field": made["field"], "is": [None]}
            case _:
                pass
        name, body, at = self._one(given, place)
        made = self._filter(name, body, at) if name in {"term", "terms", "match_phrase"} else None
        return made if made is not None and "is" in made else None

    def _filter(self, clause: str, body: Any, at: str) -> JsonFilter | None:
        """Return the filter of a clause about a field; None: it is the placeholder of a dynamic field."""
        made = filter_of(clause, body, at)
        if isinstance(made, Placeholder):
            if not self._strict:
                raise Unanswerable(f"{at}: a search has no dynamic fields", "give the value", field=at)
            self.clauses.placeholders[made.name] = made.field
            return None
        return made

"""Moesif's clauses as filters: those met in the wild are read, all others are refused by name, and none shows more."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Unanswerable
from bridge.formats.moesif.bounds import ClauseBounds, read_bounds, read_edge
from bridge.formats.moesif.clauses import read_policy, read_query
from bridge.formats.moesif.names import FIELD_OF, NUMBERS, TRUTHS
from bridge.formats.moesif.resource import resource_of

_ALICE: Final = {"field": "user", "is": ["alice"]}


@pytest.mark.parametrize(
    ("resource", "filters"),
    [
        ({"must": [{"terms": {"user_id.raw": ["alice"]}}]}, [_ALICE]),
        ({"must": {"terms": {"user_id": ["alice"]}}}, [_ALICE]),
        ({"bool": {"filter": {"term": {"user_id.raw": "alice"}}}}, [_ALICE]),
        ({"term": {"user_id.raw": {"value": "alice", "boost": 1}}}, [_ALICE]),
        ({"should": {"term": {"user_id": "alice"}}, "minimum_should_match": "1"}, [_ALICE]),
        (
            {"filter": [{"match_phrase": {"user_id": {"query": "alice"}}}, {"match_all": {}}]},
            [_ALICE],
        ),
        (
            {"should": [{"term": {"user_id": "alice"}}, {"terms": {"user_id.raw": ["bob", "alice"]}}]},
            [{"field": "user", "is": ["alice", "bob"]}],
        ),
        (
            {
                "should": [
                    {"term": {"company_id": "acme"}},
                    {"bool": {"must_not": {"exists": {"field": "company_id"}}}},
                ]
            },
            [{"field": "company", "is": ["acme", None]}],
        ),
        (
            {
                "must": [{"term": {"company_id.raw": "acme"}}, {"terms": {"response.status": ["500", 503]}}],
                "must_not": [{"term": {"request.verb": "OPTIONS"}}, {"match_phrase": {"user_id": "robot"}}],
            },
            [
                {"field": "company", "is": ["acme"]},
                {"field": "status", "is": ["500", 503]},
                {"field": "method", "is_not": ["OPTIONS"]},
                {"field": "user", "contains_not": "robot"},
            ],
        ),
        (
            {
                "filter": [
                    {"range": {"response.status": {"gte": 400, "lt": 500}}},
                    {"exists": {"field": "user_id"}},
                ]
            },
            [{"field": "status", "at_least": 400, "below": 500}, {"field": "user", "is_not": [None]}],
        ),
        (
            {
                "must": [
                    {"prefix": {"request.route.raw": "/orders"}},
                    {"wildcard": {"user_id.raw": {"value": "a*.c?"}}},
                ]
            },
            [{"field": "resource", "matches": "^/orders"}, {"field": "user", "matches": "(?s)^a.*\\.c.$"}],
        ),
        (
            {
                "must": [
                    {"term": {"event_type": "api_call"}},
                    {"term": {"metadata.applicationName.raw": "Shop"}},
                ]
            },
            [{"field": "application", "is": ["Shop"]}],
        ),
        (
            {"must": [{"bool": {"must": [{"bool": {"filter": [{"term": {"user_id": 17}}]}}]}}]},
            [{"field": "user", "is": ["17"]}],
        ),
        (
            {
                "must_not": [
                    {"bool": {"should": [{"term": {"user_id": "a"}}, {"exists": {"field": "company_id"}}]}}
                ]
            },
            [{"field": "user", "is_not": ["a"]}, {"field": "company", "is": [None]}],
        ),
    ],
)
def test_clauses_in_use_are_read(resource: dict[str, Any], filters: list[dict[str, Any]]) -> None:
    """An object or a list, with and without `.raw`, in a bool or not: the same filters."""
    assert read_policy(resource).filters == filters


def test_the_guides_policy_is_read() -> None:
    """The one public example of a policy: the last week of one user."""
    clauses = read_policy(
        {
            "must": [
                {"range": {"request.time": {"gte": "now-1w", "lte": "now"}}},
                {"terms": {"user_id.raw": ["u"]}},
            ]
        }
    )
    assert clauses.filters == [{"field": "user", "is": ["u"]}]
    assert clauses.bounds == ClauseBounds(("-1w",), ("now",))


_USER: Final = {"term": {"user_id": "alice"}}


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({}, "policy.resource"),
        ([], "policy.resource"),
        (None, "policy.resource"),
        ("all", "policy.resource"),
        ({"must": []}, "policy.resource.must"),
        ({"must": {}}, "policy.resource.must"),
        ({"filter": [_USER], "should": []}, "policy.resource.should"),
        ({"must": [_USER, {"bool": {}}]}, "policy.resource.must[1].bool"),
        ({"boost": 1}, "policy.resource"),
        ({"must": [{"terms": {"user_id.raw": []}}]}, "policy.resource.must[0].terms.user_id.raw"),
        ({"must": [{"terms": {"user_id.raw": "alice"}}]}, "policy.resource.must[0].terms.user_id.raw"),
        ({"must": [{"terms": {}}]}, "policy.resource.must[0].terms"),
        ({"must": [{"term": {"user_id": None}}]}, "policy.resource.must[0].term.user_id"),
        ({"must": [{"term": {"user_id": ""}}]}, "policy.resource.must[0].term.user_id"),
        ({"must": [{"term": {"user_id": "a", "company_id": "b"}}]}, "policy.resource.must[0].term"),
        ({"must": [{"term": {"user_id": "a"}, "terms": {"company_id": ["b"]}}]}, "policy.resource.must[0]"),
        ({"must": [_USER, {"script": {"source": "1"}}]}, "policy.resource.must[1].script"),
        ({"must": [_USER, {"query_string": {"query": "a"}}]}, "policy.resource.must[1].query_string"),
        ({"must": [_USER], "term": {"company_id": "b"}}, "policy.resource.term"),
        ({"must": [_USER], "must_nott": [_USER]}, "policy.resource.must_nott"),
        (
            {"must": [{"term": {"request.body.amount": "9"}}]},
            "policy.resource.must[0].term.request.body.amount",
        ),
        ({"must": [{"term": {"user_id": {"value": "a", "case_insensitive": True}}}]}, "case_insensitive"),
        ({"must": [{"range": {"request.time": {"gte": "now-1w", "format": "yyyy"}}}]}, "format"),
        ({"must": [{"range": {"request.time": {}}}]}, "policy.resource.must[0].range.request.time"),
        ({"must": [{"range": {"request.time": {"gte": "yesterday"}}}]}, "range.request.time.gte"),
        (
            {"must": [{"range": {"response.status": {"gte": 1, "lte": 2, "to": 3}}}]},
            "range.response.status.to",
        ),
        ({"must": [{"range": {"user_id": {"gte": "a"}}}]}, "range.user_id"),
        ({"must_not": [{"range": {"duration_ms": {"gte": 5}}}]}, "must_not[0].range"),
        ({"must_not": [{"range": {"request.time": {"gte": "now-1d"}}}]}, "must_not[0].range"),
        ({"must_not": [{"bool": {"must": [_USER, {"term": {"company_id": "b"}}]}}]}, "must_not[0].bool"),
        ({"must_not": {"match_all": {}}}, "must_not.match_all"),
        ({"should": [_USER, {"term": {"company_id": "b"}}]}, "should[1]"),
        ({"should": [_USER, {"range": {"request.time": {"gte": "now-1d"}}}]}, "should[1]"),
        ({"must": [_USER], "should": [_USER], "minimum_should_match": 0}, "minimum_should_match"),
        ({"must": [{"term": {"event_type": "user_action"}}]}, "must[0].term"),
        ({"must": [{"terms": {"user_id": ["{{user_id}}", "alice"]}}]}, "terms.user_id"),
        ({"must": [{"term": {"user_id": "{{company_id}}"}}]}, "term.user_id"),
        ({"must": [{"term": {"user_id": "u-{{user_id}}x"}}] * 60}, "policy.resource.must["),
    ],
)
def test_what_is_not_understood_is_refused_by_name(resource: Any, named: str) -> None:
    """Never left out, because that would show more: the refusal says where, what, and what to write."""
    with pytest.raises(Unanswerable) as refused:
        read_policy(resource)
    assert named in refused.value.field
    assert refused.value.cure


def test_a_clause_that_is_misspelt_is_told_the_nearest() -> None:
    """`termz` and `userid` are answered with what was meant."""
    for query, nearest in (({"termz": {"user_id": "a"}}, "term"), ({"term": {"userid": "a"}}, "user_id")):
        with pytest.raises(Unanswerable) as refused:
            read_policy({"must": [query]})
        assert refused.value.nearest == nearest


def test_a_search_may_have_empty_lists_of_clauses() -> None:
    """A query builder writes all four lists; in a search an empty one asks for nothing, as in Elasticsearch."""
    read = read_query(
        {"bool": {"must": [], "filter": [{"term": {"user_id": "alice"}}], "should": [], "must_not": []}}
    )
    assert read.filters == [_ALICE]
    assert read_query({}).filters == []
    assert read_query({"match_all": {}}).filters == []
    with pytest.raises(Unanswerable):
        read_query({"bool": {"must": [{"terms": {"user_id.raw": []}}]}})


def test_placeholders_of_dynamic_fields_are_told() -> None:
    """`{{user_id}}` is filled by each token; a search has none."""
    read = read_policy(
        {"must": [{"terms": {"user_id.raw": ["{{user_id}}"]}}, {"term": {"company_id": "acme"}}]}
    )
    assert read.placeholders == {"user_id": "user"}
    assert read.filters == [{"field": "company", "is": ["acme"]}]
    with pytest.raises(Unanswerable):
        read_query({"term": {"user_id": "{{user_id}}"}})


@pytest.mark.parametrize(
    ("body", "since", "until"),
    [
        ({"gte": "now-1w", "lte": "now"}, "-1w", "now"),
        ({"gt": "-24h", "lt": "now"}, "-24h", "now"),
        ({"gte": "1d", "lte": "now+2M"}, "+1d", "+2M"),
        ({"gte": "now-1d/d", "lte": "now-1d/d"}, "-1d/d", "-1d+1d/d"),
        ({"gte": "now-2H/H", "lt": "now/d"}, "-2h/h", "now/d"),
        ({"gte": "now||-1d"}, "-1d", None),
        (
            {"gte": 1743206400000, "lte": "1743206400000"},
            "2025-03-29T00:00:00+00:00",
            "2025-03-29T00:00:00.001000+00:00",
        ),
        ({"gte": "2026-03-29", "lte": "2026-03-29"}, "2026-03-29T00:00:00", "2026-03-30T00:00:00"),
        ({"gt": "2026-03-29T12:00:00Z", "boost": 2}, "2026-03-29T12:00:00.001000+00:00", None),
    ],
)
def test_times_are_read_as_elasticsearch_does(
    body: dict[str, Any], since: str | None, until: str | None
) -> None:
    """Date maths, Moesif's relative times, ISO 8601 and milliseconds; what is rounded and included is rounded up."""
    bounds = read_bounds(body, "range.request.time")
    assert (bounds.since, bounds.until) == (
        () if since is None else (since,),
        () if until is None else (until,),
    )


@pytest.mark.parametrize(
    ("edge", "read"),
    [
        ("now", "now"),
        ("-2d", "-2d/d"),
        ("-1w", "-1w/d"),
        ("3M", "+3M/d"),
        ("-24h", "-24h"),
        ("now-1d/w", "-1d/w"),
        ("2026-03-29", "2026-03-29T00:00:00"),
    ],
)
def test_edges_of_a_search_are_aligned_to_the_calendar(edge: str, read: str) -> None:
    """Days, weeks and months begin at midnight, as Moesif's documentation has it; shorter times are exact."""
    assert read_edge(edge, "from") == read


_FIELDS: Final = ("user_id", "company_id", "response.status")
_WORDS: Final[dict[str, list[Any]]] = {
    "user_id": ["alice", "al", "bob"],
    "company_id": ["acme", "beta"],
    "response.status": [200, 404, 500],
}


def _named(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, f"{name}.raw"]) if name != "response.status" else st.just(name)


@st.composite
def _leaf(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(_FIELDS))
    key, words = draw(_named(name)), st.sampled_from(_WORDS[name])
    kinds = ["term", "terms", "exists", "match_phrase", "match_all"]
    kind = draw(
        st.sampled_from([*kinds, "range"] if name == "response.status" else [*kinds, "prefix", "wildcard"])
    )
    match kind:
        case "terms":
            return {kind: {key: draw(st.lists(words, max_size=2))}}
        case "exists":
            return {kind: {"field": key}}
        case "match_all":
            return {kind: {}}
        case "range":
            return {kind: {key: {draw(st.sampled_from(["gte", "gt", "lte", "lt"])): draw(words)}}}
        case "wildcard":
            return {kind: {key: {"value": draw(st.sampled_from(["a*", "?ob", "*e"]))}}}
        case _:
            return {kind: {key: draw(words)}}


def _bools(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    clauses = inner | st.lists(inner, max_size=3)
    parts = st.dictionaries(st.sampled_from(["must", "filter", "should", "must_not"]), clauses, max_size=3)
    return parts.map(lambda made: {"bool": made})


_QUERIES: Final = st.recursive(_leaf(), _bools, max_leaves=6)
_EVENTS: Final = [
    {
        name: value
        for name, value in (("user_id", user), ("company_id", company), ("response.status", status))
        if value is not None
    }
    for user in ("alice", "al", "bob", None)
    for company in ("acme", "beta", None)
    for status in (200, 404, 500, None)
]


def _elasticsearch(query: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether an event matches, as Elasticsearch's manual has it."""
    ((clause, body),) = query.items()
    if clause == "match_all":
        return True
    if clause == "bool":
        parts = {occurs: [given] if isinstance(given, dict) else given for occurs, given in body.items()}
        needed = [*parts.get("must", []), *parts.get("filter", [])]
        should = parts.get("should", [])
        return (
            all(_elasticsearch(one, event) for one in needed)
            and (bool(needed) or not should or any(_elasticsearch(one, event) for one in should))
            and not any(_elasticsearch(one, event) for one in parts.get("must_not", []))
        )
    if clause == "exists":
        return body["field"].removesuffix(".raw") in event
    ((key, said),) = body.items()
    value = event.get(key.removesuffix(".raw"))
    tests: dict[str, Callable[[], bool]] = {
        "term": lambda: value == said,
        "terms": lambda: value in said,
        "match_phrase": lambda: str(said) in str(value),
        "prefix": lambda: str(value).startswith(said),
        "wildcard": lambda: (
            re.fullmatch(said["value"].replace("*", ".*").replace("?", "."), str(value)) is not None
        ),
        "range": lambda: all(_compared(name, value, bound) for name, bound in said.items()),
    }
    return value is not None and tests[clause]()


def _compared(name: str, value: Any, bound: Any) -> bool:
    return bool(
        {"gte": value >= bound, "gt": value > bound, "lte": value <= bound, "lt": value < bound}[name]
    )


def _here(filters: list[dict[str, Any]], event: Mapping[str, Any]) -> bool:
    """Return whether an event passes filters, as questions have them."""
    values = {field: event.get(name) for name, field in FIELD_OF.items() if name in _FIELDS}
    return all(
        _holds(test, values[one["field"]], asked)
        for one in filters
        for test, asked in one.items()
        if test != "field"
    )


def _holds(test: str, value: Any, asked: Any) -> bool:
    match test:
        case "is" | "is_not":
            return (value in asked) is (test == "is")
        case "matches" | "matches_not":
            return (value is not None and re.search(asked, value) is not None) is (test == "matches")
        case "contains_not":
            return value is None or asked.lower() not in value.lower()
        case _:
            name = {"at_least": "gte", "above": "gt", "at_most": "lte", "below": "lt"}[test]
            return value is not None and _compared(name, value, asked)


@given(_QUERIES)
@settings(max_examples=500, deadline=None)
def test_no_query_shows_more_than_at_moesif(query: dict[str, Any]) -> None:
    """Of any query, what passes here passes there, too; or the query is refused."""
    for read in (read_policy, read_query):
        try:
            filters = read(query, "q").filters
        except Unanswerable:
            continue
        for event in _EVENTS:
            assert not _here(filters, event) or _elasticsearch(query, event), (filters, event)


_FILTER_VALUES: Final = st.lists(
    st.none() | st.sampled_from(["alice", "bob"]), min_size=1, max_size=3, unique=True
)


@given(
    st.lists(
        st.builds(
            lambda field, test, values: {
                "field": field,
                test: [one for one in values if one is not None] + [None] * (None in values),
            },
            st.sampled_from(sorted({*FIELD_OF.values()} - NUMBERS - TRUTHS)),
            st.sampled_from(["is", "is_not"]),
            _FILTER_VALUES,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_sandbox_comes_back_from_its_clauses(filters: list[dict[str, Any]]) -> None:
    """What is written for Moesif is read here as the same sandbox."""
    read = read_policy(resource_of(filters, "now-1w", "now"))
    assert read.bounds == ClauseBounds(("-1w",), ("now",))
    for event in _sandbox_events(filters):
        assert _all_hold(read.filters, event) == _all_hold(filters, event)


def _sandbox_events(filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    fields = {one["field"] for one in filters}
    return [dict.fromkeys(fields, value) for value in ("alice", "bob", "carol", None)]


def _all_hold(filters: list[dict[str, Any]], event: Mapping[str, Any]) -> bool:
    return all(
        _holds(test, event[one["field"]], asked)
        for one in filters
        for test, asked in one.items()
        if test != "field"
    )


@pytest.mark.parametrize(
    "filters",
    [
        [],
        [{"field": "key", "is": ["x"]}],
        [{"field": "user", "contains": "x"}],
        [{"field": "user", "matches": "x"}],
    ],
)
def test_a_sandbox_that_moesif_cannot_hold_is_refused(filters: list[dict[str, Any]]) -> None:
    """No restriction at all, a field that Moesif has not, a test that its index makes in another way."""
    with pytest.raises(Unanswerable) as refused:
        resource_of(filters)
    assert refused.value.cure

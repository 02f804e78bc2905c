"""Workspaces, searches and aggregations in Moesif's form: what is read of them, and what is refused."""

import copy
from typing import Any, Final

import pytest

from bridge.errors import Unanswerable
from bridge.formats.moesif.aggregations import read_aggregations
from bridge.formats.moesif.searches import read_search, wanted
from bridge.formats.moesif.stored import stored_event
from bridge.formats.moesif.workspaces import DynamicField, filled, read_workspace

_BODY: Final[dict[str, Any]] = {
    "name": "Log of a user",
    "chart": {
        "args": "",
        "url_query": "?userIdFilter%5B0%5D%5Bkey%5D=alice",
        "view": "events",
        "es_query": {"size": 50, "from": 0, "sort": [{"request.time": "desc"}]},
        "from": "-1w",
        "to": "now",
    },
    "policy": {
        "resource": {
            "must": [
                {"range": {"request.time": {"gte": "now-1w", "lte": "now"}}},
                {"terms": {"user_id.raw": ["alice"]}},
            ]
        },
        "acl": [
            {"grantee": "org|177:3", "permission": "admin"},
            {"grantee": "public", "permission": "read"},
        ],
    },
}
_TEMPLATE: Final = {"dynamic_fields": ["user_id"], "dynamic_time": True}
_COMPANY: Final = {"must": [{"terms": {"company_id.raw": ["acme"]}}]}


def _changed(path: str, value: Any) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(_BODY)
    *places, last = path.split(".")
    inner = body
    for place in places:
        inner = inner[place]
    inner[last] = value
    return body


def test_the_body_of_moesifs_guide_is_read() -> None:
    """Name, view, period, sandbox, and that everybody may read."""
    read = read_workspace(_BODY)
    assert (read.name, read.view, read.since, read.until) == ("Log of a user", "events", "-1w", "now")
    assert read.policy.filters == [{"field": "user", "is": ["alice"]}]
    assert read.policy.bounds.since == ("-1w",)
    assert (read.public, read.is_template, read.search.size) == (True, False, 50)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("name", "", "name"),
        ("name", None, "name"),
        ("chart", None, "chart"),
        ("chart.view", "pie", "chart.view"),
        ("chart.url_query", 3, "chart.url_query"),
        ("chart.from", "last week", "chart.from"),
        ("chart.es_query", {"query": {"script": {}}}, "chart.es_query.query.script"),
        ("chart.es_query", {"sort": [{"duration_ms": "desc"}]}, "chart.es_query.sort"),
        ("chart.es_query", {"collapse": {"field": "user_id"}}, "chart.es_query.collapse"),
        ("policy", None, "policy"),
        ("policy.resource", {"must": []}, "policy.resource.must"),
        ("policy.resource", {}, "policy.resource"),
        ("policy.resources", {"must": []}, "policy.resources"),
        ("policy.api_scopes", ["read:events"], "policy.api_scopes"),
        ("policy.acl", None, "policy.acl"),
        ("policy.acl", [{"grantee": "public", "permission": "admin"}], "policy.acl[0].permission"),
        ("policy.acl", [{"grantee": "everybody", "permission": "read"}], "policy.acl[0].grantee"),
        ("policy.acl", ["public"], "policy.acl[0].grantee"),
        ("template", {"dynamic_field": ["user_id"]}, "template.dynamic_field"),
        ("template", {"dynamic_fields": "user_id"}, "template.dynamic_fields"),
        ("template", {"dynamic_fields": ["userid"]}, "template.dynamic_fields[0].userid"),
        ("template", {"dynamic_fields": [], "dynamic_time": "yes"}, "template.dynamic_time"),
        # The sandbox has a value for it already.
        ("template", _TEMPLATE, "policy.resource"),
        ("policy.resource", {"must": [{"term": {"user_id": "{{user_id}}"}}]}, "template.dynamic_fields"),
    ],
)
def test_a_body_that_is_wrong_is_refused(path: str, value: Any, field: str) -> None:
    """With the place and the cure."""
    with pytest.raises(Unanswerable) as refused:
        read_workspace(_changed(path, value))
    assert refused.value.field == field
    assert refused.value.cure


def test_a_policy_without_resource_is_refused() -> None:
    """It would show every call."""
    body = _changed("policy", {"acl": []})
    with pytest.raises(Unanswerable, match=r"policy\.resource is missing"):
        read_workspace(body)


def test_without_the_grant_to_everybody_it_is_not_public() -> None:
    """An access list of the organisation alone."""
    assert not read_workspace(_changed("policy.acl", [{"grantee": "org|1", "permission": "admin"}])).public
    assert not read_workspace(_changed("policy.acl", [])).public


@pytest.mark.parametrize(
    "resource",
    [_COMPANY, {"must": [*_COMPANY["must"], {"terms": {"user_id.raw": ["{{user_id}}"]}}]}],
    ids=["left out", "placeholder"],
)
def test_a_template_leaves_its_dynamic_fields_open(resource: dict[str, Any]) -> None:
    """Whether its policy has a placeholder or no clause; each token has to fill it."""
    read = read_workspace(_changed("policy.resource", resource) | {"template": _TEMPLATE})
    assert read.is_template
    assert read.policy.filters == [{"field": "company", "is": ["acme"]}]
    assert read.dynamic == (DynamicField("user_id", "user"),)


_DYNAMIC: Final = (DynamicField("user_id", "user"), DynamicField("company_id", "company"))


def test_values_fill_the_dynamic_fields() -> None:
    """One value or several, under the name with or without `.raw`; numbers are texts."""
    assert filled(_DYNAMIC, {"user_id": "alice", "company_id.raw": ["a", 7]}) == [
        {"field": "user", "is": ["alice"]},
        {"field": "company", "is": ["a", "7"]},
    ]
    assert filled((), None) == filled((), {}) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (None, "template.values.user_id"),
        ({"user_id": "alice"}, "template.values.company_id"),
        ({"user_id": "", "company_id": "a"}, "template.values.user_id"),
        ({"user_id": [], "company_id": "a"}, "template.values.user_id"),
        ({"user_id": ["alice", None], "company_id": "a"}, "template.values.user_id"),
        ({"user_id": None, "company_id": "a"}, "template.values.user_id"),
        ({"user_id": {"or": 1}, "company_id": "a"}, "template.values.user_id"),
        ({"user_id": "alice", "company_id": "a", "ip": "x"}, "template.values.ip"),
        (["alice"], "template.values"),
    ],
)
def test_a_dynamic_field_without_a_value_is_refused(values: Any, field: str) -> None:
    """It would show everybody's calls; so does a value for a field that is not dynamic, if it were left out."""
    with pytest.raises(Unanswerable) as refused:
        filled(_DYNAMIC, values)
    assert refused.value.field == field


def test_a_search_is_read() -> None:
    """Filters, page, members; figures are made of what the query passes, events pass the post_filter, too."""
    read = read_search(
        {
            "query": {"bool": {"filter": [{"match_phrase": {"company_id": "acme"}}]}},
            "post_filter": {"bool": {"should": {"term": {"response.status": "500"}}}},
            "size": 20,
            "from": 10,
            "sort": [{"request.time": {"order": "desc", "unmapped_type": "string"}}, {"_id": "desc"}],
            "search_after": [1694190464456, "x"],
            "_source": ["user_id.raw", "request"],
            "track_total_hits": True,
        }
    )
    assert read.query.filters == [{"field": "company", "is": ["acme"]}]
    assert read.post_filter.filters == [{"field": "status", "is": ["500"]}]
    assert (read.size, read.offset, read.after) == (20, 10, (1694190464456, "x"))
    assert read.source == ("user_id", "request")


@pytest.mark.parametrize(
    ("search", "field"),
    [
        ([], ""),
        ({"queryy": {}}, "the search.queryy"),
        ({"size": -1}, "size"),
        ({"size": 10_001}, "size"),
        ({"size": 5000, "from": 5001}, "size"),
        ({"sort": [{"request.time": "asc"}]}, "sort"),
        ({"sort": ["_score"]}, "sort"),
        ({"sort": [{"_id": "desc"}]}, "sort"),
        ({"search_after": ["alice"]}, "search_after"),
        ({"_source": [1]}, "_source"),
        ({"aggs": {}, "aggregations": {}}, "aggs"),
        ({"query": {"term": {"app_id": "1"}}}, "query.term.app_id"),
        ({"aggs": {"a": {"top_hits": {}}}}, "aggs.a.top_hits"),
        ({"aggs": {"a": {"terms": {"field": "user_id.raw", "include": "x"}}}}, "aggs.a.terms.include"),
        ({"aggs": {"a": {"terms": {"field": "zip"}}}}, "aggs.a.terms.field"),
        ({"aggs": {"a": {"terms": {"field": "user_id", "order": {"x": "desc"}}}}}, "aggs.a.terms.order"),
        ({"aggs": {"a": {"sum": {"field": "user_id"}}}}, "aggs.a.sum.field"),
        (
            {"aggs": {"a": {"percentiles": {"field": "duration_ms", "percents": [99.9]}}}},
            "aggs.a.percentiles.percents",
        ),
        (
            {"aggs": {"a": {"date_histogram": {"field": "user_id", "interval": "1h"}}}},
            "aggs.a.date_histogram.field",
        ),
        ({"aggs": {"a": {"filter": {"script": {}}}}}, "aggs.a.filter.script"),
        (
            {"aggs": {"a": {"sum": {"field": "weight"}, "aggs": {"b": {"sum": {"field": "weight"}}}}}},
            "aggs.a",
        ),
    ],
)
def test_a_search_that_is_not_understood_is_refused(search: Any, field: str) -> None:
    """By name, never in part."""
    with pytest.raises(Unanswerable) as refused:
        read_search(search)
    assert refused.value.field == field
    assert refused.value.cure


def test_moesifs_examples_of_aggregations_are_read() -> None:
    """The two of its documentation: companies by calls, and routes by their 90 % quantile."""
    weight = {"sum": {"field": "weight", "missing": 1}}
    percentile = {"percentiles": {"field": "duration_ms", "percents": [90]}}
    (seg,) = read_aggregations(
        {
            "seg": {
                "filter": {"match_all": {}},
                "aggs": {
                    "company_id.raw": {
                        "terms": {
                            "field": "company_id.raw",
                            "size": "20",
                            "min_doc_count": 1,
                            "order": {"weight|sum": "desc"},
                            "missing": "(none)",
                        },
                        "aggs": {"weight|sum": weight},
                    },
                    "request.route.raw": {
                        "terms": {
                            "field": "request.route.raw",
                            "size": "10",
                            "order": {"duration_ms|percentiles(90).90": "desc"},
                        },
                        "aggs": {"duration_ms|percentiles(90)": percentile},
                    },
                    "weight|sum": weight,
                },
            }
        }
    )
    companies, routes, total = seg.inner
    assert (companies.field, companies.size, companies.order) == ("company", 20, ("weight|sum", True))
    assert (routes.field, routes.missing, routes.inner[0].percents) == ("resource", None, (90,))
    assert (total.kind, total.field) == ("sum", "weight")


def test_an_event_is_shown_as_moesif_stores_it() -> None:
    """Under Moesif's names, and under WSO2's in the metadata; members can be chosen."""
    event = {
        "id": "e1",
        "time": "2026-03-29T12:00:00+00:00",
        "user": "alice",
        "status": 200,
        "api": "Orders",
        "method": "GET",
    }
    source = stored_event(event, "177:3", "198:3")
    assert source["user_id"] == "alice"
    assert source["request"] == {"time": "2026-03-29T12:00:00+00:00", "verb": "GET"}
    assert source["response"] == {"status": 200}
    assert source["metadata"] == {"apiName": "Orders", "apiMethod": "GET", "proxyResponseCode": 200}
    assert wanted(source, ("user_id", "request.verb", "metadata.*")) == {
        "user_id": "alice",
        "request": {"verb": "GET"},
        "metadata": source["metadata"],
    }
    assert wanted(source, None) == source
    assert wanted(source, ()) == {}

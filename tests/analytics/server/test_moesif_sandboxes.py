"""Workspaces of Moesif's clients for every kind of sandbox: their tokens search what is inside, and nothing else."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
import pytest_asyncio
from rigs.analytics_calls import AGENTS, IPS, Values
from rigs.moesif_calls import OTHER, USER, MoesifCaller, moesif_caller, policy, workspace

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PERIOD: Final = "from=-7d&to=now"
_SEARCHES: Final[list[dict[str, Any]]] = [
    {"size": 1000},
    {"size": 1000, "query": {"match_all": {}}},
    {"size": 1000, "query": {"bool": {"should": [], "filter": {"term": {"event_type": "api_call"}}}}},
    {"size": 1000, "query": {"bool": {"must_not": {"term": {"response.status": 999}}}}},
    {"size": 1000, "post_filter": {"bool": {"must_not": {"prefix": {"metadata.apiName.raw": "\0"}}}}},
    {"size": 7, "from": 3},
]
_Passes = Callable[[Values], bool]
_SANDBOXES: Final[dict[str, tuple[list[dict[str, Any]], _Passes]]] = {
    "user": ([{"term": {"user_id": USER}}], lambda call: call["user"] == USER),
    "company": ([{"terms": {"company_id.raw": ["acme"]}}], lambda call: call["company"] == "acme"),
    "application": (
        [{"term": {"metadata.applicationName.raw": "MobileApp"}}],
        lambda call: call["application"] == "MobileApp",
    ),
    "API": ([{"match_phrase": {"metadata.apiName": "Orders"}}], lambda call: call["api"] == "Orders"),
    "tenant": (
        [{"term": {"metadata.apiCreatorTenantDomain": "acme.com"}}],
        lambda call: call["tenant"] == "acme.com",
    ),
    "no user": (
        [{"bool": {"must_not": {"exists": {"field": "user_id"}}}}],
        lambda call: call["user"] is None,
    ),
    "user and errors": (
        [{"term": {"user_id": USER}}, {"range": {"response.status": {"gte": 400}}}],
        lambda call: call["user"] == USER and (call["status"] or 0) >= 400,
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moesif(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoesifCaller]:
    async with moesif_caller(tmp_path_factory.mktemp("server")) as caller:
        yield caller


@pytest.mark.parametrize("kind", _SANDBOXES)
async def test_a_token_finds_its_part_and_names_nobody_else(moesif: MoesifCaller, kind: str) -> None:
    """Searches, counts and groups are those of a copy of the store that has the part alone; nothing else is said."""
    clauses, passes = _SANDBOXES[kind]
    body = workspace(policy=policy({"range": {"request.time": {"gte": "now-1w"}}}, *clauses))
    status, made = await moesif.ask("POST", "/replay/1/workspaces", body=body)
    assert status == 201, made
    token, inside = made["access_token"], [call for call in moesif.of() if passes(call)]
    assert inside
    said: list[Any] = []

    async def ask(path: str, asked: Any) -> Any:
        status, answer = await moesif.ask("POST", f"{path}?{_PERIOD}", token, asked)
        assert status in {200, 201}, answer
        said.append(answer)
        return answer

    for search in _SEARCHES:
        for path in ("/v1/search/~/search/events", f"/v1/search/~/workspaces/{made['_id']}/search"):
            hits = (await ask(path, search))["hits"]
            start = search.get("from", 0)
            assert hits["total"] == len(inside)
            assert [hit["_id"] for hit in hits["hits"]] == [
                call["id"] for call in inside[start : start + search["size"]]
            ]
    assert (await ask("/v1/search/~/count/events", {}))["hits"]["total"] == len(inside)
    groups = {"verbs": {"terms": {"field": "request.verb", "size": 99, "missing": "none"}}}
    answer = await ask("/v1/search/~/search/events", {"size": 0, "aggs": groups})
    counted = {one["key"]: one["doc_count"] for one in answer["aggregations"]["verbs"]["buckets"]}
    assert counted == Counter(call["method"] or "none" for call in inside)

    for call in moesif.calls[:30]:
        status, hit = await moesif.ask("GET", f"/v1/search/~/events/{call['id']}", token)
        assert status == (200 if passes(call) else 404)
        said.append(hit)
    text = json.dumps(said, ensure_ascii=False)
    hidden = {*IPS, *AGENTS, OTHER, USER} - {None}
    if kind.startswith("user"):
        hidden -= {USER}
    assert [one for one in hidden if f'"{one}"' in text] == []


@pytest.mark.parametrize("kind", _SANDBOXES)
async def test_what_a_token_asks_for_outside_finds_nothing(moesif: MoesifCaller, kind: str) -> None:
    """A query that names others is refused, where the field is not shown, or finds nothing."""
    clauses, passes = _SANDBOXES[kind]
    _, made = await moesif.ask("POST", "/replay/1/workspaces", body=workspace(policy=policy(*clauses)))
    inside = {call["id"] for call in moesif.calls if passes(call)}
    queries: list[dict[str, Any]] = [
        {"term": {"user_id": OTHER}},
        {"bool": {"must_not": {"term": {"user_id": USER}}}},
        {"wildcard": {"user_id": "*"}},
        {"terms": {"request.ip_address": [one for one in IPS if one]}},
        {"prefix": {"metadata.userAgentHeader": "curl"}},
        {"term": {"metadata.apiCreator": "admin"}},
        {"range": {"request.time": {"gte": "now-10y", "lte": "now+1y"}}},
    ]
    for query in queries:
        for search in ({"query": query, "size": 1000}, {"post_filter": query, "size": 1000}):
            status, answer = await moesif.ask(
                "POST", f"/v1/search/~/search/events?{_PERIOD}", made["access_token"], search
            )
            assert status in {200, 400}
            found = [] if status == 400 else [hit["_id"] for hit in answer["hits"]["hits"]]
            assert {*found} <= inside
    for aggregation in (
        {"terms": {"field": "user_id.raw"}},
        {"terms": {"field": "request.ip_address"}},
        {"cardinality": {"field": "metadata.apiCreator"}},
        {"filter": {"term": {"user_id": OTHER}}},
    ):
        search = {"size": 0, "aggs": {"one": aggregation}}
        status, answer = await moesif.ask(
            "POST", f"/v1/search/~/search/events?{_PERIOD}", made["access_token"], search
        )
        if status == 200:
            assert OTHER not in json.dumps(answer)
            assert answer["aggregations"]["one"].get("doc_count", 0) <= len(inside)

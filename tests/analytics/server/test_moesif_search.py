"""Moesif's searches over a real listener: Elasticsearch's queries, pages, counts and figures."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import pytest_asyncio
from rigs.moesif_calls import OTHER, USER, MoesifCaller, moesif_caller, policy, workspace

from bridge.analytics.server.moesif import figures

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SEARCH: Final = "/v1/search/~/search/events"
_WEEK: Final = {"from": "-7d", "to": "now"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moesif(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoesifCaller]:
    async with moesif_caller(tmp_path_factory.mktemp("server")) as caller:
        yield caller


async def _found(moesif: MoesifCaller, body: Any, token: str = "searches") -> dict[str, Any]:
    status, answer = await moesif.ask("POST", f"{_SEARCH}?from=-7d&to=now", token, body)
    assert status == 200, answer
    return dict(answer)


def _ids(answer: dict[str, Any]) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


@pytest.mark.parametrize("base", ["", "/v1", "/api"])
async def test_a_search_gives_hits(moesif: MoesifCaller, base: str) -> None:
    """As Moesif's answer is shaped: `took`, `hits.total` as a number, `_source` with nested members, `sort`."""
    body = {"post_filter": {"bool": {"should": {"term": {"user_id.raw": USER}}}}, "size": 5}
    path = f"{base}/search/~/search/events?from=-7d&to=now&app_id=198:3"
    status, answer = await moesif.ask("POST", path, "searches", body)
    wanted = moesif.of(user=USER)
    assert (status, answer["timed_out"], answer["hits"]["total"]) == (200, False, len(wanted))
    assert _ids(answer) == [call["id"] for call in wanted[:5]]
    hit, call = answer["hits"]["hits"][0], wanted[0]
    source = hit["_source"]
    assert hit["sort"] == [call["time_ms"], call["id"]]
    assert (source["user_id"], source["event_type"], source["app_id"]) == (USER, "api_call", "198:3")
    assert datetime.fromisoformat(source["request"]["time"]).timestamp() * 1000 == call["time_ms"]
    assert source.get("response", {}).get("status") == call["status"]
    assert source["metadata"].get("applicationName") == call["application"]


@pytest.mark.parametrize("size", [7, 20])
async def test_pages_follow_by_search_after(moesif: MoesifCaller, size: int) -> None:
    """The `sort` of the last hit leads to the next page, until there is none; `from` skips."""
    expected = [call["id"] for call in moesif.of(company="acme")]
    query = {"query": {"term": {"company_id": "acme"}}, "size": size, "sort": [{"request.time": "desc"}]}
    found: list[str] = []
    after: dict[str, Any] = {}
    while hits := (await _found(moesif, query | after))["hits"]["hits"]:
        found += [hit["_id"] for hit in hits]
        after = {"search_after": hits[-1]["sort"]}
    assert found == expected
    skipped = await _found(moesif, query | {"from": 3})
    assert _ids(skipped) == expected[3 : 3 + size]
    # One that passes the time alone, as Moesif's own hits have it.
    last = moesif.of(company="acme")[4]["time_ms"]
    assert _ids(await _found(moesif, query | {"search_after": [last]}))[0] not in expected[:5]


async def test_queries_of_clients_are_answered(moesif: MoesifCaller) -> None:
    """A range of statuses, values of two fields, what is not there, a bound of the time within the query."""
    queries: list[tuple[dict[str, Any], Any]] = [
        (
            {"bool": {"must": [], "filter": [{"range": {"response.status": {"gte": 500}}}]}},
            lambda one: (one["status"] or 0) >= 500,
        ),
        (
            {
                "bool": {
                    "filter": [
                        {"match_phrase": {"request.verb": "GET"}},
                        {"terms": {"user_id.raw": [USER, OTHER]}},
                    ]
                }
            },
            lambda one: one["method"] == "GET" and one["user"] in {USER, OTHER},
        ),
        ({"bool": {"must_not": {"exists": {"field": "company_id.raw"}}}}, lambda one: one["company"] is None),
        (
            {"prefix": {"request.route.raw": "/order"}},
            lambda one: (one["resource"] or "").startswith("/order"),
        ),
        ({"match_all": {}}, lambda _: True),
    ]
    for query, passes in queries:
        expected = [call["id"] for call in moesif.of() if passes(call)]
        answer = await _found(moesif, {"query": query, "size": 1000})
        assert (_ids(answer), answer["hits"]["total"]) == (expected, len(expected)), query
    middle = moesif.of()[60]["time_ms"]
    body = {"query": {"range": {"request.time": {"gte": middle}}}, "size": 1000}
    assert _ids(await _found(moesif, body)) == [call["id"] for call in moesif.of()[:61]]
    assert (await _found(moesif, {"query": {"range": {"request.time": {"lt": "1990-01-01"}}}}))["hits"] == {
        "total": 0,
        "hits": [],
    }


async def test_members_of_hits_can_be_chosen(moesif: MoesifCaller) -> None:
    """`_source` names them."""
    answer = await _found(
        moesif, {"query": {"term": {"user_id": USER}}, "_source": ["user_id", "request.time"]}
    )
    for hit in answer["hits"]["hits"]:
        assert {*hit["_source"]} == {"user_id", "request"}
        assert {*hit["_source"]["request"]} == {"time"}


async def test_events_are_counted(moesif: MoesifCaller) -> None:
    """Without hits, and with `_shards`, as Elasticsearch has them; without a body all are."""
    path = "/v1/search/~/count/events?from=-7d&to=now&track_total_hits=true"
    status, answer = await moesif.ask("POST", path, "searches", {"query": {"term": {"user_id": USER}}})
    assert (status, answer["hits"]) == (
        200,
        {"total": len(moesif.of(user=USER)), "hits": [], "max_score": None},
    )
    assert answer["_shards"]["failed"] == 0
    _, answer = await moesif.ask("POST", path, "searches")
    assert answer["hits"]["total"] == len(moesif.calls)


async def test_one_event_is_shown_with_all_that_it_said(moesif: MoesifCaller) -> None:
    """Its address, headers and metadata; another id is not found."""
    call = moesif.of(hostname="api.example.com")[0]
    path = f"/v1/search/~/events/{call['id']}"
    status, hit = await moesif.ask("GET", path, "searches", event_time="2026-01-01T00:00:00Z")
    assert (status, hit["_id"]) == (200, call["id"])
    source = hit["_source"]
    assert source["request"]["uri"] == f"https://api.example.com{call['path']}?q=1"
    assert source["metadata"]["correlationId" if call["correlation_id"] else "eventType"]
    for wrong in ("x", "00000000-0000-4000-8000-000000000000"):
        assert (await moesif.ask("GET", f"/v1/search/~/events/{wrong}", "searches"))[0] == 404


async def test_groups_have_their_figures(moesif: MoesifCaller) -> None:
    """Companies by calls, a quantile, different users, time: compared with a count of our own."""
    weight = {"sum": {"field": "weight", "missing": 1}}
    body = {
        "size": 0,
        "query": {"terms": {"user_id.raw": [USER, OTHER]}},
        "aggs": {
            "seg": {
                "filter": {"bool": {"must": [{"term": {"company_id.raw": "acme"}}]}},
                "aggs": {
                    "request.verb": {
                        "terms": {
                            "field": "request.verb.raw",
                            "size": "2",
                            "order": {"weight|sum": "desc"},
                            "missing": "(none)",
                        },
                        "aggs": {
                            "weight|sum": weight,
                            "users": {"cardinality": {"field": "user_id.raw"}},
                            "slow": {"percentiles": {"field": "duration_ms", "percents": [90]}},
                        },
                    },
                    "weight|sum": weight,
                    "days": {"date_histogram": {"field": "request.time", "interval": "day"}},
                },
            }
        },
    }
    seg = (await _found(moesif, body))["aggregations"]["seg"]
    calls = [call for call in moesif.of(company="acme") if call["user"] in {USER, OTHER}]
    assert (seg["doc_count"], seg["weight|sum"]) == (len(calls), {"value": len(calls)})
    by_verb = Counter(call["method"] or "(none)" for call in calls)
    buckets = seg["request.verb"]["buckets"]
    assert [bucket["doc_count"] for bucket in buckets] == [count for _, count in by_verb.most_common(2)]
    assert seg["request.verb"]["sum_other_doc_count"] == len(calls) - sum(one["doc_count"] for one in buckets)
    for bucket in buckets:
        there = [call for call in calls if (call["method"] or "(none)") == bucket["key"]]
        assert (bucket["doc_count"], bucket["weight|sum"]["value"]) == (len(there), len(there))
        assert bucket["users"]["value"] == len({call["user"] for call in there})
        known = sorted(call["latency"] for call in there if call["latency"] is not None)
        assert known[0] <= bucket["slow"]["values"]["90.0"] <= known[-1]
    days = Counter(datetime.fromtimestamp(call["time_ms"] / 1000, UTC).date().isoformat() for call in calls)
    counted = {
        one["key_as_string"][:10]: one["doc_count"] for one in seg["days"]["buckets"] if one["doc_count"]
    }
    assert counted == days


async def test_groups_within_groups(moesif: MoesifCaller) -> None:
    """Statuses of each user; who has no value has no group unless `missing` says its key."""
    inner = {"statuses": {"terms": {"field": "response.status", "size": 100, "order": {"_key": "asc"}}}}
    body = {"size": 0, "aggs": {"users": {"terms": {"field": "user_id.raw"}, "aggs": inner}}}
    users = (await _found(moesif, body))["aggregations"]["users"]
    assert {bucket["key"] for bucket in users["buckets"]} == {USER, OTHER}
    for bucket in users["buckets"]:
        statuses = Counter(call["status"] for call in moesif.of(user=bucket["key"]))
        del statuses[None]
        assert [(one["key"], one["doc_count"]) for one in bucket["statuses"]["buckets"]] == sorted(
            statuses.items()
        )


async def test_a_post_filter_does_not_change_figures(moesif: MoesifCaller) -> None:
    """As in Elasticsearch: hits pass it, aggregations do not look at it."""
    body = {
        "post_filter": {"term": {"user_id": USER}},
        "aggs": {"calls": {"sum": {"field": "weight"}}},
        "size": 0,
    }
    answer = await _found(moesif, body)
    assert answer["hits"]["total"] == len(moesif.of(user=USER))
    assert answer["aggregations"]["calls"]["value"] == len(moesif.calls)


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("to=now", {}, "from"),
        ("from=-1d", {}, "to"),
        ("from=sometime&to=now", {}, "from"),
        ("from=now&to=-1d", {}, "from"),
        ("from=-1d&to=now&page=2", {}, "page"),
        ("from=-1d&to=now", {"query": {"fuzzy": {}}}, "query.fuzzy"),
        (
            "from=-1d&to=now",
            {"query": {"bool": {"filter": [{"terms": {"user_id": []}}]}}},
            "query.bool.filter[0].terms.user_id",
        ),
        ("from=-1d&to=now", {"search_after": [5, "x"]}, "search_after"),
        ("from=-1d&to=now", {"aggs": {"a": {"avg": {"field": "response.status"}}}}, "aggs"),
        (
            "from=-1d&to=now",
            {"aggs": {"a": {"date_histogram": {"field": "request.time", "interval": "7m"}}}},
            "aggs.date_histogram.interval",
        ),
    ],
)
async def test_what_is_not_understood_is_refused(
    moesif: MoesifCaller, query: str, body: Any, field: str
) -> None:
    """With 400, the place and the cure."""
    status, said = await moesif.ask("POST", f"{_SEARCH}?{query}", "searches", body)
    assert (status, said["field"], bool(said["cure"])) == (400, field, True), said


async def test_days_are_those_of_the_calendar(moesif: MoesifCaller) -> None:
    """`from=-1d` begins with yesterday, as Moesif's documentation has it; `-24h` a day ago to the second."""
    midnight = (
        datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000 - 86_400_000
    )
    status, answer = await moesif.ask("POST", f"{_SEARCH}?from=-1d&to=now", "searches", {"size": 1000})
    assert status == 200
    assert _ids(answer) == [call["id"] for call in moesif.of() if call["time_ms"] >= midnight]


async def test_groups_within_many_groups_are_told_apart_in_one_go(
    moesif: MoesifCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each inner group is looked at once, not once for every outer one: nobody else is served meanwhile."""
    looked_at: list[Any] = []
    without = figures._without

    def noted(key: Any, place: int) -> Any:
        looked_at.append(key)
        return without(key, place)

    monkeypatch.setattr(figures, "_without", noted)
    inner = {"terms": {"field": "metadata.apiContext", "size": 10}}
    aggs = {"a": {"terms": {"field": "metadata.correlationId", "size": 1000}, "aggs": {"b": inner}}}
    answer = await _found(moesif, {"size": 0, "aggs": aggs})
    buckets = answer["aggregations"]["a"]["buckets"]
    expected = Counter(call["correlation_id"] for call in moesif.of() if call["correlation_id"] is not None)
    assert {bucket["key"]: _calls_in(bucket["b"]) for bucket in buckets} == expected
    groups = len(expected) + sum(len(bucket["b"]["buckets"]) for bucket in buckets)
    assert len(looked_at) == groups


def _calls_in(groups: dict[str, Any]) -> int:
    return sum(bucket["doc_count"] for bucket in groups["buckets"])


async def test_searches_need_their_scope(moesif: MoesifCaller) -> None:
    """read:events."""
    for token in ("makes", "figures", "sends"):
        assert (await moesif.ask("POST", f"{_SEARCH}?from=-1d&to=now", token, {}))[0] == 403


async def test_a_search_within_a_workspace_stays_there(moesif: MoesifCaller) -> None:
    """Whoever asks: one who may search everything, or the bearer of its token; it asks for no field outside of it."""
    _, made = await moesif.ask("POST", "/replay/1/workspaces", body=workspace())
    own = [call["id"] for call in moesif.of(user=USER)]
    path = f"/v1/search/~/workspaces/{made['_id']}/search?from=-7d&to=now"
    for token in ("searches", made["access_token"]):
        status, answer = await moesif.ask("POST", path, token, {})
        assert (status, _ids(answer)) == (201, own)
        status, answer = await moesif.ask(
            "POST", f"{path}&take=3", token, {"query": {"term": {"user_id": OTHER}}}
        )
        assert (status, answer["hits"]) == (201, {"total": 0, "hits": []})
        assert "ip_address" not in str(answer)
        # A field that the workspace does not show is not asked for.
        for body in (
            {"query": {"term": {"metadata.apiCreator": "admin"}}},
            {"aggs": {"a": {"terms": {"field": "metadata.instance"}}}},
            {"aggs": {"a": {"terms": {"field": "metadata.bridgeInstance"}}}},
        ):
            assert (await moesif.ask("POST", path, token, body))[0] == 400
    # Its token searches no more by the call for everything, and sees no other event.
    assert _ids(await _found(moesif, {"size": 1000}, made["access_token"])) == own
    assert (await _found(moesif, {"aggs": {"u": {"terms": {"field": "user_id"}}}}, made["access_token"]))[
        "aggregations"
    ]["u"]["buckets"] == [{"key": USER, "doc_count": len(own)}]
    other = moesif.of(user=OTHER)[0]["id"]
    assert (await moesif.ask("GET", f"/v1/search/~/events/{other}", made["access_token"]))[0] == 404
    status, hit = await moesif.ask("GET", f"/v1/search/~/events/{own[0]}", made["access_token"])
    assert (status, "headers" in hit["_source"]["request"]) == (200, False)


async def test_a_workspaces_token_searches_no_other_workspace(moesif: MoesifCaller) -> None:
    """Nor a template, whose fields have no values."""
    _, one = await moesif.ask("POST", "/replay/1/workspaces", body=workspace())
    theirs = workspace(policy=policy({"term": {"user_id": OTHER}}))
    _, another = await moesif.ask("POST", "/replay/1/workspaces", body=theirs)
    path = "/v1/search/~/workspaces/{}/search?from=-7d&to=now"
    status, _ = await moesif.ask("POST", path.format(another["_id"]), one["access_token"], {})
    assert status == 404
    template = workspace(policy=policy({"term": {"company_id": "acme"}})) | {
        "template": {"dynamic_fields": ["user_id"]}
    }
    _, made = await moesif.ask("POST", "/replay/1/workspaces", body=template)
    assert (await moesif.ask("POST", path.format(made["_id"]), "searches", {}))[0] == 400

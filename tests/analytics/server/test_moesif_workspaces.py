"""Moesif's calls about workspaces over a real listener: what they make is opened, and closed, here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from rigs.moesif_calls import OTHER, USER, MoesifCaller, moesif_caller, policy, workspace

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LEGACY: Final = "/replay/177:3/workspaces"
_BASES: Final = ("", "/v1", "/api")


def _since(time: str) -> dict[str, Any]:
    return {"range": {"request.time": {"gte": time}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moesif(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoesifCaller]:
    async with moesif_caller(tmp_path_factory.mktemp("server")) as caller:
        yield caller


async def _made(moesif: MoesifCaller, body: dict[str, Any] | None = None) -> dict[str, Any]:
    status, made = await moesif.ask("POST", _LEGACY, body=body or workspace())
    assert status == 201, made
    return dict(made)


async def _seen(moesif: MoesifCaller, token: str) -> tuple[int, int]:
    """Return the status of a count with a workspace's token, and how many calls it sees."""
    asked = {"measures": ["calls"], "from": "-30d"}
    status, answer = await moesif.ask("POST", "/api/query", token, asked)
    return status, answer["rows"][0]["calls"] if status == 200 else 0


@pytest.mark.parametrize("base", _BASES)
@pytest.mark.parametrize("bare", [True, False], ids=["bare token", "Bearer"])
async def test_the_legacy_call_makes_a_link(moesif: MoesifCaller, base: str, bare: bool) -> None:
    """With create:workspaces alone; its token sees the user's calls and nothing else."""
    status, made = await moesif.ask("POST", base + _LEGACY, body=workspace(), bare=bare, app_id="198:3")
    assert status == 201
    assert (made["org_id"], made["app_id"], made["view_count"]) == ("177:3", "198:3", 0)
    assert made["chart"] == workspace()["chart"]
    assert await _seen(moesif, made["access_token"]) == (200, len(moesif.of(user=USER)))
    async with moesif.client.get(f"/public/{made['access_token']}") as page:
        # Without the page's files, in a checkout where nothing was built, it says so.
        assert page.status in {200, 404}
        assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert made["url"] == f"{moesif.url}/public/{made['access_token']}"


@pytest.mark.parametrize("base", _BASES)
async def test_a_workspace_is_made_listed_changed_and_deleted(moesif: MoesifCaller, base: str) -> None:
    """The current calls, at each base."""
    status, made = await moesif.ask(
        "POST", f"{base}/~/workspaces", "publishes", workspace(colors={"a": "#fff"}), app_id="~"
    )
    assert (status, made["is_template"], made["colors"]) == (201, False, {"a": "#fff"})
    path = f"{base}/~/workspaces/{made['_id']}"
    assert await moesif.ask("GET", path) == (200, made)
    status, listed = await moesif.ask("GET", f"{base}/~/workspaces", take="1")
    assert (status, [one["_id"] for one in listed]) == (200, [made["_id"]])
    status, changed = await moesif.ask("POST", path, body={"name": "Another", "width": 2})
    assert (status, changed["name"], changed["width"]) == (200, "Another", 2)
    assert changed["policy"] == made["policy"]
    assert (await moesif.ask("DELETE", path))[0] == 200
    assert (await moesif.ask("GET", path))[0] == 404
    assert (await moesif.ask("DELETE", path))[0] == 404


async def test_lists_go_on_and_tell_public_from_private(moesif: MoesifCaller) -> None:
    """`before_id` goes on behind the last of a page; `access` chooses; what is not known is refused."""
    public = await _made(moesif)
    private = await _made(moesif, workspace(policy=policy({"term": {"user_id": USER}}, public=False)))
    _, whole = await moesif.ask("GET", "/v1/~/workspaces", take="500")
    ids = [one["_id"] for one in whole]
    _, rest = await moesif.ask("GET", "/v1/~/workspaces", take="500", before_id=ids[0])
    assert [one["_id"] for one in rest] == ids[1:]
    for access, there, not_there in (("public", public, private), ("private", private, public)):
        _, some = await moesif.ask("GET", "/v1/~/workspaces", take="500", access=access)
        assert there["_id"] in [one["_id"] for one in some]
        assert not_there["_id"] not in [one["_id"] for one in some]
    for query in ("access=mine", "take=0", "before_id=x", "limit=5"):
        status, said = await moesif.ask("GET", f"/v1/~/workspaces?{query}")
        assert (status, bool(said["cure"])) == (400, True)


async def test_without_public_reading_there_is_no_link(moesif: MoesifCaller) -> None:
    """The answer says why it has no access_token; with the grant there is one, and without it again it is closed."""
    made = await _made(moesif, workspace(policy=policy({"term": {"user_id": USER}}, public=False)))
    assert "access_token" not in made
    assert "policy.acl does not let everybody read" in made["message"]
    path = f"/v1/~/workspaces/{made['_id']}"
    status, said = await moesif.ask("GET", "/v1/workspaces/access_token", id=made["_id"])
    assert (status, "no public link" in said["error"]) == (409, True)
    assert (await moesif.ask("GET", f"/v1/workspaces/public/{made['_id']}"))[0] == 404
    # To open it for everybody is more than to make it.
    assert (await moesif.ask("POST", f"{path}/policy/acl", grantee="public", permission="read"))[0] == 403
    status, granted = await moesif.ask(
        "POST", f"{path}/policy/acl", "publishes", grantee="public", permission="read"
    )
    assert (status, granted["policy"]["acl"]) == (200, [{"grantee": "public", "permission": "read"}])
    status, link = await moesif.ask("GET", "/v1/workspaces/access_token", id=made["_id"])
    assert (status, link["_id"], link["url"].endswith(link["token"])) == (200, made["_id"], True)
    assert await _seen(moesif, link["token"]) == (200, len(moesif.of(user=USER)))
    assert (await moesif.ask("GET", f"/v1/workspaces/public/{made['_id']}"))[0] == 200
    status, withdrawn = await moesif.ask("DELETE", f"{path}/policy/acl", grantee="public")
    assert (status, withdrawn["policy"]["acl"]) == (200, [])
    assert (await _seen(moesif, link["token"]))[0] == 401
    assert (await moesif.ask("DELETE", f"{path}/policy/acl", grantee="public"))[0] == 404


async def test_a_changed_policy_holds_for_the_link_at_once(moesif: MoesifCaller) -> None:
    """Who has the link sees what the workspace shows now; a deleted one shows nothing."""
    made = await _made(moesif)
    path = f"/v1/~/workspaces/{made['_id']}"
    other = policy({"term": {"user_id.raw": OTHER}})
    assert (await moesif.ask("POST", path, body={"policy": other}))[0] == 200
    # Without a range in the policy, the chart's period bounds what is seen.
    assert await _seen(moesif, made["access_token"]) == (200, len(moesif.of(user=OTHER)))
    await moesif.ask("DELETE", path)
    assert (await _seen(moesif, made["access_token"]))[0] == 401


async def test_a_change_that_comes_slowly_opens_nothing_again(moesif: MoesifCaller) -> None:
    """One that was begun before the public was shut out leaves it outside."""
    made = await _made(moesif)
    path, shut = f"/v1/~/workspaces/{made['_id']}", asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b" "
        await shut.wait()
        yield b'{"name": "Another name"}'

    headers = {"Authorization": "Bearer makes", "Content-Type": "application/json"}
    changing = asyncio.create_task(moesif.client.post(path, data=slow(), headers=headers).__aenter__())
    assert (await moesif.ask("GET", path))[0] == 200
    assert (await moesif.ask("DELETE", f"{path}/policy/acl", grantee="public"))[0] == 200
    shut.set()
    assert (await (await changing).json())["name"] == "Another name"
    assert (await _seen(moesif, made["access_token"]))[0] == 401


async def test_filters_of_the_chart_hold_too(moesif: MoesifCaller) -> None:
    """`es_query` narrows what is shown; `url_query` only says what a page has set."""
    chart = workspace()["chart"] | {
        "url_query": "?userIdFilter%5B0%5D%5Bkey%5D=somebody-else",
        "es_query": {"post_filter": {"bool": {"should": {"term": {"response.status": "200"}}}}},
    }
    made = await _made(moesif, workspace(chart=chart))
    assert await _seen(moesif, made["access_token"]) == (200, len(moesif.of(user=USER, status=200)))


async def test_the_chart_says_what_its_view_counts(moesif: MoesifCaller) -> None:
    """The figure and the groups of `aggs`, and a filter around them; parts about different calls are refused."""
    figure = {"slow": {"percentiles": {"field": "duration_ms", "percents": [95]}}}
    verbs = {"verbs": {"terms": {"field": "request.verb.raw"}, "aggs": figure}}
    seg = {"seg": {"filter": {"bool": {"must": [{"term": {"company_id.raw": "acme"}}]}}, "aggs": verbs}}
    chart = {"view": "segment", "url_query": "", "es_query": {"size": 0, "aggs": seg}}
    made = await _made(moesif, workspace(chart=chart))
    _, opened = await moesif.ask("GET", "/api/workspace", made["access_token"])
    assert opened["question"] == {"measures": ["latency_p95"], "by": ["method"]}
    assert await _seen(moesif, made["access_token"]) == (200, len(moesif.of(user=USER, company="acme")))
    chart["es_query"] = {"aggs": seg | {"other": {"filter": {"match_all": {}}}}}
    status, said = await moesif.ask("POST", _LEGACY, body=workspace(chart=chart))
    assert (status, said["field"]) == (400, "chart.es_query.aggs")
    # What a view cannot show is what such a view shows unless said.
    chart = {
        "view": "map",
        "url_query": "",
        "es_query": {"aggs": verbs | {"n": {"terms": {"field": "user_id"}}}},
    }
    made = await _made(moesif, workspace(chart=chart))
    _, opened = await moesif.ask("GET", "/api/workspace", made["access_token"])
    assert opened["question"] == {"measures": ["calls"], "by": ["country"]}
    _, shown = await moesif.ask("GET", f"/v1/~/workspaces/{made['_id']}")
    assert shown["view_count"] == 1


async def test_what_was_changed_here_is_not_undone_there(moesif: MoesifCaller) -> None:
    """A workspace that was narrowed at /api/workspaces is shown as it is, and not opened again by an old body."""
    made = await _made(moesif)
    own, path = f"/api/workspaces/{made['_id']}", f"/v1/~/workspaces/{made['_id']}"
    narrowed = {"name": "Narrow", "filters": [{"field": "user", "is": USER}, {"field": "status", "is": 200}]}
    status, _ = await moesif.ask("PUT", own, "publishes", {**narrowed, "public": True})
    assert status == 200
    _, shown = await moesif.ask("GET", path)
    assert {"terms": {"response.status": [200]}} in shown["policy"]["resource"]["must"]
    status, said = await moesif.ask("POST", path, body={"name": "Wide again"})
    assert (status, said["cure"]) == (409, f"change it at {own}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (workspace(policy=policy()), "policy.resource.must"),
        (
            workspace(policy=policy({"terms": {"user_id.raw": []}})),
            "policy.resource.must[0].terms.user_id.raw",
        ),
        (workspace(policy=policy({"script": {}})), "policy.resource.must[0].script"),
        (workspace(policy=policy({"term": {"request.body.secret": "x"}})), None),
        (workspace(policy={"acl": []}), "policy.resource"),
        (workspace(policy={"acl": [], "resource": {}}), "policy.resource"),
        (workspace(chart={"view": "events", "url_query": "", "time_zone": "Nowhere"}), None),
        (workspace(chart={"view": "funnel", "url_query": ""}), "chart.view"),
        (workspace(name=""), "name"),
        ([], "the body"),
        (
            workspace(
                policy=policy(
                    {"range": {"request.time": {"gte": "now-1d"}}},
                    {"range": {"request.time": {"gte": "now-2d"}}},
                )
            ),
            "policy.resource",
        ),
        (workspace(policy=policy({"term": {"metadata.correlationId": "x"}})), "filters.correlation_id"),
    ],
)
async def test_what_would_show_more_is_refused(moesif: MoesifCaller, body: Any, field: str | None) -> None:
    """With 400, the place and the cure, by both calls; nothing is made."""
    _, before = await moesif.ask("GET", "/v1/~/workspaces", take="500")
    for path in (_LEGACY, "/v1/~/workspaces"):
        status, said = await moesif.ask("POST", path, "publishes", body)
        assert (status, bool(said["error"]), bool(said["cure"])) == (400, True, True), said
        assert field is None or said["field"] == field
    _, after = await moesif.ask("GET", "/v1/~/workspaces", take="500")
    assert after == before


async def test_scopes_are_those_of_moesifs_documentation(moesif: MoesifCaller) -> None:
    """Who may only search or send makes nothing; the current call asks for one more to make something public."""
    for token in ("searches", "figures", "sends"):
        status, said = await moesif.ask("POST", _LEGACY, token, workspace())
        assert (status, "create:workspaces" in said["error"]) == (403, True)
        assert (await moesif.ask("GET", "/v1/~/workspaces", token))[0] == 403
    assert (await moesif.ask("POST", _LEGACY, "wrong", workspace()))[0] == 401
    status, said = await moesif.ask("POST", "/v1/~/workspaces", body=workspace())
    assert (status, "create:public_workspaces" in said["error"]) == (403, True)
    closed = workspace(policy=policy({"term": {"user_id": USER}}, public=False))
    status, made = await moesif.ask("POST", "/v1/~/workspaces", body=closed)
    assert status == 201
    # Nor by an update.
    update = {"policy": policy({"term": {"user_id": USER}})}
    assert (await moesif.ask("POST", f"/v1/~/workspaces/{made['_id']}", body=update))[0] == 403


async def test_a_workspaces_token_makes_no_workspace(moesif: MoesifCaller) -> None:
    """It sees its part, and asks for nothing else."""
    made = await _made(moesif)
    for method, path in (
        ("POST", _LEGACY),
        ("GET", "/v1/~/workspaces"),
        ("GET", f"/v1/~/workspaces/{made['_id']}"),
        ("DELETE", f"/v1/~/workspaces/{made['_id']}"),
        ("POST", f"/v1/portal/~/workspaces/{made['_id']}/access_token"),
    ):
        status, _ = await moesif.ask(method, path, made["access_token"], workspace())
        assert status == 403


async def test_a_workspace_ends(moesif: MoesifCaller) -> None:
    """`expiration` is a time to come."""
    status, _ = await moesif.ask("POST", _LEGACY, body=workspace(), expiration="2200-01-01T00:00:00.000Z")
    assert status == 201
    for wrong in ("2020-01-01T00:00:00Z", "tomorrow", "9"):
        status, said = await moesif.ask("POST", _LEGACY, body=workspace(), expiration=wrong)
        assert (status, said["field"]) == (400, "expiration")


async def test_every_view_of_moesifs_can_be_made(moesif: MoesifCaller) -> None:
    """Views of figures show no single events."""
    for view in ("events", "time", "map", "segment", "table", "heatmap"):
        made = await _made(moesif, workspace(chart={"view": view, "url_query": "", "from": "-4w"}))
        assert await _seen(moesif, made["access_token"]) == (200, len(moesif.of(user=USER)))
        status, _ = await moesif.ask("GET", "/api/events", made["access_token"])
        assert status == (200 if view == "events" else 403)

"""The calls of Moesif's developer portal and of its example of an embedded dashboard: a token for each viewer.

Requests as moesif-developer-portal (my-dev-portal-api/services/moesifApis.js) and moesif-browser-embedded-api-dashboard
(server.js) send them.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import pytest_asyncio
from rigs.moesif_calls import OTHER, USER, MoesifCaller, moesif_caller, policy, workspace

pytestmark = pytest.mark.asyncio(loop_scope="module")

_DYNAMIC: Final = {"dynamic_fields": ["user_id"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moesif(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoesifCaller]:
    async with moesif_caller(tmp_path_factory.mktemp("server")) as caller:
        yield caller


def _iso(**ahead: int) -> str:
    """Return a time as JavaScript's toISOString writes it."""
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def _template(moesif: MoesifCaller, **more: Any) -> str:
    restricted = policy({"range": {"request.time": {"gte": "now-1w"}}}, public=False)
    body = workspace(policy=restricted) | {"template": _DYNAMIC} | more
    status, made = await moesif.ask("POST", "/v1/~/workspaces", body=body)
    assert (status, made["is_template"]) == (201, True), made
    return str(made["_id"])


async def _embedded(moesif: MoesifCaller, number: str, template: Any, **query: str) -> tuple[int, Any]:
    path = f"/v1/portal/~/workspaces/{number}/access_token"
    given = {"template": template}
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return await moesif.ask("POST", f"{path}?{asked}", body=given)


async def _seen(moesif: MoesifCaller, token: str) -> list[str]:
    status, listed = await moesif.ask("GET", "/api/events?limit=1000", token)
    assert status == 200, listed
    return [event["id"] for event in listed["events"]]


@pytest.mark.parametrize("base", ["/v1", "/api", ""])
async def test_the_portals_call_gives_each_viewer_their_own(moesif: MoesifCaller, base: str) -> None:
    """`_id` and `token`, of which the portal makes the frame's address; the returned `url` is the same."""
    number = await _template(moesif)
    path = f"{base}/portal/~/workspaces/{number}/access_token?expiration={_iso(days=7)}"
    for user in (USER, OTHER):
        body = {"template": {"values": {"user_id": user}}}
        status, info = await moesif.ask("POST", path, body=body)
        assert (status, info["_id"]) == (200, number)
        assert info["url"] == f"{moesif.url}/public/em/ws/{number}?embed=true#{info['token']}"
        assert await _seen(moesif, info["token"]) == [call["id"] for call in moesif.of(user=user)]
    options = "embed=true&hide_header=true&show_daterange=true&primary_color=%23000"
    async with moesif.client.get(f"/public/em/ws/{number}?{options}") as page:
        assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize(
    "values", [{}, None, {"user_id": None}, {"user_id": ""}, {"user_id": []}, {"email": "a@b"}]
)
async def test_a_viewer_who_is_not_known_sees_nothing(moesif: MoesifCaller, values: Any) -> None:
    """A portal that could not find its customer sends no value, or leaves it out: there is no token then."""
    number = await _template(moesif)
    status, said = await _embedded(moesif, number, {"values": values})
    assert (status, said["field"].startswith("template.values"), bool(said["cure"])) == (400, True, True)
    status, said = await moesif.ask("POST", f"/v1/portal/~/workspaces/{number}/access_token", body={})
    assert status == 400


@pytest.mark.parametrize("clause", [None, {"terms": {"user_id.raw": ["{{user_id}}"]}}])
async def test_every_dynamic_field_is_filled(moesif: MoesifCaller, clause: Any) -> None:
    """With several of them, each has to have a value; a value may be a list."""
    week = {"range": {"request.time": {"gte": "now-1w"}}}
    restricted = policy(week, *([clause] if clause else []), public=False)
    fields = {"dynamic_fields": ["user_id", "company_id.raw"]}
    number = await _template(moesif, policy=restricted, template=fields)
    status, said = await _embedded(moesif, number, {"values": {"user_id": USER}})
    assert (status, said["field"]) == (400, "template.values.company_id")
    values = {"user_id": [USER, OTHER], "company_id": "acme"}
    status, info = await _embedded(moesif, number, {"values": values})
    assert status == 200
    both = [call["id"] for call in moesif.of(company="acme") if call["user"] in {USER, OTHER}]
    assert await _seen(moesif, info["token"]) == both


async def test_from_and_to_bound_what_is_seen(moesif: MoesifCaller) -> None:
    """With a dynamic time both have to be there; with another they may."""
    moving = await _template(moesif, template=_DYNAMIC | {"dynamic_time": True})
    values = {"values": {"user_id": USER}}
    for missing in ({}, {"from": _iso(days=-1)}, {"from": _iso(days=-1), "to": _iso(days=-2)}, {"from": 5}):
        status, said = await _embedded(moesif, moving, values | missing)
        assert (status, said["field"].startswith("template.")) == (400, True)
    times = {"from": _iso(days=-3), "to": _iso(days=-1)}
    first, last = (datetime.fromisoformat(at).timestamp() * 1000 for at in times.values())
    within = [call["id"] for call in moesif.of(user=USER) if first <= call["time_ms"] < last]
    assert within
    for number in (moving, await _template(moesif)):
        status, info = await _embedded(moesif, number, values | times)
        assert status == 200
        assert await _seen(moesif, info["token"]) == within


async def test_a_token_lasts_less_than_thirty_days(moesif: MoesifCaller) -> None:
    """And ends in the future."""
    number = await _template(moesif)
    values = {"values": {"user_id": USER}}
    for wrong in (_iso(days=31), _iso(days=-1), "soon"):
        status, said = await _embedded(moesif, number, values, expiration=wrong)
        assert (status, said["field"]) == (400, "expiration")
    assert (await _embedded(moesif, number, values, expiration=_iso(days=29)))[0] == 200
    assert (await _embedded(moesif, number, values))[0] == 200


async def test_what_is_not_understood_is_refused(moesif: MoesifCaller) -> None:
    """No workspace, no object, a word too many."""
    number = await _template(moesif)
    assert (await _embedded(moesif, "0" * 24, {"values": {"user_id": USER}}))[0] == 404
    path = f"/v1/portal/~/workspaces/{number}/access_token"
    values = {"user_id": USER}
    bodies: list[Any] = [[], {"values": {}}, {"template": []}, {"template": {"values": values, "until": "x"}}]
    for body in bodies:
        status, said = await moesif.ask("POST", path, body=body)
        assert (status, bool(said["cure"])) == (400, True)
    for token in ("searches", "figures"):
        status, _ = await moesif.ask("POST", path, token, {"template": {"values": {"user_id": USER}}})
        assert status == 403


async def test_templates_are_listed_and_have_no_link_of_their_own(moesif: MoesifCaller) -> None:
    """The legacy call says so, where everybody may read it, too."""
    number = await _template(moesif)
    _, templates = await moesif.ask("GET", "/v1/~/workspaces/templates")
    assert number in [one["_id"] for one in templates]
    assert all(one["template"]["dynamic_fields"] for one in templates)
    body = workspace(policy=policy({"term": {"company_id": "acme"}})) | {"template": _DYNAMIC}
    status, made = await moesif.ask("POST", "/replay/1/workspaces", body=body)
    assert (status, "access_token" in made, "is a template" in made["message"]) == (201, False, True)
    status, said = await moesif.ask("GET", "/v1/workspaces/access_token", id=number)
    assert (status, "is a template" in said["error"]) == (409, True)


async def test_a_template_that_was_made_here_is_filled_in_moesifs_words(moesif: MoesifCaller) -> None:
    """`user_id` stands for its field `user`; WSO2's names of a field do, too."""
    body = {"name": "Mine", "template": ["user", "application"]}
    status, made = await moesif.ask("POST", "/api/workspaces", body=body)
    assert status == 201, made
    values = {"user_id": USER, "metadata.applicationName": "MobileApp"}
    status, info = await _embedded(moesif, made["id"], {"values": values})
    assert status == 200, info
    expected = [call["id"] for call in moesif.of(user=USER, application="MobileApp")]
    assert await _seen(moesif, info["token"]) == expected


async def test_the_portals_other_questions_find_nothing(moesif: MoesifCaller) -> None:
    """There are neither plans nor profiles here; the portal reads that as an account without subscriptions."""
    plans = "/v1/~/billing/catalog/plans?includes=prices&provider=stripe"
    status, answer = await moesif.ask("GET", plans, "figures")
    assert (status, answer["hits"]) == (200, [])
    query = {"query": {"term": {"email.raw": "a@b.c"}}, "size": 50, "_source": ["user_id", "email"]}
    status, answer = await moesif.ask("POST", "/v1/search/~/search/users", "figures", query)
    assert (status, answer["hits"]) == (200, {"total": 0, "hits": []})
    for kind in ("users", "companies"):
        status, said = await moesif.ask("GET", f"/v1/search/~/{kind}/{USER}", "figures")
        assert (status, "no profiles here" in said["error"]) == (404, True)

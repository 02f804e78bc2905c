"""Workspaces by HTTP: made, linked to, embedded, locked by a password, taken back, and who looked."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema  # type: ignore[import-untyped] # it ships without types
import pytest
from aiohttp.test_utils import make_mocked_request
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_parts import endpoints
from rigs.analytics_server import listening, token

from bridge.analytics.admin import file, for_command, links, workspaces
from bridge.analytics.server.openapi import document
from bridge.analytics.server.serving import logged_path
from bridge.analytics.sharing.workspace import Workspace
from bridge.analytics.store.people import transaction
from bridge.settings.model import ANALYTICS_FOLDER

_ADMIN = {"Authorization": "Bearer admin"}
_TOKENS = {
    "boss": token("admin", "admin"),
    "portal": token("portal", "create:workspaces"),
    "sharer": token("sharer", "create:workspaces", "create:public_workspaces"),
}
_WORKSPACE = {
    "name": "Calls of one user",
    "filters": [{"field": "user", "is": ["user1@acme.com"]}],
    "period": {"from": "2026-03-01", "to": "2026-05-01"},
    "public": True,
}
_COMPONENTS = document(endpoints())["components"]


@pytest.fixture(scope="module")
def calls() -> list[Values]:
    return made_up(3, 400, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))


@pytest.fixture
async def client(tmp_path: Path, calls: list[Values]) -> AsyncIterator[aiohttp.ClientSession]:
    tokens = _TOKENS | {"in": token("in", "ingest")}
    async with listening(tmp_path, tokens=tokens) as url, aiohttp.ClientSession(url) as client:
        await ingest(client, calls)
        yield client


async def ingest(client: aiohttp.ClientSession, calls: list[Values]) -> None:
    async with client.post(
        "/ingest", json=[event_of(call) for call in calls], headers={"Authorization": "Bearer in"}
    ) as answer:
        assert answer.status == 200, await answer.text()


async def ask(
    client: aiohttp.ClientSession, method: str, path: str, bearer: str = "admin", body: Any = None
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {bearer}"}
    async with client.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def made(client: aiohttp.ClientSession, **more: Any) -> dict[str, Any]:
    status, workspace = await ask(client, "POST", "/api/workspaces", body=_WORKSPACE | more)
    assert status == 201, workspace
    return workspace


def valid(value: Any, name: str) -> None:
    jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", "components": _COMPONENTS})


async def test_a_workspace_is_made_opened_changed_and_deleted(
    client: aiohttp.ClientSession, calls: list[Values]
) -> None:
    """Its link opens it, shows it as it is after a change, and opens nothing once it is deleted."""
    workspace = await made(client)
    valid(workspace, "KeptWorkspace")
    (link,) = workspace["links"]
    assert link["url"].endswith(f"/public/{link['token']}")
    status, own = await ask(client, "GET", "/api/workspace", link["token"])
    assert status == 200
    valid(own, "OpenedWorkspace")
    assert own["filters"] == [{"field": "user", "is": ["user1@acme.com"]}]
    expected = {call["id"] for call in calls if call["user"] == "user1@acme.com"}
    status, page = await ask(client, "GET", "/api/events?limit=1000", link["token"])
    assert (status, {event["id"] for event in page["events"]}) == (200, expected)
    changed = _WORKSPACE | {"filters": [{"field": "user", "is": "user2@acme.com"}]}
    assert (await ask(client, "PUT", f"/api/workspaces/{workspace['id']}", body=changed))[0] == 200
    _, page = await ask(client, "GET", "/api/events?limit=1000", link["token"])
    assert {event["id"] for event in page["events"]} == {
        call["id"] for call in calls if call["user"] == "user2@acme.com"
    }
    assert (await ask(client, "DELETE", f"/api/workspaces/{workspace['id']}"))[0] == 200
    assert (await ask(client, "GET", "/api/events", link["token"]))[0] == 401
    assert (await ask(client, "GET", f"/api/workspaces/{workspace['id']}"))[0] == 404


async def test_only_who_may_share_in_public_makes_links(client: aiohttp.ClientSession) -> None:
    """create:workspaces makes workspaces and embedded tokens; links need create:public_workspaces as well."""
    private = {key: value for key, value in _WORKSPACE.items() if key != "public"}
    assert (await ask(client, "POST", "/api/workspaces", "portal", _WORKSPACE))[0] == 403
    status, workspace = await ask(client, "POST", "/api/workspaces", "portal", private)
    assert (status, workspace["links"]) == (201, [])
    path = f"/api/workspaces/{workspace['id']}"
    assert (await ask(client, "POST", f"{path}/links", "portal", {}))[0] == 403
    assert (await ask(client, "POST", f"{path}/links", "sharer", {}))[0] == 409
    assert (await ask(client, "POST", f"{path}/embedded", "portal", {}))[0] == 201
    assert (await ask(client, "PUT", path, "sharer", _WORKSPACE))[0] == 200
    assert (await ask(client, "POST", f"{path}/links", "sharer", {"name": "one"}))[0] == 201
    assert (await ask(client, "GET", "/api/workspaces", "in"))[0] == 403


async def test_several_links_hold_one_template_to_values_of_their_own(
    client: aiohttp.ClientSession, calls: list[Values]
) -> None:
    """Each link shows its own customer alone; one is taken back, and the other goes on."""
    workspace = await made(
        client, filters=[{"field": "tenant", "is": "acme.com"}], template=["company", "api"]
    )
    assert workspace["links"] == []
    path = f"/api/workspaces/{workspace['id']}/links"
    tokens = {}
    for api in ("Orders", "PizzaShack"):
        status, link = await ask(
            client, "POST", path, body={"name": api, "values": {"company": "acme", "api": api}}
        )
        assert status == 201
        valid(link, "ShareLink")
        tokens[api] = link
    for api, link in tokens.items():
        _, page = await ask(client, "GET", "/api/events?limit=1000", link["token"])
        wanted = {"company": "acme", "api": api, "tenant": "acme.com"}
        assert {event["id"] for event in page["events"]} == {
            call["id"] for call in calls if wanted.items() <= call.items()
        }
    assert (await ask(client, "DELETE", f"{path}/{tokens['Orders']['id']}"))[0] == 200
    assert (await ask(client, "DELETE", f"{path}/{tokens['Orders']['id']}"))[0] == 404
    assert (await ask(client, "GET", "/api/workspace", tokens["Orders"]["token"]))[0] == 401
    assert (await ask(client, "GET", "/api/workspace", tokens["PizzaShack"]["token"]))[0] == 200


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"company": "acme"},
        {"company": "acme", "api": ""},
        {"company": "acme", "api": []},
        {"company": None, "api": "x"},
        {"company": "acme", "api": [None]},
        {"company": "acme", "api": "x", "user": "y"},
        {"company": ["acme", 1], "api": "x"},
    ],
)
async def test_a_template_without_all_its_values_shows_nothing(
    client: aiohttp.ClientSession, values: dict[str, Any]
) -> None:
    """A field without a value would hold nothing back: no link and no token is made."""
    workspace = await made(client, filters=[], template=["company", "api"])
    for kind in ("links", "embedded"):
        status, said = await ask(
            client, "POST", f"/api/workspaces/{workspace['id']}/{kind}", body={"values": values}
        )
        assert (status, said["field"].partition(".")[0]) == (400, "values"), said


async def test_embedded_tokens_end_and_are_taken_back_together(client: aiohttp.ClientSession) -> None:
    """A token lasts 30 days at most, has bounds of its own, and is void once embedding was ended."""
    workspace = await made(client, template=["api"], public=False)
    path = f"/api/workspaces/{workspace['id']}/embedded"
    body = {"values": {"api": "Orders"}}
    assert (await ask(client, "POST", path, body=body | {"expires": "31d"}))[0] == 400
    status, said = await ask(client, "POST", path, body=body | {"expires": "30d", "from": "2026-03-29"})
    assert status == 201
    valid(said, "EmbeddedToken")
    assert said["url"].endswith(f"/public/em/ws/{workspace['id']}?embed=true#{said['token']}")
    _, own = await ask(client, "GET", "/api/workspace", said["token"])
    assert own["seen"]["from"] == "2026-03-29T00:00:00+00:00"
    _, page = await ask(client, "GET", "/api/events?limit=1000", said["token"])
    assert page["events"]
    assert all(event["time"] >= "2026-03-29" and event["api"] == "Orders" for event in page["events"])
    assert (await ask(client, "DELETE", path))[0] == 200
    assert (await ask(client, "GET", "/api/events", said["token"]))[0] == 401
    status, again = await ask(client, "POST", path, body=body)
    assert (await ask(client, "GET", "/api/events", again["token"]))[0] == 200


async def test_a_password_is_asked_for_at_a_link(client: aiohttp.ClientSession, tmp_path: Path) -> None:
    """Nothing shows before it was given; a new one ends what the old one opened; it is kept as a hash."""
    workspace = await made(client, password="correct horse")
    (link,) = workspace["links"]
    assert workspace["has_password"]
    for path in ("/api/workspace", "/api/events", "/api/fields", "/api/me"):
        status, said = await ask(client, "GET", path, link["token"])
        assert (status, said["password"]) == (401, True)
    opening = "/api/workspace/open"
    assert (await ask(client, "POST", opening, link["token"], {"password": "wrong horse"}))[0] == 403
    assert (await ask(client, "POST", opening, "apw_x", {"password": "correct horse"}))[0] == 401
    status, opened = await ask(client, "POST", opening, link["token"], {"password": "correct horse"})
    assert status == 200
    valid(opened, "EmbeddedToken")
    assert (await ask(client, "GET", "/api/events", opened["token"]))[0] == 200
    changed = _WORKSPACE | {"password": "battery staple"}
    assert (await ask(client, "PUT", f"/api/workspaces/{workspace['id']}", body=changed))[0] == 200
    assert (await ask(client, "GET", "/api/events", opened["token"]))[0] == 401
    found = await asyncio.to_thread(_having, tmp_path, b"battery staple")
    assert found == []
    assert (await ask(client, "PUT", f"/api/workspaces/{workspace['id']}", body=_WORKSPACE))[1][
        "has_password"
    ]
    await ask(client, "PUT", f"/api/workspaces/{workspace['id']}", body=_WORKSPACE | {"password": None})
    assert (await ask(client, "GET", "/api/events", link["token"]))[0] == 200


def _having(folder: Path, text: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


async def test_a_change_that_comes_slowly_takes_no_password_away(client: aiohttp.ClientSession) -> None:
    """One that was begun before a password was set, and says nothing of it, leaves it in place."""
    path, set_ = f"/api/workspaces/{(await made(client))['id']}", asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b" "
        await set_.wait()
        yield json.dumps(_WORKSPACE).encode()

    headers = _ADMIN | {"Content-Type": "application/json"}
    changing = asyncio.create_task(client.put(path, data=slow(), headers=headers).__aenter__())
    assert (await ask(client, "GET", path))[0] == 200
    await ask(client, "PUT", path, body=_WORKSPACE | {"password": "correct horse"})
    set_.set()
    assert (await (await changing).json())["has_password"]


async def test_a_token_that_no_header_holds_is_not_made(client: aiohttp.ClientSession) -> None:
    """An embedded token carries its values: where it would be too long to be sent, that is said at once."""
    workspace = await made(client, filters=[], template=["user"], public=False)
    path = f"/api/workspaces/{workspace['id']}/embedded"
    for values, fits in (({"user": "é" * 2_000}, True), ({"user": "é" * 4_000}, False)):
        status, said = await ask(client, "POST", path, body={"values": values})
        assert status == (201 if fits else 400), said
        if fits:
            assert (await ask(client, "GET", "/api/workspace", said["token"]))[0] == 200
        else:
            assert (said["field"], bool(said["cure"])) == ("values", True)


def test_what_was_taken_back_stays_so_when_the_clock_goes_back(tmp_path: Path) -> None:
    """Neither a second ending of embedding nor a token of a clock that was ahead opens what was closed."""
    with for_command(tmp_path) as connection, transaction(connection):
        number = workspaces.create(connection, Workspace("w"), now_ms=0, by="x")
        assert number is not None

        def opens(token: str) -> bool:
            return links.read_token(connection, token, 5_000) is not None

        early, ahead = (
            links.make_embedded(connection, number, now_ms=at, expires_ms=99_000) for at in (1_000, 9_000)
        )
        assert (opens(early), opens(ahead)) == (True, True)
        workspaces.end_embedding(connection, number)
        assert (opens(early), opens(ahead)) == (False, False)
        workspaces.end_embedding(connection, number)
        assert (opens(early), opens(ahead)) == (False, False)
        assert opens(links.make_embedded(connection, number, now_ms=5_000, expires_ms=99_000))


async def test_passwords_cannot_be_tried_at_will(client: aiohttp.ClientSession) -> None:
    """Ten in a minute, of one workspace; then one has to wait."""
    (link,) = (await made(client, password="correct horse"))["links"]
    tried = [
        (await ask(client, "POST", "/api/workspace/open", link["token"], {"password": "x"}))[0]
        for _ in range(11)
    ]
    assert tried == [403] * 10 + [429]


async def test_what_has_expired_opens_nothing(client: aiohttp.ClientSession, tmp_path: Path) -> None:
    """Neither a link nor a workspace outlives its end."""
    workspace = await made(client, expires="90d")
    assert workspace["expires"] is not None
    assert (await ask(client, "POST", "/api/workspaces", body=_WORKSPACE | {"expires": "2020-01-01"}))[
        0
    ] == 400
    (link,) = workspace["links"]
    with for_command(tmp_path / ANALYTICS_FOLDER) as connection:
        for later, there in ((89, True), (91, False)):
            now_ms = int((datetime.now(UTC).timestamp() + later * 86400) * 1000)
            assert (links.read_token(connection, link["token"], now_ms) is not None) is there


async def test_it_is_said_who_looked(client: aiohttp.ClientSession) -> None:
    """Each time that a workspace is opened is listed with its link, and counted."""
    workspace = await made(client, filters=[], template=["user"])
    path = f"/api/workspaces/{workspace['id']}"
    _, link = await ask(
        client, "POST", f"{path}/links", body={"name": "for Ann", "values": {"user": "user1@acme.com"}}
    )
    _, embedded = await ask(client, "POST", f"{path}/embedded", body={"values": {"user": "user2@acme.com"}})
    for bearer in (link["token"], embedded["token"], link["token"]):
        await ask(client, "GET", "/api/workspace", bearer)
    _, said = await ask(client, "GET", f"{path}/looks")
    for look in said["looks"]:
        valid(look, "WorkspaceLook")
    assert [(look["name"], look["values"]["user"]) for look in said["looks"]] == [
        ("for Ann", "user1@acme.com"),
        ("", "user2@acme.com"),
        ("for Ann", "user1@acme.com"),
    ]
    assert (await ask(client, "GET", path))[1]["looks"] == 3
    _, every = await ask(client, "GET", "/api/workspaces")
    assert [one["looks"] for one in every["workspaces"]] == [3]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"filters": []}, "filters"),
        ({"filters": None}, "filters"),
        ({"filters": {"field": "user", "is": "x"}}, "filters"),
        ({"filters": [{"field": "user"}]}, "filters.user"),
        ({"filters": [{"field": "user", "is": []}]}, "filters.user"),
        ({"filters": [{"field": "hour", "is": 5}]}, "filters.hour"),
        ({"filters": [{"field": "correlation_id", "is": "x"}]}, "filters.correlation_id"),
        ({"filter": [{"field": "user", "is": "x"}]}, "filter"),
        ({"view": "pie"}, "view"),
        ({"view": "time", "question": {"measures": ["calls", "errors"]}}, "measures"),
        ({"view": "segment", "question": {"measures": ["calls"], "by": ["ip"]}}, "by"),
        ({"question": {"filters": [{"field": "ip", "is": "10.0.0.1"}]}}, "filters"),
        ({"template": ["usr"]}, "template"),
        ({"template": ["status"]}, "template"),
        ({"shown": ["everything"]}, "shown"),
        ({"period": {"from": "now", "to": "-1d"}}, "from"),
        ({"period": {"since": "now"}}, "period"),
        ({"bounds": {"from": "yesterday"}}, "from"),
        ({"options": {"color": "red"}}, "options"),
        ({"options": {"primary_color": "red; background: url(x)"}}, "options.primary_color"),
        ({"options": {"time_zone": "Berlin"}}, "time_zone"),
        ({"acl": [{"grantee": "public", "permission": "admin"}]}, "acl"),
        ({"acl": [{"permission": "read"}]}, "acl"),
        ({"expires": "soon"}, "expires"),
        ({"password": "short"}, "password"),
        ({"events": False}, "events"),
        ({"name": " "}, "name"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(
    client: aiohttp.ClientSession, change: dict[str, Any], field: str
) -> None:
    """Nothing is ignored: a sandbox that is not understood would show more than was meant."""
    status, said = await ask(client, "POST", "/api/workspaces", body=_WORKSPACE | change)
    assert (status, said.get("field")) == (400, field), said


async def test_the_page_of_a_link_tells_nobody_of_it(client: aiohttp.ClientSession) -> None:
    """It is not kept, and sends no referrer; its files are found at every depth."""
    for path in ("/public/apw_x", "/public/em/ws/abc?embed=true"):
        async with client.get(path) as answer:
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/public/apw_secret", "/public/em/ws/apw_secret"])
def test_no_log_has_the_address_of_a_workspace(path: str) -> None:
    """What is logged of a request below /public is that it was there."""
    assert logged_path(make_mocked_request("GET", path)) == "/public/…"
    assert logged_path(make_mocked_request("GET", "/api/events")) == "/api/events"


async def test_what_is_not_http_is_in_no_log(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A request that cannot be read may have a token in it: its words are told to its sender alone."""
    (link,) = (await made(client))["links"]
    async with client.get("/public/x") as answer:
        url = answer.url
    for head in (
        f"GET /public/{link['token']} and more HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {link['token']}\0\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head.encode())
        assert (await reader.readline()).split()[1] == b"400"
        writer.close()
        await writer.wait_closed()
    assert link["token"] not in caplog.text
    assert link["token"] not in "".join(capfd.readouterr())


async def test_a_viewer_is_told_nothing_of_the_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds admin.db, a viewer may come again, and learns neither its name nor its place."""
    monkeypatch.setattr(file, "_BUSY_MS", 50)
    async with listening(tmp_path, tokens=_TOKENS) as url, aiohttp.ClientSession(url) as client:
        (link,) = (await made(client))["links"]
        with for_command(tmp_path / ANALYTICS_FOLDER) as connection, transaction(connection):
            status, said = await ask(client, "GET", "/api/workspace", link["token"])
            assert (status, bool(said["cure"]), "admin.db" in str(said)) == (503, True, False)
            status, said = await ask(client, "POST", "/api/workspaces", body=_WORKSPACE)
            assert (status, "admin.db" in said["error"]) == (503, True)


async def test_a_viewer_gets_so_many_rows(client: aiohttp.ClientSession) -> None:
    """Anybody may have a link: an answer of a hundred thousand rows, which holds the others up, is not for viewers."""
    (link,) = (await made(client))["links"]
    for bearer, status in (("admin", 200), (link["token"], 400)):
        asked = {"measures": ["calls"], "by": ["api"], "limit": 100_000}
        assert (await ask(client, "POST", "/api/query", bearer, asked))[0] == status
        headers, question = {"Authorization": f"Bearer {bearer}"}, {"question": json.dumps(asked)}
        async with client.get("/api/export", params=question, headers=headers) as answer:
            assert answer.status == status
    asked = {"measures": ["calls"], "by": ["api"], "limit": 20_000}
    assert (await ask(client, "POST", "/api/query", link["token"], asked))[0] == 200


async def test_a_workspace_of_figures_has_no_events(client: aiohttp.ClientSession) -> None:
    """With `events` off neither a list, nor an event, nor an export of events is to be had."""
    workspace = await made(client, view="time", events=False)
    (link,) = workspace["links"]
    for path in ("/api/events", "/api/export?question={}", "/api/events/stream", "/api/data"):
        assert (await ask(client, "GET", path, link["token"]))[0] == 403
    assert (await ask(client, "POST", "/api/query", link["token"], {"measures": ["calls"]}))[0] == 200

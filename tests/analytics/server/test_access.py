"""Who may call: this machine without a token, everybody else with one that has the scope."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio
from rigs.analytics_parts import endpoints
from rigs.analytics_server import listening, token
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TOKENS: Final = {
    "bridges": token("ingest", "ingest"),
    "reports": token("data", "read:data"),
    "support": token("events", "read:events"),
    "ops": token("ops", "admin"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with listening(tmp_path_factory.mktemp("open"), listen="0.0.0.0:0") as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        listening(tmp_path_factory.mktemp("closed"), tokens=_TOKENS) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield client


async def _status(
    client: aiohttp.ClientSession, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, headers=named, json={} if method == "POST" else None) as answer:
        return answer.status, await answer.json()


async def test_this_machine_needs_no_token(opened: aiohttp.ClientSession, url: str) -> None:
    """From loopback, under a loopback name, everything is open, changes as well."""
    for host in ("localhost", "LOCALHOST:9882", "127.0.0.1", "[::1]:9882", "x.localhost"):
        assert (await _status(opened, "/api/boards", Host=host))[0] == 200
    assert (await _status(opened, "/api/boards", Origin=url))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "analytics.example.com"},
        {"Host": "localhost.example.com"},
        {"Host": "192.168.0.7"},
        {"Forwarded": "for=1.2.3.4"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"X_Forwarded_Anything": "x"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Authorization": "Bearer guessed"},
        {"Authorization": "Basic Zm9vOmJhcg=="},
    ],
)
async def test_what_was_passed_on_or_is_foreign_needs_one(
    opened: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    """Whatever may come from elsewhere is refused, and so is a token that nobody has given out."""
    for path, method in (
        ("/api/boards", "GET"),
        ("/api/query", "POST"),
        ("/metrics", "GET"),
        ("/ingest", "POST"),
    ):
        status, problem = await _status(opened, path, method, **headers)
        assert (status, "Authorization: Bearer" in problem["cure"]) == (401, True)
    assert (await _status(opened, "/health", **headers))[0] == 200


async def test_another_machine_needs_one(url: str) -> None:
    """A peer that is not loopback is refused, though it says that it calls localhost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    async with (
        aiohttp.ClientSession() as other,
        other.get(URL(url).with_host(own) / "api/boards", headers={"Host": "localhost"}) as answer,
    ):
        assert answer.status == 401


@pytest.mark.parametrize(
    ("bearer", "path", "method", "status"),
    [
        (None, "/api/boards", "GET", 401),
        ("wrong", "/api/boards", "GET", 401),
        ("data", "/api/boards", "GET", 200),
        ("data", "/api/query", "POST", 400),
        ("data", "/metrics", "GET", 200),
        ("data", "/api/events", "GET", 403),
        ("data", "/api/events/x", "GET", 403),
        ("data", "/api/events/stream", "GET", 403),
        ("data", "/api/export?question={}", "GET", 403),
        ("data", "/api/boards/x", "PUT", 403),
        ("data", "/api/annotations/x", "DELETE", 403),
        ("data", "/ingest", "POST", 403),
        ("events", "/api/events", "GET", 200),
        ("events", "/api/query", "POST", 403),
        ("ingest", "/ingest", "POST", 400),
        ("ingest", "/api/state", "GET", 403),
        ("ops", "/api/events", "GET", 200),
        ("ops", "/api/query", "POST", 400),
        ("ops", "/api/boards/x", "PUT", 400),
        ("ops", "/ingest", "POST", 400),
        ("ops", "/api/nothing", "GET", 404),
        (None, "/health", "GET", 200),
    ],
)
async def test_a_token_allows_what_its_scopes_say(
    closed: aiohttp.ClientSession, bearer: str | None, path: str, method: str, status: int
) -> None:
    """With tokens even this machine needs one, and each opens its own doors only."""
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    async with closed.request(
        method, URL(path, encoded=False), headers=headers, json={} if method in {"POST", "PUT"} else None
    ) as answer:
        assert answer.status == status, await answer.text()
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)


async def test_only_the_page_and_health_are_for_everybody() -> None:
    """Each endpoint below /api needs a scope, and what is open to all is this."""
    every = await asyncio.to_thread(endpoints)
    pages = {"/{path:.*}", "/public/{token}", "/public/em/ws/{id}", "/status", "/status/{page}"}
    status = {"/status.json", "/status/{page}.json", "/status/badges/{id}.svg", "/status/badges/{id}.json"}
    # The last two give a random UUID, which opens nothing.
    others = {"/health", "/api/workspace/open", "/api/generate", "/api/generate-api-key"}
    assert {one.path for one in every if one.scope is None} == {*pages, *status, *others}
    for one in every:
        if one.path.startswith("/api/events"):
            assert one.scope == "read:events", one.path

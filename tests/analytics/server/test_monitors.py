"""Monitors over HTTP: made, tried, paused and removed, and what is told of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp
import jsonschema  # type: ignore[import-untyped] # it ships without types
import pytest
from fakes.watched_endpoint import WatchedEndpoint
from rigs.analytics_parts import endpoints
from rigs.analytics_server import listening, token
from rigs.waiting import until

from bridge.analytics.monitoring.rounds import Rounds
from bridge.analytics.server.client_keys import AT_ONCE
from bridge.analytics.server.examples import MONITORS
from bridge.analytics.server.openapi import document
from bridge.formats.api_analytics import ClientRequest, ClientRows, hashed_key

_ADMIN: Final = {"Authorization": "Bearer ops"}
_EVERY: Final = endpoints()
_HERE: Final = ["127.0.0.0/8"]
_SECRETS: Final = {
    "method": "POST",
    "headers": {"Authorization": "Bearer s3cr3t-header"},
    "body": "s3cr3t-body",
}


@asynccontextmanager
async def _serving(folder: Path, **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    tokens = {"ops": token("ops", "admin"), "reader": token("reader", "read:data", "read:events")}
    settings = {"tokens": tokens, "reachable_networks": _HERE} | settings
    async with listening(folder, **settings) as url, aiohttp.ClientSession(url, headers=_ADMIN) as client:
        yield client


async def _get(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _send(client: aiohttp.ClientSession, method: str, path: str, given: Any = None) -> tuple[int, Any]:
    async with client.request(method, path, json=given) as answer:
        return answer.status, await answer.json()


async def _until_state(client: aiohttp.ClientSession, id_: str, state: str) -> Any:
    async with asyncio.timeout(30):
        while (kept := await _get(client, f"/api/monitors/{id_}"))["state"] != state:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    return kept


async def test_a_monitor_is_kept_probed_and_removed(tmp_path: Path) -> None:
    """It is probed at once, its figures are those that the description promises, and removed it is gone."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        status, kept = await _send(client, "PUT", "/api/monitors/pay", {"name": "Pay", "url": there.url})
        assert (status, kept["version"], kept["id"]) == (200, 1, "pay")
        up = await _until_state(client, "pay", "up")
        assert (up["last"]["status"], up["last"]["reason"]) == (200, None)
        assert [*up["windows"]] == ["24h", "7d", "30d", "60d", "90d"]
        assert up["windows"]["24h"]["probes"] == 1
        assert up["windows"]["24h"]["p50_ms"] is not None
        assert len(up["days"]) == 90
        assert len(up["medians_ms"]) == 24
        components = document(_EVERY)["components"]
        jsonschema.validate(up, {"$ref": "#/components/schemas/MonitorState", "components": components})
        (listed,) = (await _get(client, "/api/monitors"))["monitors"]
        assert listed["id"] == "pay"
        for window in up["windows"]:
            chart = (await _get(client, f"/api/monitors/pay?window={window}"))["chart"]
            assert sum(point["probes"] for point in chart) == 1
        (probe,) = (await _get(client, "/api/monitors/pay/probes"))["probes"]
        assert (probe["state"], probe["status"]) == ("up", 200)
        assert await _get(client, "/api/monitors/pay/incidents") == {"incidents": []}
        assert await _send(client, "DELETE", "/api/monitors/pay") == (200, {})
        assert (await _send(client, "DELETE", "/api/monitors/pay"))[0] == 404
        assert await _get(client, "/api/monitors") == {"monitors": []}


async def test_an_outage_is_an_incident(tmp_path: Path) -> None:
    """A monitor that cannot connect is down, with its reason, in its incidents, probes and metrics."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        await there.vanish()
        await _send(client, "PUT", "/api/monitors/pay", {"name": "Pay", "url": there.url, "retries": 0})
        down = await _until_state(client, "pay", "down")
        assert down["last"]["reason"] == "connection"
        (incident,) = (await _get(client, "/api/monitors/pay/incidents"))["incidents"]
        assert (incident["begin"], incident["end"]) == (down["since"], None)
        async with client.get("/metrics") as answer:
            said = await answer.text()
        assert 'apim_bridge_monitor_up{monitor="pay"} 0.0' in said
        assert 'apim_bridge_monitor_probes_total{monitor="pay",result="failed"} 1.0' in said
        await there.return_()
        await _send(client, "PUT", "/api/monitors/pay", {"name": "Pay", "url": there.url, "retries": 0})
        await _until_state(client, "pay", "up")
        (incident,) = (await _get(client, "/api/monitors/pay/incidents"))["incidents"]
        assert incident["ending"] == "up"


async def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Monitors, how they stand and what is known of them are there again."""
    async with WatchedEndpoint().running() as there:
        async with _serving(tmp_path) as client:
            await _send(client, "PUT", "/api/monitors/pay", {"name": "Pay", "url": there.url})
            before = await _until_state(client, "pay", "up")
        async with _serving(tmp_path) as client:
            (again,) = (await _get(client, "/api/monitors"))["monitors"]
            assert {name: again[name] for name in ("state", "since", "last", "version")} == {
                name: before[name] for name in ("state", "since", "last", "version")
            }
            assert again["windows"]["24h"]["probes"] == 1


async def test_secrets_can_be_written_and_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are sent to the endpoint, and stand in no answer, metric or line of the log; null keeps them."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        wanted = {
            "name": "Pay",
            "url": there.url,
            **_SECRETS,
            "status": ["500"],
            "retries": 0,
            "public": True,
        }
        await _send(client, "PUT", "/api/monitors/pay", wanted)
        down = await _until_state(client, "pay", "down")
        settings = {
            name: down[name] for name in ("name", "url", "method", "headers", "body", "retries", "public")
        }
        assert settings["headers"] == {"Authorization": None}
        status, _ = await _send(client, "PUT", "/api/monitors/pay", settings | {"name": "Payments"})
        assert status == 200
        await _until_state(client, "pay", "up")
        assert there.bodies[-1] == b"s3cr3t-body"
        assert there.asked[-1].headers["Authorization"] == "Bearer s3cr3t-header"
        status, tried = await _send(client, "POST", "/api/monitors/pay/try", settings)
        assert (status, tried["up"]) == (200, True)
        async with WatchedEndpoint().running() as thief:
            moved = settings | {"url": thief.url}
            for method, path in (("PUT", "/api/monitors/pay"), ("POST", "/api/monitors/pay/try")):
                status, refused = await _send(client, method, path, moved)
                assert (status, refused["field"]) == (400, "headers.Authorization")
            assert thief.asked == []
        said = [
            json.dumps(await _get(client, path))
            for path in (
                "/api/monitors",
                "/api/monitors/pay",
                "/api/monitors/pay/probes",
                "/api/monitors/pay/incidents",
                "/status.json",
            )
        ]
        async with client.get("/metrics") as answer:
            said.append(await answer.text())
        assert "s3cr3t" not in "".join(said) + caplog.text


async def test_only_the_version_that_was_read_is_replaced(tmp_path: Path) -> None:
    """Two that change the same monitor do not overwrite each other in silence."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        wanted = {"name": "Pay", "url": there.url}
        assert (await _send(client, "PUT", "/api/monitors/pay", wanted | {"version": 3}))[0] == 409
        assert (await _send(client, "PUT", "/api/monitors/pay", wanted | {"version": 0}))[0] == 200
        assert (await _send(client, "PUT", "/api/monitors/pay", wanted | {"version": 0}))[0] == 409
        status, kept = await _send(client, "PUT", "/api/monitors/pay", wanted | {"version": 1})
        assert (status, kept["version"]) == (200, 2)


async def test_paused_it_is_not_asked(tmp_path: Path) -> None:
    """It says so, is in no metric, and goes on when it is let."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        await _send(client, "PUT", "/api/monitors/pay", {"name": "Pay", "url": there.url})
        await _until_state(client, "pay", "up")
        status, kept = await _send(client, "POST", "/api/monitors/pay/pause", {"paused": True})
        assert (status, kept["state"]) == (200, "paused")
        async with client.get("/metrics") as answer:
            assert "monitor_up{" not in await answer.text()
        await _send(client, "POST", "/api/monitors/pay/pause", {"paused": False})
        await until(lambda: len(there.asked) == 2)
        assert (await _send(client, "POST", "/api/monitors/pay/pause", {"on": 1}))[0] == 400


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/api/monitors/Pay", {"name": "Pay", "url": "https://gateway/"}, 400),
        ("/api/monitors/pay", {"name": "Pay"}, 400),
        ("/api/monitors/pay", [], 400),
        ("/api/monitors/pay", {"name": "Pay", "url": "https://gateway/", "version": "1"}, 400),
    ],
)
async def test_what_is_wrong_is_said(tmp_path: Path, path: str, given: Any, status: int) -> None:
    """A monitor that cannot be is refused with what is wrong and the cure."""
    async with _serving(tmp_path) as client:
        found, said = await _send(client, "PUT", path, given)
        assert found == status
        assert said["error"]
        assert said["cure"]


async def test_monitors_need_the_scope_admin(tmp_path: Path) -> None:
    """Whoever reads data alone neither sees nor changes a monitor."""
    async with _serving(tmp_path) as client:
        for one in _EVERY:
            if one.path.startswith("/api/monitors"):
                path, headers = one.path.replace("{id}", "pay"), {"Authorization": "Bearer reader"}
                async with client.request(one.method, path, headers=headers, json={}) as answer:
                    assert answer.status == 403, path


async def test_this_machine_is_not_reached_unless_allowed(tmp_path: Path) -> None:
    """Without the setting a monitor of a loopback address is down, and nothing came to it."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path, reachable_networks=[]) as client:
        for host in ("127.0.0.1", "localhost"):
            wanted = {"name": "Pay", "url": there.url.replace("127.0.0.1", host), "retries": 0}
            status, tried = await _send(client, "POST", "/api/monitors/pay/try", wanted)
            assert (status, tried["up"], tried["reason"]) == (200, False, "address")
            await _send(client, "PUT", "/api/monitors/pay", wanted)
            assert (await _until_state(client, "pay", "down"))["last"]["reason"] == "address"
        assert there.asked == []


@pytest.mark.parametrize("name", [*MONITORS])
async def test_the_examples_are_taken(tmp_path: Path, name: str) -> None:
    """Each example of the description can be kept."""
    async with _serving(tmp_path) as client:
        status, said = await _send(client, "PUT", "/api/monitors/one", MONITORS[name] | {"paused": True})
        assert status == 200, said


async def test_a_key_has_three_monitors_of_its_own(tmp_path: Path) -> None:
    """Nobody else with a key sees them, they are not public and reach nothing private, and an unknown key has none."""
    keys = [str(UUID(int=number)) for number in (1, 2, 3)]
    row = {"method": "GET", "status": 200, "path": "/", "created_at": "2026-03-27T23:59:59.000Z"}
    calls = [
        {"bridge": {"id": key}, **ClientRows(ClientRequest(hashed_key(key), "FastAPI", 0))(row)}
        for key in keys[:2]
    ]
    async with _serving(tmp_path, reachable_networks=[]) as client:
        async with client.post("/ingest", json=calls) as answer:
            assert answer.status == 200, await answer.text()
        one, other, unknown = keys

        async def call(key: str, method: str, path: str, given: Any = None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {key}"}
            async with client.request(method, path, json=given, headers=headers) as answer:
                return answer.status, await answer.json()

        wanted = {"name": "Mine", "url": "http://10.255.255.1/", "retries": 0}
        for number in range(3):
            assert (await call(one, "PUT", f"/api/monitors/m{number}", wanted))[0] == 200
        assert (await call(one, "PUT", "/api/monitors/m3", wanted))[0] == 409
        assert (await call(one, "PUT", "/api/monitors/m0", wanted | {"public": True}))[0] == 400
        status, tried = await call(one, "POST", "/api/monitors/m0/try", wanted)
        assert (status, tried["reason"]) == (200, "address")
        assert len((await call(one, "GET", "/api/monitors"))[1]["monitors"]) == 3
        assert (await call(other, "GET", "/api/monitors"))[1] == {"monitors": []}
        assert (await call(other, "DELETE", "/api/monitors/m0"))[0] == 404
        assert (await call(unknown, "GET", "/api/monitors"))[0] == 403
        assert await _get(client, "/api/monitors") == {"monitors": []}
        async with client.get("/metrics") as answer:
            assert "monitor_up{" not in await answer.text()


@asynccontextmanager
async def _with_a_key(folder: Path, **settings: Any) -> AsyncIterator[tuple[aiohttp.ClientSession, Any]]:
    """Serve one call of a key; yields a client, and what tries a monitor with that key."""
    key = str(UUID(int=1))
    row = {"method": "GET", "status": 200, "path": "/", "created_at": "2026-03-27T23:59:59.000Z"}
    call = {"bridge": {"id": key}, **ClientRows(ClientRequest(hashed_key(key), "FastAPI", 0))(row)}
    async with _serving(folder, **settings) as client:
        async with client.post("/ingest", json=[call]) as answer:
            assert answer.status == 200, await answer.text()

        async def tried(url: str) -> tuple[int, Any]:
            headers, given = {"Authorization": f"Bearer {key}"}, {"name": "Mine", "url": url, "retries": 0}
            async with client.post("/api/monitors/m/try", json=given, headers=headers) as answer:
                return answer.status, await answer.json()

        yield client, tried


async def test_what_operators_may_reach_a_key_may_not(tmp_path: Path) -> None:
    """Networks that are allowed are for operators' monitors: who has a key would talk to this machine by them."""
    networks = {"reachable_networks": _HERE}
    async with WatchedEndpoint().running() as there, _with_a_key(tmp_path, **networks) as (client, tried):
        status, said = await tried(there.url)
        assert (status, said["reason"]) == (200, "address")
        own = {"name": "Ours", "url": there.url}
        assert (await _send(client, "POST", "/api/monitors/m/try", own))[1]["up"]


async def test_a_key_takes_few_places_of_the_probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it tries at once, the monitors of others are probed meanwhile."""
    trying, most, go_on = 0, 0, asyncio.Event()
    ask = Rounds.ask

    async def waits(rounds: Rounds, monitor: Any, owner: str) -> Any:
        nonlocal trying, most
        trying += 1
        most = max(most, trying)
        await go_on.wait()
        trying -= 1
        return await ask(rounds, monitor, owner)

    monkeypatch.setattr(Rounds, "ask", waits)
    async with _with_a_key(tmp_path) as (_, tried):
        asked = [asyncio.create_task(tried("http://10.255.255.1/")) for _ in range(40)]
        turned, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert {(await one)[0] for one in turned} == {429}
        go_on.set()
        assert {status for status, _ in await asyncio.gather(*asked)} == {200, 429}
    assert most == AT_ONCE

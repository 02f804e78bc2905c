"""Tokens that are made and taken away while the server runs."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rigs.analytics_server import listening, token
from rigs.commands import outcome

_ADMIN = {"Authorization": "Bearer ops"}


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve with one token in the configuration."""
    async with (
        listening(folder, tokens={"ops": token("ops", "admin")}) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield client


async def _command(folder: Path, *words: str) -> tuple[int, str]:
    config = folder / "bridge.toml"
    config.write_text(f'[apim.analytics]\nenable = true\ntype = "file"\n[bridge]\nstate_dir = "{folder}"\n')
    return await outcome([sys.executable, "-m", "bridge", "token", *words, "--config", str(config)])


async def _status(client: aiohttp.ClientSession, headers: dict[str, str], path: str = "/api/state") -> int:
    async with client.get(path, headers=headers) as answer:
        return answer.status


async def test_a_command_makes_a_token_that_holds_at_once(tmp_path: Path) -> None:
    """It stands alone on the last line, opens what its scopes say, is listed without itself, and ends when revoked."""
    async with _serving(tmp_path) as client:
        code, said = await _command(tmp_path, "create", "reports", "--scope", "read:data")
        assert code == 0, said
        made = said.splitlines()[-1]
        headers = {"Authorization": f"Bearer {made}"}
        assert await _status(client, headers) == 200
        assert await _status(client, headers, "/api/events") == 403
        code, said = await _command(tmp_path, "list")
        assert (code, made in said, "reports" in said) == (0, False, True)
        code, said = await _command(tmp_path, "create", "reports", "--scope", "read:data")
        assert (code, "revoke it first" in said) == (1, True)
        assert (await _command(tmp_path, "revoke", "reports"))[0] == 0
        assert await _status(client, headers) == 401
        assert (await _command(tmp_path, "revoke", "reports"))[0] == 1


async def test_nothing_of_a_token_is_kept_but_its_hash(tmp_path: Path) -> None:
    """Neither admin.db nor what is written beside it holds the token."""
    async with _serving(tmp_path) as client:
        made = await _made(client, name="one", scopes=["read:data"])
        assert made["token"].encode() not in await asyncio.to_thread(_bytes_below, tmp_path)


def _bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def _made(client: aiohttp.ClientSession, **asked: Any) -> dict[str, Any]:
    async with client.post("/api/tokens", json=asked, headers=_ADMIN) as answer:
        assert answer.status == 201, await answer.text()
        made: dict[str, Any] = await answer.json()
        return made


@pytest.mark.parametrize(
    "form",
    [
        "Authorization: Bearer {}",
        "Authorization: bearer {}",
        "Authorization: {}",
        "X-AUTH-TOKEN: {}",
        "API-Key: {}",
    ],
)
async def test_a_token_is_taken_as_clients_send_it(tmp_path: Path, form: str) -> None:
    """Moesif's clients send it bare, API Analytics' in headers of their own."""
    async with _serving(tmp_path) as client:
        made = await _made(client, name="one", scopes=["read:data"])
        name, _, value = form.format(made["token"]).partition(": ")
        assert await _status(client, {name: value}) == 200
        assert await _status(client, {name: value + "x"}) == 401


async def test_two_tokens_that_differ_are_one_too_many(tmp_path: Path) -> None:
    """Nobody can tell which one was meant."""
    async with _serving(tmp_path) as client:
        made = await _made(client, name="one", scopes=["read:data"])
        assert await _status(client, {**_ADMIN, "X-AUTH-TOKEN": made["token"]}) == 401
        assert await _status(client, {**_ADMIN, "X-AUTH-TOKEN": "ops"}) == 200


async def test_a_token_with_a_limit_asks_so_often(tmp_path: Path) -> None:
    """One request too many is told when to ask again; others' tokens are not touched by that."""
    async with _serving(tmp_path) as client:
        made = await _made(client, name="slow", scopes=["read:data"], per_minute=3)
        headers = {"Authorization": f"Bearer {made['token']}"}
        assert [await _status(client, headers) for _ in range(4)] == [200, 200, 200, 429]
        async with client.get("/api/state", headers=headers) as answer:
            assert 0 < int(answer.headers["Retry-After"]) <= 20
        assert await _status(client, _ADMIN) == 200


async def test_a_token_ends(tmp_path: Path) -> None:
    """After the time that it was made for it is refused, and the answer says why."""
    async with _serving(tmp_path) as client:
        made = await _made(client, name="short", scopes=["read:data"], expires=0.001)
        async with client.get("/api/me", headers={"Authorization": made["token"]}) as answer:
            assert answer.status == 401
            assert "expired" in (await answer.json())["error"]


async def test_the_caller_is_told_what_it_may_do(tmp_path: Path) -> None:
    """A page shows no more than its reader may do."""
    async with _serving(tmp_path) as client:
        async with client.get("/api/me", headers=_ADMIN) as answer:
            assert await answer.json() == {
                "name": "ops",
                "scopes": ["admin"],
                "sandboxed": False,
                "monitors": True,
            }
        async with client.get("/api/tokens", headers=_ADMIN) as answer:
            assert [one["name"] for one in (await answer.json())["tokens"]] == ["ops"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"scopes": ["read:data"]}, "name"),
        ({"name": "a b", "scopes": ["read:data"]}, "name"),
        ({"name": "a", "scopes": []}, "scopes"),
        ({"name": "a", "scopes": ["read:dat"]}, "scopes"),
        ({"name": "a", "scopes": ["admin"], "expires": "soon"}, "expires"),
        ({"name": "a", "scopes": ["admin"], "expires": "-1d"}, "expires"),
        ({"name": "a", "scopes": ["admin"], "per_minute": 0}, "per_minute"),
        ({"name": "a", "scopes": ["admin"], "rate": 1}, "rate"),
    ],
)
async def test_what_is_wrong_is_named(tmp_path: Path, asked: dict[str, Any], field: str) -> None:
    """A request that cannot be met says which part of it, and makes nothing."""
    async with _serving(tmp_path) as client:
        async with client.post("/api/tokens", json=asked, headers=_ADMIN) as answer:
            assert (answer.status, (await answer.json())["field"]) == (400, field)
        async with client.delete("/api/tokens/ops", headers=_ADMIN) as answer:
            assert answer.status == 409
        async with client.delete("/api/tokens/nobody", headers=_ADMIN) as answer:
            assert answer.status == 404

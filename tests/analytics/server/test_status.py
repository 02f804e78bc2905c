"""The status page's content: for everybody, of public monitors alone, and nothing of the inside."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from fakes.watched_endpoint import WatchedEndpoint
from rigs.analytics_server import listening, token

_ADMIN: Final = {"Authorization": "Bearer ops"}


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve to one without a token."""
    tokens = {"ops": token("ops", "admin")}
    async with (
        listening(folder, tokens=tokens, reachable_networks=["127.0.0.0/8"]) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield client


async def _keep(client: aiohttp.ClientSession, id_: str, state: str, **given: Any) -> None:
    """Keep a monitor, and wait until it stands so."""
    path = f"/api/monitors/{id_}"
    async with client.put(path, json={"retries": 0, **given}, headers=_ADMIN) as answer:
        assert answer.status == 200, await answer.text()
    async with asyncio.timeout(30):
        while True:
            async with client.get(path, headers=_ADMIN) as answer:
                if (await answer.json())["state"] == state:
                    return
            await asyncio.sleep(0.02)


async def _text(client: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status, path
        return await answer.text()


async def _page(client: aiohttp.ClientSession, path: str = "/status.json") -> Any:
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        return await answer.json()


async def test_only_what_is_public_is_told(tmp_path: Path) -> None:
    """Neither what is not marked, nor what is on another page, nor URL, detail or address is in the bytes."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        await _keep(client, "inside", "up", name="Inside", url=there.url)
        await _text(client, "/status.json", 404)
        await _keep(client, "pay", "up", name="Payments", url=there.url, public=True)
        await _keep(client, "orders", "up", name="Orders", url=there.url, public=True, page="shop")
        await there.vanish()
        await _keep(client, "lost", "down", name="Lost", url=there.url, public=True)
        page = await _page(client)
        assert [(one["id"], one["state"]) for one in page["monitors"]] == [("lost", "down"), ("pay", "up")]
        assert page["state"] == "partly"
        (incident,) = page["incidents"]
        assert (incident["name"], incident["reason"], incident["end"]) == ("Lost", "no connection", None)
        text = await _text(client, "/status.json")
        for word in ("Inside", "Orders", "127.0.0.1", "health", "Errno", there.url.split(":")[2][:4]):
            assert word not in text, word
        shop = await _page(client, "/status/shop.json")
        assert [one["name"] for one in shop["monitors"]] == ["Orders"]
        await _text(client, "/status/other.json", 404)


async def test_what_is_made_private_is_gone_at_once(tmp_path: Path) -> None:
    """What was told some seconds before is not told again."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        await _keep(client, "pay", "up", name="Payments", url=there.url, public=True)
        await _page(client)
        await _keep(client, "pay", "up", name="Payments", url=there.url)
        await _text(client, "/status.json", 404)
        await _text(client, "/status/badges/pay.svg", 404)


@pytest.mark.parametrize(
    ("query", "message"), [("", "up"), ("?of=uptime&window=24h", "100%"), ("?of=response", "ms")]
)
async def test_a_badge_is_a_picture_and_shields_form(tmp_path: Path, query: str, message: str) -> None:
    """Both say the same, and a name is escaped in the picture."""
    async with WatchedEndpoint().running() as there, _serving(tmp_path) as client:
        await _keep(client, "pay", "up", name="Pay <&> 'co'", url=there.url, public=True)
        async with client.get(f"/status/badges/pay.json{query}") as answer:
            said = await answer.json()
        assert said["schemaVersion"] == 1
        assert message in said["message"]
        async with client.get(f"/status/badges/pay.svg{query}") as answer:
            assert answer.content_type == "image/svg+xml"
            drawn = ET.fromstring(await answer.text())
        title = drawn.find("{http://www.w3.org/2000/svg}title")
        assert title is not None
        assert title.text == f"{said['label']}: {said['message']}"
        await _text(client, "/status/badges/none.svg", 404)
        await _text(client, "/status/badges/pay.svg?of=url", 400)

"""A dashboard that asks for a token."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from playwright.async_api import Browser, expect
from rigs.analytics_server import listening, token
from services.browsing import NEEDS, made_calls, serious

from bridge.analytics.server.serving import serving
from bridge.formats.api_analytics import ClientRequest, ClientRows, hashed_key
from bridge.settings import load_bridge

pytestmark = NEEDS

_TOKENS = {"all": ["ingest", "read:data", "read:events"], "figures": ["read:data"]}


async def test_a_key_of_api_analytics_opens_what_was_sent_with_it(tmp_path: Path, browser: Browser) -> None:
    """Pasted where a token is asked for, it opens the dashboard and the events of its own calls, and no others."""
    keys = [str(uuid4()) for _ in range(2)]
    async with listening(tmp_path, tokens={"bridges": token("in", "ingest")}) as url:
        sent = []
        for key, count in zip(keys, (3, 4), strict=True):
            rows = ClientRows(ClientRequest(hashed_key(key), "FastAPI", 0))
            sent += [rows(_row(hashed_key(key)[:6], place)) for place in range(count)]
        async with (
            aiohttp.ClientSession(headers={"Authorization": "Bearer in"}) as session,
            session.post(f"{url}/ingest", json=sent) as answer,
        ):
            assert answer.status == 200, await answer.text()
        page = await browser.new_page()
        await page.goto(url)
        await page.get_by_label("Token").fill(keys[0])
        await page.keyboard.press("Enter")
        await expect(page.locator(".kpi .v").first).to_have_text("3")
        await page.goto(f"{url}/?page=events")
        await expect(page.locator("main")).to_contain_text(f"{hashed_key(keys[0])[:6]}.example")
        await expect(page.locator("main")).not_to_contain_text(f"{hashed_key(keys[1])[:6]}.example")
        await page.close()


def _row(name: str, place: int) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(minutes=place + 1)
    return {"hostname": f"{name}.example", "path": "/", "status": 200, "created_at": at.isoformat()}


async def test_a_token_is_asked_for_tried_and_kept_for_the_tab(tmp_path: Path, browser: Browser) -> None:
    """A wrong one is refused in words, a right one opens the page and the next visit, and another tab asks anew."""
    path = tmp_path / "bridge.toml"
    tokens = "".join(
        f'[bridge.analytics.tokens.{name}]\nsha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\nscopes = {scopes}\n'
        for name, scopes in _TOKENS.items()
    )
    path.write_text(
        f'[bridge]\nstate_dir = "{tmp_path}/state"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n{tokens}'
    )
    async with serving(load_bridge(path, os.environ)) as url:
        async with (
            aiohttp.ClientSession(headers={"Authorization": "Bearer all"}) as session,
            session.post(f"{url}/ingest", json=made_calls(5)) as answer,
        ):
            assert answer.status == 200, await answer.text()
        context = await browser.new_context()
        page = await context.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        await page.goto(url)
        field = page.get_by_label("Token")
        await expect(field).to_be_focused()
        assert await serious(page) == []
        await field.fill("guessed")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
        await field.fill("all")
        await page.keyboard.press("Enter")
        await expect(page.locator(".kpi .v").first).to_have_text("5")
        await page.reload()
        await expect(page.locator(".kpi .v").first).to_have_text("5")
        other = await context.new_page()
        await other.goto(url)
        await expect(other.get_by_label("Token")).to_be_visible()
        assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert not [address for address in sent if "guessed" in address or "all" in address.split("?")[-1]]
        # A token for figures alone opens the figures, and says what it may not.
        await other.get_by_label("Token").fill("figures")
        await other.keyboard.press("Enter")
        await expect(other.locator(".kpi .v").first).to_have_text("5")
        await other.goto(f"{url}/?page=events")
        await expect(other.locator("main [role=alert]")).to_contain_text("read:events")
        await context.close()

"""The dashboard in a real browser, over a real store."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from places import ROOT
from playwright.async_api import Browser, Page, async_playwright, expect

from bridge.analytics.server.page import STATIC
from bridge.analytics.server.serving import serving
from bridge.demo.gateway import GatewayStandIn, wall_clock_ms
from bridge.events.times import format_ms
from bridge.settings import load_bridge

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
AXE = ROOT / "bridge/analytics/ui/node_modules/axe-core/axe.min.js"
PAGES = ("overview", "apis", "consumers", "errors", "latency", "where", "ai", "explore", "events")
WIDTHS = (1440, 1024, 390)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.skipif(not (STATIC / "index.html").exists(), reason="the page is not built: make page"),
]


def events(number: int) -> bytes:
    """Return so many calls of the last day, as an array for /ingest."""
    now_ms = wall_clock_ms()
    times = iter(range(now_ms - 86_000_000, now_ms, 86_000_000 // number))
    gateway = GatewayStandIn(3, lambda: next(times))
    calls = [gateway.call().event for _ in range(number)]
    return json.dumps(calls).encode()


async def ingest(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/ingest", data=body, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A served store with a day of calls in it."""
    path = tmp_path / "bridge.toml"
    path.write_text(f'[bridge]\nstate_dir = "{tmp_path}/state"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n')
    async with serving(load_bridge(path, os.environ)) as served:
        await ingest(served, events(600))
        yield served


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        await running.close()


@asynccontextmanager
async def quiet(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page that may say nothing on its console, and whose requests all succeed."""
    said: list[str] = []
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "response",
        lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
    yield page
    await context.close()
    assert said == []


async def shown(page: Page, url: str, name: str) -> None:
    await page.goto(f"{url}/?page={name}")
    await expect(page.locator("h1")).to_be_visible()
    await expect(page.locator(".books")).to_contain_text("600")


async def known_pages(page: Page) -> list[str]:
    found = await page.locator("nav a[href*='page='], nav a[href='?'], nav a").evaluate_all(
        "links => links.map(link => new URLSearchParams(link.search).get('page') ?? 'overview')"
    )
    return [name for name in PAGES if name in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_is_quiet_and_accessible(url: str, browser: Browser, theme: Any, width: int) -> None:
    """No console message, no violation of the policy, no failed request, and nothing serious that axe-core finds."""
    axe = await asyncio.to_thread(AXE.read_text)
    async with quiet(browser, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        await shown(page, url, "overview")
        pages = await known_pages(page)
        assert len(pages) > 3
        for name in pages:
            await shown(page, url, name)
            await page.evaluate(axe)
            found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            serious = [
                (one["id"], one["nodes"][0]["html"][:200])
                for one in found["violations"]
                if one["impact"] in {"serious", "critical"}
            ]
            assert serious == [], (name, serious)


async def test_a_click_filters_and_back_takes_it_away(url: str, browser: Browser) -> None:
    """The address is the state: a filter stands in it, and Back works."""
    async with quiet(browser) as page:
        await shown(page, url, "errors")
        before = page.url
        await page.get_by_role("link", name="Büro-App").first.click()
        await page.wait_for_url("**application=**")
        await expect(page.locator(".chip")).to_contain_text("Büro-App")
        await page.go_back()
        assert page.url == before
        await expect(page.locator(".chip")).to_have_count(0)


async def test_the_live_log_tells_of_new_events(url: str, browser: Browser) -> None:
    """What comes in while somebody looks is counted in a line, and nothing that is read moves."""
    async with quiet(browser) as page:
        await shown(page, url, "events")
        call = GatewayStandIn(9).call().event | {"requestTimestamp": format_ms(wall_clock_ms())}
        await ingest(url, json.dumps([call]).encode())
        await expect(page.get_by_text("1 new event")).to_be_visible()

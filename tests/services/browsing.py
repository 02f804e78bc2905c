"""What tests of the dashboard in a real browser share: calls, a page that has to be quiet, and what axe-core finds."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from places import ROOT
from playwright.async_api import Browser, Frame, Page, expect
from services.dashboard_questions import CHROMIUM

from bridge.analytics.server.page import STATIC
from bridge.demo.gateway import GatewayStandIn, wall_clock_ms

CALLS = 600
# A machine that is busy takes its time.
expect.set_options(timeout=20_000)
_AXE = ROOT / "bridge/analytics/ui/node_modules/axe-core/axe.min.js"

NEEDS = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.skipif(not (STATIC / "index.html").exists(), reason="the page is not built: make page"),
]


def made_calls(number: int = CALLS, countries: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return so many calls of the last day, from these countries in turn."""
    now_ms = wall_clock_ms()
    times = iter(range(now_ms - 86_000_000, now_ms, 86_000_000 // number))
    gateway = GatewayStandIn(3, lambda: next(times))
    calls = [gateway.call().event for _ in range(number)]
    for place, call in enumerate(calls if countries else []):
        call.setdefault("properties", {})["country"] = countries[place % len(countries)]
    return calls


async def ingest(url: str, calls: list[dict[str, Any]]) -> None:
    """Send calls to a store."""
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/ingest", data=json.dumps(calls).encode(), headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()


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
    assert said == [], said


async def shown(page: Page, url: str, query: str) -> None:
    """Open a page of the dashboard, and return when its foot has the calls."""
    await page.goto(f"{url}/?{query}")
    await expect(page.locator("h1")).to_be_visible()
    await expect(page.locator(".books")).to_contain_text(str(CALLS))


async def serious(page: Page | Frame) -> list[tuple[str, str]]:
    """Return what axe-core finds that is serious: its rule and the place."""
    await page.evaluate(await asyncio.to_thread(_AXE.read_text))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false})")
    return [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]

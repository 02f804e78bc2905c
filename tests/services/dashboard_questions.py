"""The questions that the dashboard's pages ask, with the answers that they got, heard beside a real browser."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from typing import Any, Final

from playwright.async_api import Page, Request, async_playwright

from bridge.analytics.server.page import STATIC

CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome")
HAS_BROWSER: Final = CHROMIUM is not None and (STATIC / "index.html").exists()
PAGES: Final = ("overview", "apis", "consumers", "errors", "latency", "where", "ai", "explore")
_LOOK_SECONDS: Final = 0.1
_QUIET_LOOKS: Final = 5

Answered = tuple[dict[str, Any], dict[str, Any]]


async def answered(url: str, views: Sequence[str], pages: Sequence[str] = PAGES) -> list[Answered]:
    """Open the pages under each view (the rest of its address); return what was asked, once each, and answered."""
    heard: dict[str, Answered] = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for view in views:
            for name in pages:
                page = await browser.new_page(viewport={"width": 1440, "height": 4000})
                for asked, answer in await _heard(page, f"{url}/?page={name}&{view}"):
                    heard[json.dumps(asked, sort_keys=True)] = (asked, answer)
                await page.close()
        await browser.close()
    return [*heard.values()]


async def _heard(page: Page, address: str) -> list[Answered]:
    under_way: set[Request] = set()
    done: list[Request] = []

    def asks(request: Request) -> None:
        if request.url.endswith("/api/query"):
            under_way.add(request)

    def ends(request: Request) -> None:
        if request in under_way:
            under_way.discard(request)
            done.append(request)

    def lets_go(request: Request) -> None:
        # Nobody waits for it any more: another question took its place.
        under_way.discard(request)

    page.on("request", asks)
    page.on("requestfinished", ends)
    page.on("requestfailed", lets_go)
    await page.goto(address)
    # What a page asks next it asks when it has laid out the answers.
    quiet = 0
    while quiet < _QUIET_LOOKS or not done:
        await asyncio.sleep(_LOOK_SECONDS)
        quiet = 0 if under_way else quiet + 1
    found: list[Answered] = []
    for request in done:
        response = await request.response()
        assert response is not None
        assert response.status == 200, (response.status, request.post_data)
        found.append((json.loads(request.post_data or ""), await response.json()))
    return found

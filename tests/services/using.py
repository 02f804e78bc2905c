"""What tests that use the dashboard share: what a page shows and asks, and what is said to its server."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from playwright.async_api import Page, expect
from services.browsing import shown as opened


def asked(page: Page) -> dict[str, list[str]]:
    """Return what the page's address asks for."""
    return parse_qs(urlsplit(page.url).query)


def first_figure(page: Page) -> Any:
    return page.locator(".kpi").first.locator(".v")


async def shown(page: Page, url: str, query: str) -> None:
    """Open a page, and return when it has its first figures and lists."""
    await opened(page, url, query)
    await expect(page.locator(".kpi .v, table.events td").first).not_to_have_text("")
    await expect(page.locator("main tbody tr").first).to_be_visible()


async def drawn(page: Page) -> Any:
    """Return the first plot over time, once it has its figures."""
    await expect(page.locator(".series .axis text").first).to_be_visible()
    return page.locator(".series .plot").first


async def post(url: str, path: str, body: dict[str, Any]) -> Any:
    async with aiohttp.ClientSession() as session, session.post(f"{url}{path}", json=body) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


def account_of(sender: str, taken: int) -> dict[str, Any]:
    """Return what a bridge says of itself."""
    return {"sender": sender, "instance": "host-1", "taken": taken, "newest": None, "sinks": {}}


async def calls_where(url: str, **wanted: Any) -> int:
    """Return how many calls there are, by the data API."""
    filters = [{"field": field, "is": [value]} for field, value in wanted.items()]
    answer = await post(url, "/api/query", {"measures": ["calls"], "filters": filters, "from": "-7d"})
    (row,) = answer["rows"]
    calls: int = row["calls"]
    return calls

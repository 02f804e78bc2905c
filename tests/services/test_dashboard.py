"""The dashboard in a real browser, over a real store."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from services.browsing import NEEDS, ingest, quiet, serious, shown

from bridge.demo.gateway import GatewayStandIn, wall_clock_ms
from bridge.events.times import format_ms

PAGES = ("overview", "apis", "consumers", "errors", "latency", "where", "ai", "explore", "events")
# One of what the pages list: an API, a user, an event, and a view without calls.
FURTHER = ("page=apis&api=PizzaShackAPI", "page=consumers&user=eve", "page=events&event={event}", "api=None")
WIDTHS = (1440, 1024, 390)

pytestmark = NEEDS


async def known_pages(page: Page) -> list[str]:
    found = await page.locator("nav a[href*='page='], nav a[href='?'], nav a").evaluate_all(
        "links => links.map(link => new URLSearchParams(link.search).get('page') ?? 'overview')"
    )
    return [name for name in PAGES if name in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_is_quiet_and_accessible(url: str, browser: Browser, theme: Any, width: int) -> None:
    """No console message, no violation of the policy, no failed request, and nothing serious that axe-core finds."""
    async with quiet(browser, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        await shown(page, url, "page=overview")
        pages = await known_pages(page)
        assert len(pages) > 3
        for name in pages:
            await shown(page, url, f"page={name}")
            assert await serious(page) == [], name
        event = await page.locator("table.events tbody tr").first.get_attribute("data-id")
        for query in FURTHER:
            await shown(page, url, query.format(event=event))
            assert await serious(page) == [], query


async def test_a_click_filters_and_back_takes_it_away(url: str, browser: Browser) -> None:
    """The address is the state: a filter stands in it, and Back works."""
    async with quiet(browser) as page:
        await shown(page, url, "page=errors")
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
        await shown(page, url, "page=events")
        call = GatewayStandIn(9).call().event | {"requestTimestamp": format_ms(wall_clock_ms())}
        await ingest(url, [call])
        await expect(page.get_by_text("1 new event")).to_be_visible()

"""What somebody sees who has the link of a workspace, and nothing else."""

import re
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, Request, expect
from services.browsing import NEEDS, ingest, quiet, serious
from services.sharing import VIEWS, WHOSE, asked, made
from services.using import calls_where

from bridge.demo.gateway import GatewayStandIn, wall_clock_ms
from bridge.events.times import format_ms

pytestmark = NEEDS

_SHOWS = {
    "events": "table.events tbody tr",
    "time": ".axis text",
    "segment": "main tbody tr",
    "map": ".land",
    "table": "main tbody tr",
    "heatmap": ".heat-table tbody tr",
}


async def opened(page: Page, url: str, view: str, query: str = "") -> None:
    """Open a link, and return when its view has figures."""
    await page.goto(url + query)
    await expect(page.locator("h1")).to_have_text("Your API traffic")
    await expect(page.locator(_SHOWS[view]).first).to_be_visible()
    await expect(page.locator(".last")).to_contain_text(re.compile(r"\d calls? in this view"))


def _noting(sent: list[str]) -> Callable[[Request], None]:
    return lambda request: sent.append(request.url)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_each_view_is_quiet_and_accessible(url: str, browser: Browser, theme: Any, width: int) -> None:
    """No console message, no violation of the policy, nothing serious by axe-core, no cookie, nobody else asked."""
    calls = await calls_where(url, application=WHOSE)
    for view in VIEWS:
        link = (await made(url, view))["links"][0]["url"]
        async with quiet(browser, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
            sent: list[str] = []
            page.on("request", _noting(sent))
            await opened(page, link, view)
            await expect(page.locator(".last")).to_contain_text(f"{calls} calls in this view")
            assert await serious(page) == [], view
            assert [address for address in sent if not address.startswith(url)] == []
            assert await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == [
                "",
                0,
                0,
            ]


async def test_an_event_is_opened_and_tells_nothing_of_others(url: str, browser: Browser) -> None:
    """The log has the viewer's calls; one opens beside it with its fields, without what the bridges say."""
    link = (await made(url, "events"))["links"][0]["url"]
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await opened(page, link, "events")
        await expect(page.locator(".chip.locked")).to_have_text(f"Application is {WHOSE}")
        await page.locator("table.events tbody tr").first.click()
        drawer = page.get_by_role("complementary", name="One event")
        await expect(drawer.locator(".fields").first).to_be_visible()
        await expect(drawer).not_to_contain_text("Delivered")
        await expect(page.locator("th", has_text="User")).to_have_count(0)
        await expect(page.locator("th", has_text="Application")).to_have_count(0)
        await expect(page.locator("th", has_text="Gateway")).to_have_count(0)
        assert await serious(page) == []
        await page.keyboard.press("Escape")
        await expect(drawer).to_have_count(0)


async def test_a_click_narrows_and_the_lock_stays(url: str, browser: Browser) -> None:
    """What is clicked is a filter of the viewer's, that can be taken away; that of the workspace cannot."""
    link = (await made(url, "table"))["links"][0]["url"]
    calls = await calls_where(url, application=WHOSE, api="Orders")
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await opened(page, link, "table")
        await page.get_by_role("link", name="Orders").first.click()
        await expect(page.locator(".last")).to_contain_text(f"{calls} calls in this view")
        await expect(page.locator(".narrowed .chip")).to_contain_text("API is Orders")
        await expect(page.locator(".chip.locked")).to_have_count(1)
        await page.go_back()
        await expect(page.locator(".narrowed")).to_have_count(0)


async def test_the_period_is_the_viewers_only_if_allowed(url: str, browser: Browser) -> None:
    """With bounds there is a choice of periods within them; without, the period is said."""
    free, fixed = await made(url, "time"), await made(url, "time", bounds=None)
    async with quiet(browser) as page:
        await opened(page, free["links"][0]["url"], "time")
        await page.locator("[data-opens=period]").click()
        await page.get_by_role("button", name="Last 24 hours").click()
        await expect(page).to_have_url(re.compile("from=-24h"))
        await opened(page, fixed["links"][0]["url"], "time")
        await expect(page.locator(".period-words")).to_have_text("Last 7 days")
        await expect(page.locator("[data-opens=period]")).to_have_count(0)


async def test_the_address_dresses_it_as_moesifs_options_say(url: str, browser: Browser) -> None:
    """Header, legend, labels, zone and colours; a zone that is none and a colour that is none change nothing."""
    link = (await made(url, "time"))["links"][0]["url"]
    async with quiet(browser, timezone_id="Europe/Berlin") as page:
        await opened(page, link, "time")
        plain = await page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
        await expect(page.locator(".last")).to_contain_text("Times in UTC")
        query = "?embed=true&hide_chart_legend=true&hide_chart_axis_label=true&time_zone=Asia/Tokyo"
        await opened(page, link, "time", f"{query}&primary_color=%2300876c&color_array=%23ff0000,%2300aa00")
        await expect(page.locator(".last")).to_contain_text("Times in Asia/Tokyo")
        await expect(page.locator(".legend.below")).to_be_hidden()
        await expect(page.locator(".plot h3").first).to_be_hidden()
        await expect(page.get_by_role("button", name="Filter")).to_have_count(0)
        await expect(page.locator(".maker")).to_have_count(0)
        accent = await page.evaluate("document.documentElement.style.getPropertyValue('--accent')")
        assert accent.startswith("light-dark(#00")
        assert accent != plain
        await expect(page.locator("[data-opens=period]")).to_have_count(0)
        await opened(
            page, link, "time", "?embed=true&show_daterange=true&time_zone=Mars/Base&primary_color=red"
        )
        await expect(page.locator(".last")).to_contain_text("Times in UTC")
        await expect(page.locator("[data-opens=period]")).to_be_visible()
        await page.goto(f"{link}?embed=true&hide_header=true")
        await expect(page.locator(".legend.below").first).to_be_visible()
        await expect(page.locator(".chip.locked")).to_have_count(0)


async def test_new_calls_are_told_of_only_if_allowed_and_only_ones_own(url: str, browser: Browser) -> None:
    """A live view counts what comes for its viewer, and nothing of others; one that is not live asks for no stream."""
    live, still = await made(url, "events", live=True), await made(url, "events")
    own, other = (
        GatewayStandIn(9).call().event | {"applicationName": name} for name in (WHOSE, "Somebody else")
    )
    async with quiet(browser) as page:
        await opened(page, live["links"][0]["url"], "events")
        now = {"requestTimestamp": format_ms(wall_clock_ms())}
        await ingest(url, [other | now | {"correlationId": "1"}, own | now])
        await expect(page.get_by_text("1 new event")).to_be_visible()
        sent: list[str] = []
        page.on("request", _noting(sent))
        await opened(page, still["links"][0]["url"], "events")
        await expect(page.get_by_role("button", name="Pause")).to_have_count(0)
        assert not [address for address in sent if "stream" in address]


async def test_nothing_there_yet_says_so(url: str, browser: Browser) -> None:
    """A view without calls says of which period, and offers a longer one where that may be chosen."""
    link = (await made(url, "time", filters=[{"field": "application", "is": ["None such"]}]))["links"][0][
        "url"
    ]
    async with quiet(browser) as page:
        await page.goto(link)
        await expect(page.locator(".say")).to_contain_text("No calls in the last 7 days.")
        await expect(page.get_by_role("link", name="Last 30 days")).to_be_visible()


async def test_a_password_is_asked_for_and_opens_it(url: str, browser: Browser) -> None:
    """A wrong one is said to be wrong, the right one opens the view."""
    link = (await made(url, "time", password="for your eyes"))["links"][0]["url"]
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(link)
    field = page.get_by_label("Password")
    await expect(field).to_be_focused()
    assert await serious(page) == []
    await field.fill("guessed wrongly")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("That is not it.")
    await field.fill("for your eyes")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Your API traffic")
    await expect(page.locator(".axis text").first).to_be_visible()
    await context.close()


async def test_a_link_that_was_taken_back_shuts_the_page_that_is_open(url: str, browser: Browser) -> None:
    """With the next question it says so, and so does a link that never was one."""
    workspace = await made(url, "time")
    link = workspace["links"][0]
    context = await browser.new_context()
    page = await context.new_page()
    await opened(page, link["url"], "time")
    await asked(url, "DELETE", f"/api/workspaces/{workspace['id']}/links/{link['id']}")
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.get_by_role("alert")).to_contain_text("This link opens nothing any more.")
    await page.goto(f"{url}/public/apw_made-up")
    await expect(page.get_by_role("alert")).to_contain_text("This link opens nothing any more.")
    assert await serious(page) == []
    await context.close()


async def test_too_many_questions_are_said_and_asked_again(url: str, browser: Browser) -> None:
    """A workspace's token may ask sixty times a minute; one that has asked too much is told when it goes on."""
    link = (await made(url, "time"))["links"][0]
    context = await browser.new_context()
    page = await context.new_page()
    await opened(page, link["url"], "time")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {link['token']}"}) as session:
        for _ in range(60):
            async with session.get(f"{url}/api/workspace") as answer:
                await answer.read()
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.get_by_role("status").first).to_contain_text("asked as much as it may in a minute")
    # What was read stays.
    await expect(page.locator(".axis text").first).to_be_visible()
    await context.close()

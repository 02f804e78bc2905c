"""Explore, the map, and charts as tables, in a real browser over a real store."""

from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect
from services.browsing import CALLS, NEEDS, ingest, made_calls, quiet, serious, shown

pytestmark = NEEDS

COUNTRIES = ("DE", "DE", "DE", "US", "US", "SG", "RE")
BOARD: dict[str, Any] = {
    "name": "Team",
    "filters": [],
    "views": [
        {"title": "Calls", "form": "time", "width": 2, "question": {"measures": ["calls"], "by": ["api"]}},
        {
            "title": "Applications",
            "form": "segment",
            "question": {"measures": ["calls"], "by": ["application"]},
        },
        {
            "title": "Resources",
            "form": "table",
            "width": 3,
            "question": {"measures": ["calls", "latency_p95"], "by": ["api", "resource"], "limit": 5},
        },
        {
            "title": "Hours",
            "form": "heatmap",
            "question": {"measures": ["calls"], "by": ["weekday", "hour"]},
        },
        {"title": "World", "form": "map", "question": {"measures": ["calls"], "by": ["country"]}},
        {
            "title": "Failing",
            "form": "events",
            "question": {"filters": [{"field": "status_class", "is": ["5xx"]}], "limit": 5},
        },
    ],
}


@pytest.fixture
async def board(empty_url: str) -> str:
    """A store with a day of calls from some countries, and a board of all forms."""
    await ingest(empty_url, made_calls(countries=COUNTRIES))
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{empty_url}/api/boards/team", json=BOARD) as answer,
    ):
        assert answer.status == 200, await answer.text()
    return empty_url


def titles(page: Page) -> Any:
    return page.locator(".view h2:not(.sr)")


async def numbers(page: Page, selector: str) -> list[int]:
    texts = await page.locator(selector).all_inner_texts()
    return [int(text.replace(",", "")) for text in texts]


async def test_a_question_is_saved_on_a_board_and_opened_again(url: str, browser: Browser) -> None:
    """What one person saves with its filter, another finds under its name, with the same figures."""
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, url, "page=explore&bot.not=true")
        await page.get_by_role("button", name="Bars", exact=True).click()
        await page.get_by_label("Measure").select_option("errors")
        await page.get_by_label("First field").select_option("application")
        await expect(page.locator(".found h2")).to_have_text("Errors by application")
        await expect(page.locator(".found tbody tr").first).to_be_visible()
        errors = await numbers(page, ".found tbody td:last-child")
        await page.locator(".found").get_by_role("button", name="Save").click()
        await page.get_by_label("Title").fill("Who fails")
        await page.get_by_label("Its name").fill("Our team")
        await page.get_by_role("dialog").get_by_role("button", name="Save").click()
        await page.wait_for_url("**board=our-team**")
        await expect(titles(page)).to_have_text(["Who fails"])
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, url, "page=explore")
        await page.get_by_role("navigation", name="Boards").get_by_role("link", name="Our team").click()
        await expect(page.locator("h1")).to_contain_text("Our team")
        await expect(page.locator(".view .per")).to_contain_text("Bot is not yes")
        await expect(page.locator(".view tbody tr")).to_have_count(len(errors))
        assert await numbers(page, ".view tbody td:last-child") == errors
        # The view opens as a question again, with its filter, and goes back in its place.
        await page.get_by_role("link", name="Open the question: Who fails").click()
        await expect(page.locator(".top .chip")).to_contain_text("Bot is not yes")
        await page.get_by_role("button", name="Table", exact=True).click()
        await page.get_by_role("button", name="Save the change").click()
        await page.get_by_role("dialog").get_by_role("button", name="Save").click()
        await expect(page.locator(".view .wide-table")).to_be_visible()
        await expect(titles(page)).to_have_text(["Who fails"])


async def test_a_click_narrows_all_views_of_a_board_and_can_be_kept_with_it(
    board: str, browser: Browser
) -> None:
    """A click filters every view; Back takes it away; kept with the board it holds without standing in the address."""
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, board, "page=explore&board=team")
        table = page.locator(".view", has_text="Resources").locator("tbody tr")
        await expect(table).to_have_count(5)
        await page.locator(".view", has_text="Applications").get_by_role("link", name="MobileApp").click()
        await page.wait_for_url("**application=MobileApp**board=team**")
        await expect(page.locator(".view", has_text="Applications").locator("tbody tr")).to_have_count(1)
        calls = page.locator(".view", has_text="Calls").locator("h3 b").first
        await expect(page.locator(".books")).to_contain_text("outside the filters")
        narrowed = await page.locator(".books span", has_text="This view").locator("b").first.inner_text()
        await expect(calls).to_have_text(narrowed)
        await page.get_by_role("button", name="Arrange").click()
        await page.get_by_role("button", name="Keep the filter with the board").click()
        await expect(page.locator(".board-head .chip")).to_contain_text("Application is MobileApp")
        await expect(page.locator(".top .chip")).to_have_count(0)
        await expect(calls).to_have_text(narrowed)
        await page.get_by_role("button", name="Remove from the board").click()
        await expect(calls).to_have_text(str(CALLS))
        await page.get_by_role("button", name="Undo").click()
        await expect(calls).to_have_text(narrowed)


async def test_a_board_is_arranged_with_the_keyboard_and_taken_back(board: str, browser: Browser) -> None:
    """Names, order, width and removal last beyond the page; removal is undone, of a view and of the board."""
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, board, "page=explore&board=team")
        await page.get_by_role("button", name="Arrange").click()
        arrange = page.get_by_role("group", name="Arrange Calls")
        await arrange.get_by_role("button", name="Later").focus()
        await page.keyboard.press("Enter")
        await expect(arrange.get_by_role("button", name="Later")).to_be_focused()
        await page.keyboard.press("Enter")
        await arrange.get_by_role("button", name="Full width").click()
        await page.get_by_label("Name of the board").fill("Our board")
        await page.get_by_label("Name of the board").press("Enter")
        await page.get_by_role("group", name="Arrange Hours").get_by_role("button", name="Remove").click()
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_role("group", name="Arrange World").get_by_role("button", name="Remove").click()
        await expect(page.get_by_role("status").filter(has_text="Removed “World”")).to_be_visible()
        await expect(page.locator("h1")).to_contain_text("Our board")
        await page.reload()
        await expect(titles(page)).to_have_text(["Applications", "Resources", "Calls", "Hours", "Failing"])
        await expect(page.locator(".view.w3 h2", has_text="Calls").first).to_be_visible()
        await page.get_by_role("button", name="Arrange").click()
        await page.get_by_role("button", name="Remove the board").click()
        await expect(page.get_by_text("No board yet")).to_be_visible()
        await page.get_by_role("button", name="Undo").click()
        await expect(titles(page)).to_have_count(5)


async def test_of_two_who_arrange_a_board_the_second_is_told(board: str, browser: Browser) -> None:
    """The second change is not kept; the board is shown as the first one made it."""
    first, second = await browser.new_page(), await browser.new_page()
    for page in (first, second):
        await shown(page, board, "page=explore&board=team")
        await page.get_by_role("button", name="Arrange").click()
    await first.get_by_label("Name of the board").fill("First")
    await first.get_by_label("Name of the board").press("Enter")
    await expect(first.locator("h1")).to_contain_text("First")
    await second.get_by_role("group", name="Arrange World").get_by_role("button", name="Remove").click()
    await expect(second.get_by_text("Somebody else has changed this board")).to_be_visible()
    await expect(second.get_by_label("Name of the board")).to_have_value("First")
    await expect(second.get_by_role("group", name="Arrange World")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_a_board_of_all_forms_is_quiet_and_accessible(
    board: str, browser: Browser, theme: Any, width: int
) -> None:
    """Each form has figures, nothing is said on the console, axe-core finds nothing serious, arranged or not."""
    async with quiet(browser, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        await shown(page, board, "page=explore&board=team")
        await expect(page.locator(".map a.row, .map [data-code=DE]").first).to_be_attached()
        await expect(page.locator(".newest tbody tr").first).to_be_visible()
        await expect(page.locator(".heat-table a").first).to_be_attached()
        assert await serious(page) == []
        await page.get_by_role("button", name="Arrange").click()
        assert await serious(page) == []
        await page.keyboard.press("Escape")
        await shown(page, board, "page=explore&form=table&measure=calls,errors&by=api,status")
        assert await serious(page) == []


async def test_the_map_reads_and_filters(board: str, browser: Browser) -> None:
    """By pointer and by keys; what has no outline or no country is said in words; the table has all of it."""
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, board, "page=where")
        world = page.locator(".plot.map")
        await expect(world.locator("a[data-code=SG] circle")).to_be_attached()
        await expect(world.locator(".words")).to_contain_text("Without an outline: Réunion")
        await world.focus()
        await page.keyboard.press("ArrowRight")
        await expect(world.get_by_role("status")).to_contain_text("Germany")
        await page.keyboard.press("ArrowRight")
        await expect(world.get_by_role("status")).to_contain_text("United States")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**country=US**")
        await expect(page.locator(".top .chip")).to_contain_text("Country is United States")
        await page.go_back()
        await world.locator("a[data-code=DE]").click(position={"x": 5, "y": 5}, force=True)
        await page.wait_for_url("**country=DE**")
        await page.go_back()
        await expect(world.locator("a[data-code=US]")).to_be_attached()
        await world.focus()
        await page.keyboard.press("t")
        rows = page.locator(".plot.tabled tbody tr")
        await expect(rows).to_have_count(4)
        assert sum(await numbers(page, ".plot.tabled tbody td:nth-child(2)")) == CALLS
        await expect(page.get_by_role("button", name="As a table: Calls by country")).to_be_focused()
        await page.keyboard.press("t")
        await expect(world).to_be_visible()


async def test_a_chart_is_a_table_as_well(url: str, browser: Browser) -> None:
    """`t` shows the figures of the chart in the same room; their sum is the number of calls."""
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, url, "page=overview")
        plot = page.locator(".series .plot").first
        await expect(plot.locator("canvas").first).to_be_visible()
        await page.wait_for_load_state("networkidle")
        below = page.locator(".cols > section").first
        before = await below.bounding_box()
        await page.keyboard.press("t")
        await expect(page.locator(".plot.tabled tbody tr").nth(100)).to_be_attached()
        assert sum(await numbers(page, ".plot.tabled tbody td:nth-child(2)")) == CALLS
        assert await below.bounding_box() == before
        assert await serious(page) == []
        await page.keyboard.press("t")
        await expect(plot.locator("canvas").first).to_be_visible()

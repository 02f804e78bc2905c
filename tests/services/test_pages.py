"""What somebody does with the dashboard: filter, zoom, read, take away, press keys, mark a deployment."""

import csv
import io
import json
import re
from pathlib import Path

from playwright.async_api import Browser, expect
from services.browsing import CALLS, NEEDS, ingest, quiet
from services.using import account_of, asked, calls_where, drawn, first_figure, post, shown

from bridge.demo.gateway import GatewayStandIn, wall_clock_ms

pytestmark = NEEDS

_OPENS = {
    "?": "Keyboard",
    "/": "Search or jump to",
    "f": "Filter",
    "p": "Period",
    "z": "Time zone",
    "e": "Export",
}


async def test_alt_and_a_click_leave_out(url: str, browser: Browser) -> None:
    """The page then shows all calls but those of the name, and says so in a filter that can be taken away."""
    async with quiet(browser) as page:
        await shown(page, url, "page=consumers")
        await page.get_by_role("link", name="MobileApp").first.click(modifiers=["Alt"])
        await expect(page.locator(".chip")).to_contain_text("Application is not MobileApp")
        left = CALLS - await calls_where(url, application="MobileApp")
        await expect(first_figure(page)).to_have_text(str(left))
        await page.get_by_role("link", name=re.compile("^Remove")).click()
        await expect(first_figure(page)).to_have_text(str(CALLS))


async def test_a_click_filters_by_all_that_a_row_is(url: str, browser: Browser) -> None:
    """A resource of one API by one method is more than its path: its figures are those of the page it opens."""
    async with quiet(browser) as page:
        await shown(page, url, "page=apis&api=Orders")
        row = page.locator(".a-res tbody tr").first
        calls = await row.locator("td").nth(1).inner_text()
        await row.locator("a.row").click()
        await expect(page.locator(".chip")).to_have_count(3)
        await expect(first_figure(page)).to_have_text(calls)


async def test_a_class_of_errors_filters_by_what_it_counts(url: str, browser: Browser) -> None:
    """Each class of the legend leads to as many errors as it says."""
    async with quiet(browser) as page:
        await shown(page, url, "page=errors")
        legend = page.locator(".series .legend a")
        await expect(legend.first).to_be_visible()
        for place in range(await legend.count()):
            said = await legend.nth(place).locator(".faint").inner_text()
            await legend.nth(place).click()
            await expect(page.locator(".chip").first).to_be_visible()
            await expect(first_figure(page)).to_have_text(said)
            await page.go_back()
            await expect(page.locator(".chip")).to_have_count(0)
            await expect(legend.nth(place).locator(".faint")).to_have_text(said)


async def test_a_drag_zooms_and_escape_goes_back(url: str, browser: Browser) -> None:
    """The period becomes what was dragged over, whose calls the page then shows."""
    async with quiet(browser, viewport={"width": 1440, "height": 900}) as page:
        await shown(page, url, "page=overview")
        plot = await drawn(page)
        box = await plot.bounding_box()
        assert box is not None
        y = box["y"] + 100
        await page.mouse.move(box["x"] + box["width"] * 0.4, y)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=4)
        await expect(page.locator(".sel")).to_be_visible()
        await page.mouse.up()
        await page.mouse.move(0, 0)
        await page.wait_for_url("**from=20**")
        start, end = asked(page)["from"][0], asked(page)["to"][0]
        assert start < end
        await expect(page.locator(".line [data-opens=period]")).not_to_contain_text("Last")
        await plot.focus()
        await page.keyboard.press("Escape")
        await expect(page).not_to_have_url(re.compile("from="))


async def test_the_keyboard_reads_a_plot_and_zooms_into_a_step(url: str, browser: Browser) -> None:
    """Arrows move the reader, whose figures a screen reader hears; Enter zooms into the step."""
    async with quiet(browser) as page:
        await shown(page, url, "page=overview")
        await (await drawn(page)).focus()
        await page.keyboard.press("ArrowLeft")
        reader = page.locator(".tip[role=status]").first
        await expect(reader).to_contain_text("Calls")
        last = await reader.inner_text()
        await page.keyboard.press("ArrowLeft")
        await expect(reader).not_to_have_text(last)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**from=20**")


async def test_keys_open_what_they_say(url: str, browser: Browser) -> None:
    """Each key of the help does its thing, and none while somebody types."""
    async with quiet(browser) as page:
        await shown(page, url, "page=overview")
        for key, label in _OPENS.items():
            await page.keyboard.press(key)
            await expect(page.get_by_role("dialog", name=label)).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("c")
        await expect(page).to_have_url(re.compile("compare=off"))
        await page.keyboard.press("g")
        await page.keyboard.press("4")
        await expect(page.get_by_role("heading", name="Errors", level=1)).to_be_visible()
        await expect(page.locator("main a.row").first).to_be_visible()
        await page.keyboard.press("j")
        await expect(page.locator("main a.row:focus, main tr:focus")).to_have_count(1)
        await page.keyboard.press("Alt+Enter")
        await expect(page.locator(".chip")).to_contain_text("is not")
        await page.keyboard.press("Backspace")
        await expect(page.locator(".chip")).to_have_count(0)
        await page.keyboard.press("/")
        await page.keyboard.type("pay")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("option", name="Payments-API")).to_be_visible()
        await expect(page).to_have_url(re.compile("page=errors"))


async def test_an_export_has_what_the_page_shows(url: str, browser: Browser, tmp_path: Path) -> None:
    """The file's rows are the list's, and its sum is the headline's; events come one by one."""
    async with quiet(browser) as page:
        await shown(page, url, "page=consumers&status_class=2xx")
        calls = int((await first_figure(page).inner_text()).replace(",", ""))
        assert calls == await calls_where(url, status_class="2xx") > 0
        await page.keyboard.press("e")

        async def taken(name: str) -> bytes:
            async with page.expect_download() as download:
                await page.get_by_role("button", name=name).click()
            path = tmp_path / name
            await (await download.value).save_as(path)
            return path.read_bytes()

        rows = list(csv.DictReader(io.StringIO((await taken("Applications as CSV")).decode("utf-8-sig"))))
        assert sum(int(row["calls"]) for row in rows) == calls
        events = (await taken("All events of this view as NDJSON")).splitlines()
        assert len(events) == calls
        assert {json.loads(event)["status_class"] for event in events} == {"2xx"}


async def test_a_deployment_stands_in_the_plots_of_every_page(url: str, browser: Browser) -> None:
    """A mark is one request of the job that deploys; whatever page is opened has it."""
    await post(url, "/api/annotations", {"text": "Orders 2.3.1"})
    async with quiet(browser) as page:
        async with page.expect_response("**/api/annotations*") as answer:
            await page.goto(f"{url}/?page=consumers")
        assert [each["text"] for each in (await (await answer.value).json())["annotations"]] == [
            "Orders 2.3.1"
        ]
        await shown(page, url, "page=overview")
        await expect(page.locator(".legend")).to_contain_text(["Deployment"])


async def test_a_silent_gateway_is_not_one_without_traffic(url: str, browser: Browser) -> None:
    """One that is heard and has no calls is well; of one that is not heard it says since when."""
    await post(url, "/account", account_of("gw-idle", CALLS))
    async with quiet(browser) as page:
        await shown(page, url, "page=overview")
        heard = page.locator(".fresh li", has_text="gw-idle")
        await expect(heard).to_contain_text("s ago")
        await expect(page.locator(".books")).to_contain_text("Books balance")
        # The page's own clock goes on by ten minutes, the bridge says nothing more.
        await page.clock.install(time=wall_clock_ms() / 1000 + 600)
        await page.reload()
        await expect(heard).to_contain_text(re.compile("none since|never|min"))
        await expect(page.locator(".a-gates .nodata").first).to_be_visible()


async def test_a_view_without_calls_says_why_and_what_next(url: str, browser: Browser) -> None:
    """Each filter is offered to be taken away, with the calls that there are without it."""
    async with quiet(browser) as page:
        await page.goto(f"{url}/?page=errors&api=Orders&application=Nobody")
        await expect(page.locator(".say")).to_contain_text("matches both filters")
        orders = await calls_where(url, api="Orders")
        await expect(page.locator(".say")).to_contain_text(f"without it {orders} calls")
        await page.get_by_role("link", name="Clear all filters").click()
        await expect(first_figure(page)).to_be_visible()


async def test_the_first_run_says_what_it_waits_for(empty_url: str, browser: Browser) -> None:
    """An empty store is no empty page: it says what runs, what is missing and what to write where."""
    async with quiet(browser) as page:
        await page.goto(empty_url)
        await expect(page.locator(".say")).to_contain_text("No call has arrived yet")
        await expect(page.locator(".say pre")).to_contain_text("[apim.analytics]")
        await ingest(empty_url, [GatewayStandIn(2).call().event])
        await page.keyboard.press("r")
        await expect(first_figure(page)).to_have_text("1")


async def test_a_server_that_is_away_leaves_the_figures_and_says_so(url: str, browser: Browser) -> None:
    """What was read stays, with the time of it, until the server is back."""
    said: list[str] = []
    context = await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    await shown(page, url, "page=overview")
    await context.set_offline(True)
    await page.keyboard.press("r")
    await expect(page.get_by_role("alert").first).to_contain_text("Not updated since")
    await expect(first_figure(page)).to_have_text(str(CALLS))
    await context.set_offline(False)
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator(".notice")).to_have_count(0)
    await context.close()
    assert said == []


async def test_another_zone_moves_the_clock_and_not_the_figures(url: str, browser: Browser) -> None:
    """The zone stands in the address, and in the head beside what it is ahead of UTC."""
    async with quiet(browser, timezone_id="Europe/Berlin") as page:
        await shown(page, url, "page=overview&zone=Asia/Kathmandu")
        await expect(page.locator(".top")).to_contain_text("UTC+5:45")
        await expect(first_figure(page)).to_have_text(str(CALLS))
        await page.keyboard.press("z")
        await page.keyboard.type("tokyo")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("zone=Asia/Tokyo"))


async def test_figures_come_anew_in_their_places(url: str, browser: Browser) -> None:
    """A refresh changes numbers and moves nothing: neither the page nor what is focused."""
    async with quiet(browser) as page:
        await shown(page, url, "page=overview")
        await page.locator(".a-apps a.row").first.focus()
        await page.evaluate("scrollTo(0, 400)")
        height = await page.evaluate("document.documentElement.scrollHeight")
        await ingest(url, [GatewayStandIn(9).call().event])
        await page.keyboard.press("r")
        await expect(first_figure(page)).to_have_text(str(CALLS + 1))
        assert await page.evaluate("[scrollY, document.documentElement.scrollHeight]") == [400, height]
        await expect(page.locator(".a-apps a.row").first).to_be_focused()

"""The live log, and one call taken apart: what waits, what is found, what is copied, where it was delivered."""

import json
import re

from playwright.async_api import Browser, expect
from services.browsing import CALLS, NEEDS, ingest, quiet
from services.using import account_of, post, shown

from bridge.demo.gateway import GatewayStandIn, wall_clock_ms
from bridge.events.times import format_ms

pytestmark = NEEDS

_ID = "5a155b8f-a6ac-8a21-ac69-fed639de3085"
_SINKS = {"moesif": {"pending": 0, "dead": 0, "left_out": 0, "settled_before": "2100-01-01T00:00:00Z"}}


async def test_the_palette_finds_a_call_by_its_correlation_id(url: str, browser: Browser) -> None:
    """What was pasted leads to the events that carry it, whenever they were."""
    call = GatewayStandIn(9, lambda: wall_clock_ms() - 3 * 86_400_000).call().event
    await ingest(url, [call])
    async with quiet(browser) as page:
        await page.goto(f"{url}/?")
        await page.get_by_role("button", name="Search or jump to").click()
        await page.keyboard.type(call["correlationId"])
        await page.keyboard.press("Enter")
        await expect(page.locator("table.events tbody tr")).to_have_count(1)


async def test_the_log_waits_holds_and_goes_on(url: str, browser: Browser) -> None:
    """Rows never move by themselves; held, it does not even count; going on shows what came meanwhile."""
    async with quiet(browser) as page:
        await shown(page, url, "page=events")
        rows = page.locator("table.events tbody tr")
        top = await rows.first.get_attribute("data-id")
        gateway = GatewayStandIn(9)

        async def comes() -> None:
            await ingest(url, [gateway.call().event | {"requestTimestamp": format_ms(wall_clock_ms())}])

        await comes()
        await expect(page.get_by_text("1 new event")).to_be_visible()
        assert await rows.first.get_attribute("data-id") == top
        await page.keyboard.press("n")
        await expect(rows.first).not_to_have_attribute("data-id", top or "")
        await page.keyboard.press(" ")
        await expect(page.get_by_role("button", name="Go on")).to_be_visible()
        top = await rows.first.get_attribute("data-id")
        await comes()
        await page.get_by_role("button", name="Go on").click()
        await expect(rows.first).not_to_have_attribute("data-id", top or "")


async def test_an_event_says_all_and_can_be_copied(url: str, browser: Browser) -> None:
    """Its waterfall, each of its fields, where it was delivered; as JSON, and as curl that a shell can read."""
    call = GatewayStandIn(4).call().event | {
        "requestTimestamp": format_ms(wall_clock_ms()),
        "userAgentHeader": "it's; $(x)",
        "properties": {"responseSize": 5, "something": {"of": "its own"}},
    }
    call |= {"backendLatency": 21, "requestMediationLatency": 3, "responseMediationLatency": 1}
    call["bridge"] = {"id": _ID, "received": call["requestTimestamp"], "instance": "gw-1"}
    await post(url, "/account", account_of("gw-1", CALLS + 1) | {"sinks": _SINKS})
    await ingest(url, [call])
    async with quiet(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.goto(f"{url}/?page=events&correlation_id={call['correlationId']}")
        await page.locator("table.events tbody tr").click()
        drawer = page.get_by_role("complementary", name="One event")
        await expect(drawer.locator(".fall")).to_contain_text("21 ms")
        await expect(drawer.locator(".sinks")).to_contain_text("delivered all received before")
        await expect(drawer.locator(".fields").last).to_contain_text("its own")
        await drawer.get_by_role("button", name="JSON").click()
        copied = json.loads(await page.evaluate("navigator.clipboard.readText()"))
        assert copied["properties"]["something"] == {"of": "its own"}
        await drawer.get_by_role("button", name="curl").click()
        await expect(drawer.get_by_role("status").last).to_have_text("copied")
        curl = await page.evaluate("navigator.clipboard.readText()")
        assert "-H 'User-Agent: it'\\''s; $(x)'" in curl
        await drawer.get_by_role("link", name=call["apiName"]).click()
        await expect(page.locator(".chip")).to_have_count(2)
        await page.keyboard.press("Escape")
        await expect(drawer).to_have_count(0)


async def test_an_outlier_is_one_click_from_its_events(url: str, browser: Browser) -> None:
    """As many calls as the page says are slower, the log then lists."""
    async with quiet(browser) as page:
        await shown(page, url, "page=latency")
        line = page.locator(".said li").first
        await expect(line.locator("b")).to_contain_text(re.compile(r"\d"))
        calls = int(re.sub(r"\D", "", await line.locator("b").inner_text()))
        await line.get_by_role("link").click()
        await expect(page.locator("table.events tbody tr")).to_have_count(calls)

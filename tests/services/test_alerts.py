"""Alerts and reports in a real browser: a rule is made in plain words, tried on the past, kept; a report is read."""

import asyncio
from pathlib import Path

from fakes.receivers import hook_receiver
from playwright.async_api import Browser, expect
from services.browsing import NEEDS, ingest, made_calls, quiet, serious

from bridge.analytics.server.serving import serving
from bridge.settings import AnalyticsSettings, BridgeSettings

pytestmark = NEEDS


async def test_a_rule_is_made_tried_and_said(tmp_path: Path, browser: Browser) -> None:
    """A channel is made and tested, its secret shown once; a rule is tried on the past, kept, and changed."""
    settings = {"listen": "127.0.0.1:0", "reachable_networks": ["127.0.0.0/8"]}
    analytics = AnalyticsSettings.model_validate(settings)
    async with (
        hook_receiver() as hook,
        serving(BridgeSettings(state_dir=tmp_path, analytics=analytics)) as url,
        quiet(browser, viewport={"width": 1440, "height": 1000}) as page,
    ):
        await ingest(url, made_calls())
        await page.goto(f"{url}/?page=alerts")
        await page.get_by_label("Name").fill("Pager")
        await page.get_by_label("URL").fill(hook.url)
        await page.get_by_role("button", name="Make the channel").click()
        await expect(page.locator(".fresh-link")).to_contain_text("shown once")
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.locator(".channels").get_by_role("status")).to_have_text("A test was sent.")
        assert hook.got[0][0]["webhook-signature"].startswith("v1,")

        await page.get_by_role("button", name="An API that fails").click()
        await page.locator(".rule-name input").fill("Something fails")
        await page.get_by_label("Watched one by one").select_option("api")
        await page.get_by_label("Threshold").fill("0")
        await page.get_by_label("Least calls").fill("0")
        await page.get_by_label("How long it has to hold").select_option("0s")
        await page.get_by_label("Pager webhook").check()
        await page.get_by_role("button", name="Try it on the last").click()
        await expect(page.locator(".trying")).to_contain_text("It would have fired")
        await expect(page.locator(".trial-chart svg .would-fire").first).to_be_attached()
        assert await serious(page) == []
        await page.get_by_role("button", name="Watch this").click()
        await expect(page.locator(".rule-cell")).to_contain_text(
            "error rate above 0 % in 10 minutes, for each API"
        )
        await page.get_by_role("button", name="Something fails").click()
        await expect(page.locator(".rule-name input")).to_have_value("Something fails")
        await page.get_by_role("button", name="Remove", exact=True).last.click()
        await page.get_by_role("button", name="Remove it with its history").click()
        await expect(page.locator(".a-rules")).to_contain_text("Nothing is watched yet.")


async def test_a_report_is_read_and_saved(url: str, browser: Browser) -> None:
    """The week shows its figures, and is saved as CSV and as a PDF."""
    async with quiet(browser, viewport={"width": 1440, "height": 1000}, color_scheme="dark") as page:
        await page.goto(f"{url}/?page=reports")
        await expect(page.locator(".report-totals b").first).not_to_have_text("")
        assert await serious(page) == []
        for name, begins in (("CSV", b"section,item"), ("PDF", b"%PDF-")):
            async with page.expect_download() as download:
                await page.get_by_role("button", name=name, exact=True).click()
            saved = await (await download.value).path()
            assert (await asyncio.to_thread(saved.read_bytes)).startswith(begins)

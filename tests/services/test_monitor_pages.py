"""The pages of monitors in a real browser: made, seen to be up and down, changed, and shown to the public."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.watched_endpoint import WatchedEndpoint
from playwright.async_api import Browser, Page, expect
from rigs.analytics_server import listening
from services.browsing import NEEDS, quiet, serious

pytestmark = NEEDS

_PHONE = {"width": 390, "height": 844}


@pytest.fixture
async def there() -> AsyncIterator[WatchedEndpoint]:
    """An endpoint to watch."""
    async with WatchedEndpoint().running() as made:
        yield made


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A served store whose monitors may reach this machine."""
    async with listening(tmp_path, reachable_networks=["127.0.0.0/8"]) as served:
        yield served


async def _make(page: Page, url: str, there: WatchedEndpoint) -> None:
    """Make a public monitor with a secret header, by the form."""
    await page.goto(f"{url}/?page=monitors")
    await page.get_by_role("link", name="Watch an endpoint").click()
    await page.get_by_label("Name", exact=True).fill("Payments")
    await page.get_by_label("URL").fill(there.url)
    await page.get_by_role("button", name="Header", exact=True).click()
    await page.get_by_label("Name of header 1").fill("Authorization")
    await page.get_by_label("Value of header 1").fill("Bearer s3cr3t")
    await page.get_by_label("Retries before it is down").fill("0")
    await page.get_by_label("Show its name").check()
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator(".tried")).to_contain_text("Up: it answered 200")
    assert await serious(page) == []
    await page.get_by_role("button", name="Watch it").click()
    await expect(page.locator(".stands .badge")).to_have_text("Up")


async def test_a_monitor_is_made_seen_changed_and_removed(
    url: str, there: WatchedEndpoint, browser: Browser
) -> None:
    """By the form alone; its secret is sent to the endpoint, and is never again in the page."""
    async with quiet(browser) as page:
        await _make(page, url, there)
        assert there.asked[-1].headers["Authorization"] == "Bearer s3cr3t"
        await expect(page.locator(".big-figures dd").first).to_have_text("100%")
        await expect(page.get_by_role("table", name="Last probes").locator("tbody tr")).to_have_count(1)
        assert await serious(page) == []
        await page.get_by_role("tab", name="7d").click()
        await expect(page.get_by_role("group", name="Response time, last 7 days")).to_be_visible()
        await page.get_by_role("button", name="Change").click()
        await expect(page.get_by_label("Value of header 1")).to_have_attribute(
            "placeholder", "kept; type to replace it"
        )
        await page.get_by_label("Name", exact=True).fill("Payments, all of them")
        there.status = 503
        await page.get_by_role("button", name="Keep the change").click()
        await expect(page.locator("h1")).to_contain_text("Payments, all of them")
        await expect(page.locator(".stands")).to_contain_text("it answered 503, and 2xx was expected")
        assert there.asked[-1].headers["Authorization"] == "Bearer s3cr3t"
        await page.reload()
        await expect(page.locator(".incidents li")).to_have_count(1)
        assert "s3cr3t" not in await page.content()
        await page.goto(f"{url}/?page=monitors")
        await expect(page.locator(".overall")).to_have_text("1 of 1 down")
        assert await serious(page) == []
        await page.get_by_role("link", name="Payments, all of them").click()
        await page.get_by_role("button", name="Remove this monitor").click()
        await page.get_by_role("button", name="Remove it").click()
        await expect(page.get_by_text("Nothing is watched yet.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_the_status_page_is_for_everybody(
    url: str, there: WatchedEndpoint, browser: Browser, theme: str, width: int
) -> None:
    """It shows what is public without a word of the inside, fits a phone, and stores nothing."""
    async with quiet(browser) as page:
        await _make(page, url, there)
    options = {"color_scheme": theme, "viewport": {**_PHONE, "width": width}}
    async with quiet(browser, **options) as page:
        await page.goto(f"{url}/status")
        await expect(page.locator("h1")).to_have_text("Everything is up")
        await expect(page.locator(".status-list li")).to_have_count(1)
        assert await serious(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        content = await page.content()
        for word in ("127.0.0.1", "health", "s3cr3t"):
            assert word not in content.replace(url, "")
        assert await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
            0,
            0,
            "",
        ]


async def test_a_monitor_on_a_phone_fits(url: str, there: WatchedEndpoint, browser: Browser) -> None:
    """List, form and one monitor are no wider than a phone."""
    async with quiet(browser, viewport=_PHONE) as page:
        await _make(page, url, there)
        for query, awaited in (
            ("", ".monitors li"),
            ("&monitor=payments", ".big-figures"),
            ("&make=monitor", "form"),
        ):
            await page.goto(f"{url}/?page=monitors{query}")
            await expect(page.locator(awaited).first).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= _PHONE["width"], query

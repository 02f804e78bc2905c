"""What is managed in the dashboard: views that are shown to others, who may call, and what is deleted for good."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, Response, expect
from services.browsing import NEEDS, ingest, made_calls, quiet, serious
from services.sharing import WHOSE, asked, made
from services.using import calls_where, shown

from bridge.analytics.server.serving import serving
from bridge.formats.api_analytics import hashed_key
from bridge.settings import load_bridge

pytestmark = NEEDS

_KEY = "7d4cba7e-52f3-4b1f-a0e5-3d0c3b6a2f10"


def _noting(failed: list[str]) -> Callable[[Response], None]:
    return lambda answer: failed.append(answer.url) if answer.status >= 400 else None


async def managed(page: Page, url: str, query: str) -> None:
    """Open a page that manages something, and return when it has what it lists."""
    await page.goto(f"{url}/?{query}")
    await expect(page.locator("h1")).to_be_visible()
    await expect(page.locator(".sk-rows")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
async def test_pages_that_manage_are_quiet_and_accessible(
    url: str, browser: Browser, theme: Any, width: int
) -> None:
    """No console message, no failed request, and nothing serious that axe-core finds."""
    await asked(url, "POST", "/api/tokens", {"name": "nightly", "scopes": ["read:data"], "expires": "30d"})
    workspace = await made(url, "time")
    async with quiet(browser, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        for query in ("page=workspaces", f"page=workspaces&workspace={workspace['id']}", "page=access"):
            await managed(page, url, query)
            await expect(page.locator(".manage-table tbody tr").first).to_be_visible()
            assert await serious(page) == [], query
        await shown(page, url, f"page=consumers&application={WHOSE}")
        if width > 390:
            await page.get_by_role("button", name="Share").click()
            await expect(page.get_by_role("dialog")).to_be_visible()
            assert await serious(page) == []


async def test_what_is_seen_is_shared_looked_at_and_taken_back(url: str, browser: Browser) -> None:
    """A link opens one application's calls for somebody else, who looked is listed, and then it is shut."""
    calls = await calls_where(url, application=WHOSE)
    async with quiet(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        await shown(page, url, f"page=consumers&application={WHOSE}")
        await page.get_by_role("button", name="Share").click()
        dialog = page.get_by_role("dialog", name="Share this view")
        await expect(dialog.locator(".held")).to_contain_text(f"Application is {WHOSE}")
        await dialog.get_by_label("Name, as").fill("Calls of a customer")
        await dialog.get_by_label("What it shows").select_option(label="Each call, newest first")
        await dialog.locator("label:has(> span:text-is('Period')) select").select_option(label="Last 7 days")
        await dialog.get_by_role("button", name="Create link").click()
        await dialog.get_by_role("button", name="Copy: Link").click()
        link = await page.evaluate("navigator.clipboard.readText()")
        assert link.startswith(f"{url}/public/apw_")
        assert "<iframe" in await dialog.get_by_label("Code for a page", exact=True).input_value()

        context = await browser.new_context()
        other = await context.new_page()
        await other.goto(link)
        await expect(other.locator("h1")).to_have_text("Calls of a customer")
        await expect(other.locator(".last")).to_contain_text(f"{calls} calls in this view")

        await dialog.get_by_role("link", name="All its links").click()
        await expect(page.locator("h1")).to_contain_text("Calls of a customer")
        await expect(page.locator(".a-looks tbody tr")).to_have_count(1)
        await page.get_by_role("button", name="Take back").click()
        await page.get_by_role("button", name="Take it back").click()
        await expect(page.locator(".a-links")).to_contain_text("It has no link")
        await other.get_by_role("button", name="Refresh").click()
        await expect(other.get_by_role("alert")).to_contain_text("opens nothing any more")
        await context.close()
        await page.get_by_role("button", name="Delete the workspace").click()
        await page.get_by_role("button", name="Delete “Calls of a customer”").click()
        await expect(page.get_by_text("Nothing is shown to anybody yet.")).to_be_visible()


async def test_one_workspace_has_a_link_for_each_customer(url: str, browser: Browser) -> None:
    """Of a template each link shows the calls of its own user, and no other's."""
    async with quiet(browser) as page:
        await shown(page, url, "page=consumers&user=eve")
        await page.get_by_role("button", name="Share").click()
        dialog = page.get_by_role("dialog", name="Share this view")
        await dialog.get_by_label("What it shows").select_option(label="Calls by API: over time")
        await dialog.get_by_label("Each further link names its own user").check()
        await dialog.get_by_role("button", name="Create link").click()
        await dialog.get_by_role("link", name="All its links").click()
        await page.get_by_label("User whose calls it shows").fill("jürgen")
        await page.get_by_role("button", name="Create link").click()
        link = await page.locator(".fresh-link").get_by_label("Link", exact=True).input_value()
        await expect(page.locator(".a-links tbody tr")).to_have_count(2)
        await page.goto(link)
        await expect(page.locator(".chip.locked")).to_have_text("User is jürgen")
        calls = await calls_where(url, user="jürgen")
        await expect(page.locator(".last")).to_contain_text(f"{calls} calls in this view")


async def test_a_token_is_shown_once_works_and_is_revoked(url: str, browser: Browser) -> None:
    """It is listed without itself, opens what its scopes say, and nothing once it is taken away."""
    async with quiet(browser) as page:
        await managed(page, url, "page=access")
        await page.get_by_label("Name", exact=True).fill("nightly")
        await page.get_by_role("button", name="Create token").click()
        token = await page.get_by_label("Token", exact=True).input_value()
        row = page.locator(".a-tokens tbody tr", has_text="nightly")
        await expect(row).to_contain_text("read:data")

        async def status(path: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.get(f"{url}{path}") as answer,
            ):
                return answer.status

        assert (await status("/api/state"), await status("/api/events")) == (200, 403)
        await page.reload()
        await expect(row).to_be_visible()
        await expect(page.locator("body")).not_to_contain_text(token)
        await row.get_by_role("button", name="Revoke nightly").click()
        await row.get_by_role("button", name="Revoke it").click()
        await expect(row).to_have_count(0)
        assert await status("/api/state") == 401


async def test_a_user_is_deleted_after_the_name_was_typed_again(url: str, browser: Browser) -> None:
    """What goes is counted before, and the receipt says when it has gone and where it may still be."""
    calls = await calls_where(url, user="eve")
    async with quiet(browser) as page:
        await managed(page, url, "page=access")
        await page.get_by_label("Which one").fill("eve")
        await expect(page.locator(".preview")).to_contain_text(f"{calls} calls")
        button = page.get_by_role("button", name="Delete for good")
        await expect(button).to_be_disabled()
        await page.get_by_label("Type the name once more").fill("ev")
        await expect(button).to_be_disabled()
        await page.get_by_label("Type the name once more").fill("eve")
        await button.click()
        receipt = page.locator(".erasures > li").first
        await expect(receipt).to_contain_text(f"{calls} calls gone")
        await expect(receipt).to_contain_text("It may still be in:")
        assert await serious(page) == []
    assert await calls_where(url, user="eve") == 0


async def test_nobody_sees_what_they_may_not_do(tmp_path: Path, browser: Browser) -> None:
    """A token for figures is offered nothing that it may not; a key of API Analytics sees its own calls."""
    path = tmp_path / "bridge.toml"
    digest = hashlib.sha256(b"figures-and-events").hexdigest()
    path.write_text(
        f'[bridge]\nstate_dir = "{tmp_path}/state"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n'
        f'[bridge.analytics.tokens.all]\nsha256 = "{hashlib.sha256(b"all").hexdigest()}"\nscopes = ["admin"]\n'
        f'[bridge.analytics.tokens.figures]\nsha256 = "{digest}"\nscopes = ["read:data", "read:events"]\n'
    )
    calls = made_calls(40)
    for call in calls[:7]:
        call["origin"] = {"api_analytics": {"key": hashed_key(_KEY)}}
    async with serving(load_bridge(path, os.environ)) as url:
        headers = {"Authorization": "Bearer all"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{url}/ingest", json=calls) as answer,
        ):
            assert answer.status == 200, await answer.text()
        for token, pages, number in (
            ("figures-and-events", ["Reports"], "40"),
            (_KEY, ["Monitors", "Your data"], "7"),
        ):
            context = await browser.new_context()
            page = await context.new_page()
            failed: list[str] = []
            await page.goto(url)
            await page.get_by_label("Token or key").fill(token)
            page.on("response", _noting(failed))
            await page.keyboard.press("Enter")
            await expect(page.locator(".kpi .v").first).to_have_text(number)
            managing = page.get_by_role("region", name="Manage").get_by_role("link")
            assert await managing.all_inner_texts() == pages
            for name in ("Events", "Explore", "Consumers"):
                await page.get_by_role("navigation").get_by_role("link", name=name).first.click()
                await expect(page.locator("h1")).to_have_text(name)
                await expect(page.get_by_role("button", name="Share")).to_have_count(0)
                await expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
            assert failed == []
            await context.close()


async def test_who_has_a_key_deletes_its_data(url: str, browser: Browser) -> None:
    """Pasted into the page, it opens its own dashboard, where all that came with it can be deleted."""
    calls = made_calls(9)
    for call in calls:
        call["origin"] = {"api_analytics": {"key": hashed_key(_KEY)}}
    await ingest(url, calls)
    before = await calls_where(url)
    async with quiet(browser) as page:
        await page.goto(url)
        await page.evaluate("key => sessionStorage.setItem('token', key)", _KEY)
        await page.goto(f"{url}/?page=mine")
        await expect(page.locator(".mine").first).to_contain_text(re.compile("9 calls from"))
        await page.get_by_label("Type “delete” to go on").fill("delete")
        await page.get_by_role("button", name="Delete for good").click()
        await expect(page.locator(".erasures > li").first).to_contain_text("9 calls gone")
        await expect(page.locator(".mine").first).to_contain_text("No call has come with this key.")
    assert await calls_where(url) == before - 9

"""A workspace in a frame of somebody else's page, which is on another origin."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from places import ROOT
from playwright.async_api import Browser, expect
from services.browsing import NEEDS, ingest, made_calls, quiet, serious
from services.sharing import VIEWS, asked, made, portal

from bridge.analytics.server.serving import serving
from bridge.settings import load_bridge

pytestmark = NEEDS

_FRAME = """<!doctype html><html lang="en"><title>Portal</title><h1>Your calls</h1>
<iframe title="Your API traffic" width="900" height="640"></iframe>
<script>
const said = [];
addEventListener("message", ({ data, origin }) => said.push([data.type, origin]));
function show(url) { document.querySelector("iframe").src = url; }
function give(token, target) {
  document.querySelector("iframe").contentWindow.postMessage({ type: "SET_TOKEN", token }, target);
}
</script>"""


@asynccontextmanager
async def framed(tmp_path: Path, ancestors: str) -> AsyncIterator[str]:
    """A served store whose pages may be shown in frames of these origins."""
    path = tmp_path / "bridge.toml"
    path.write_text(
        f'[bridge]\nstate_dir = "{tmp_path}/state"\n'
        f'[bridge.analytics]\nlisten = "127.0.0.1:0"\nframe_ancestors = [{ancestors}]\n'
    )
    async with serving(load_bridge(path, os.environ)) as url:
        await ingest(url, made_calls(200))
        yield url


async def test_an_embedded_view_is_shown_on_another_origin(tmp_path: Path, browser: Browser) -> None:
    """With its token behind #, which no server is sent; without a message on the console, in every form."""
    async with portal(_FRAME) as origin, framed(tmp_path, f'"{origin}"') as url, quiet(browser) as page:
        await page.goto(origin)
        frame = page.frame_locator("iframe")
        for view in VIEWS:
            workspace = await made(url, view, template=["user"], filters=[])
            token = await asked(
                url, "POST", f"/api/workspaces/{workspace['id']}/embedded", {"values": {"user": "eve"}}
            )
            assert token["url"].startswith(f"{url}/public/em/ws/{workspace['id']}?embed=true#")
            await page.evaluate("url => show(url)", token["url"])
            await expect(frame.locator("h1")).to_have_text("Your API traffic")
            await expect(frame.locator(".chip.locked")).to_have_text("User is eve")
            await expect(frame.locator("tbody tr, .axis text, .land").first).to_be_visible()
            await expect(frame.locator("[aria-busy]")).to_have_count(0)
            assert await serious(page.frames[-1]) == [], view


async def test_a_page_that_is_not_named_shows_nothing(tmp_path: Path, browser: Browser) -> None:
    """The browser refuses the frame: frame_ancestors names another page."""
    async with portal(_FRAME) as origin, framed(tmp_path, '"https://portal.example.com"') as url:
        link = (await made(url, "time"))["links"][0]["url"]
        context = await browser.new_context()
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await page.goto(origin)
        async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            await page.evaluate("url => show(url)", f"{link}?embed=true")
        await expect(page.frame_locator("iframe").locator("#app")).to_have_count(0)
        await context.close()


async def test_a_token_is_renewed_by_the_page_around_it(tmp_path: Path, browser: Browser) -> None:
    """It is asked for before the old one ends, taken from the page around alone, and the view goes on."""
    async with portal(_FRAME) as origin, framed(tmp_path, f'"{origin}"') as url:
        workspace = await made(url, "time", template=["user"], filters=[])

        async def token(user: str, expires: str) -> str:
            body = {"values": {"user": user}, "expires": expires}
            answer = await asked(url, "POST", f"/api/workspaces/{workspace['id']}/embedded", body)
            return str(answer["token"])

        async with quiet(browser) as page:
            await page.goto(origin)
            address = f"{url}/public/em/ws/{workspace['id']}?embed=true"
            await page.evaluate("url => show(url)", f"{address}#{await token('eve', '4s')}")
            frame = page.frame_locator("iframe")
            await expect(frame.locator(".chip.locked")).to_have_text("User is eve")
            await page.wait_for_function("said.some(([type]) => type === 'REFRESH_TOKEN')")
            assert await page.evaluate("said.map(([type]) => type)") == ["WORKSPACE_READY", "REFRESH_TOKEN"]
            await page.evaluate("([token, to]) => give(token, to)", [await token("jürgen", "1h"), url])
            await expect(frame.locator(".chip.locked")).to_have_text("User is jürgen")
            # Without a token at first the view waits for the one that is posted.
            await page.evaluate("url => show(url)", f"{address}&x=1")
            await expect(frame.get_by_role("status")).to_contain_text("waits for its token")
            await page.evaluate("([token, to]) => give(token, to)", [await token("eve", "1h"), url])
            await expect(frame.locator(".chip.locked")).to_have_text("User is eve")


@asynccontextmanager
async def documented(language: str, folder: Path, port: int, **environment: str) -> AsyncIterator[str]:
    """Run a program as docs/embedding.md has it; yields where it listens."""
    text = (ROOT / "docs/embedding.md").read_text()
    (block,) = re.findall(rf"```{language}\n(.+?)```", text, re.DOTALL)
    runner, name = {"python": (sys.executable, "page.py"), "js": (str(shutil.which("node")), "page.mjs")}[
        language
    ]
    (folder / name).write_text(block)
    process = await asyncio.create_subprocess_exec(
        runner,
        str(folder / name),
        env={**os.environ, **environment, "PORT": str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    origin = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(origin) as answer:
                        assert answer.status == 200, await answer.text()
                        break
                except aiohttp.ClientConnectionError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
        yield origin
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("language", ["python", "js"])
async def test_the_servers_of_the_documentation_show_a_customer_their_calls(
    tmp_path: Path, browser: Browser, language: str
) -> None:
    """Each asks for a token for its customer and shows the log of that one's calls, in a frame on another origin."""
    if language == "js" and shutil.which("node") is None:
        pytest.skip("no node here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    async with framed(tmp_path, f'"http://127.0.0.1:{port}"') as url:
        call = made_calls(1)[0] | {"userName": "my_user_id"}
        await ingest(url, [call])
        workspace = await made(url, "events", template=["user"], filters=[])
        token = await asked(url, "POST", "/api/tokens", {"name": "portal", "scopes": ["create:workspaces"]})
        environment = {"ANALYTICS": url, "ANALYTICS_TOKEN": token["token"], "WORKSPACE": workspace["id"]}
        async with documented(language, tmp_path, port, **environment) as origin, quiet(browser) as page:
            await page.route("**/favicon.ico", lambda route: route.fulfill(body=""))
            await page.goto(origin)
            frame = page.frame_locator("iframe")
            await expect(frame.locator(".chip.locked")).to_have_text("User is my_user_id")
            await expect(frame.locator("table.events tbody tr")).to_have_count(1)

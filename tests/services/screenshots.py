"""Writes docs/images/dashboard-*.png anew: some pages, over a week of a made-up gateway's calls.

Run it with `make screenshots`.
"""

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path

import aiohttp
from places import ROOT
from playwright.async_api import async_playwright, expect

from bridge.analytics.server.serving import serving
from bridge.demo.gateway import wall_clock_ms
from bridge.demo.living import past
from bridge.events.times import format_ms
from bridge.settings import load_bridge

IMAGES = ROOT / "docs/images"
WIDTH, HEIGHT = 1440, 900
_AT_A_TIME = 5_000
# Of each picture: its name, the theme, the page, and what has to be there before it is taken.
PICTURES = (
    ("light", "light", "", ".a-apis a.row"),
    ("dark", "dark", "", ".a-apis a.row"),
    ("errors", "light", "page=errors", ".codes a.row"),
    ("event", "dark", "page=events&status=404", ".drawer .fields"),
)


async def main() -> None:
    """Serve a store and take the pictures."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "bridge.toml"
        path.write_text(f'[bridge]\nstate_dir = "{name}"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n')
        async with serving(load_bridge(path, os.environ)) as url:
            await _fill(url)
            for picture in PICTURES:
                await _take(url, *picture)


async def _fill(url: str) -> None:
    calls = [
        json.loads(line.partition(b"properties :")[2]) | {"bridge": {"instance": "gateway-1"}}
        for line in past(wall_clock_ms())
    ]
    async with aiohttp.ClientSession() as session:
        for start in range(0, len(calls), _AT_A_TIME):
            async with session.post(f"{url}/ingest", json=calls[start : start + _AT_A_TIME]) as answer:
                answer.raise_for_status()
        account = {
            "sender": "gateway-1",
            "instance": "gateway-1",
            "taken": len(calls),
            "newest": calls[-1]["requestTimestamp"],
            "sinks": {
                name: {"pending": 0, "dead": 0, "left_out": 0, "settled_before": format_ms(wall_clock_ms())}
                for name in ("moesif", "archive")
            },
        }
        async with session.post(f"{url}/account", json=account) as answer:
            answer.raise_for_status()


async def _take(url: str, name: str, theme: str, query: str, awaited: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await browser.new_page(
            color_scheme="dark" if theme == "dark" else "light", viewport={"width": WIDTH, "height": HEIGHT}
        )
        await page.goto(f"{url}/?{query}")
        if awaited.startswith(".drawer"):
            await page.locator("table.events tbody tr").nth(2).click()
        await expect(page.locator(awaited).first).to_be_visible()
        await expect(page.locator(".sk")).to_have_count(0)
        await expect(page.locator(".axis text").first).to_be_visible()
        await page.screenshot(path=IMAGES / f"dashboard-{name}.png")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())

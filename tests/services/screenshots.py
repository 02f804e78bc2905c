"""Writes docs/images/dashboard-*.png anew: the overview, over a week of a made-up gateway's calls.

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
from bridge.settings import load_bridge

IMAGES = ROOT / "docs/images"
WIDTH, HEIGHT = 1440, 900
_AT_A_TIME = 5_000


async def main() -> None:
    """Serve a store and take the pictures."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "bridge.toml"
        path.write_text(f'[bridge]\nstate_dir = "{name}"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n')
        async with serving(load_bridge(path, os.environ)) as url:
            await _fill(url)
            for theme in ("light", "dark"):
                await _take(url, theme)


async def _fill(url: str) -> None:
    calls = [json.loads(line.partition(b"properties :")[2]) for line in past(wall_clock_ms())]
    async with aiohttp.ClientSession() as session:
        for start in range(0, len(calls), _AT_A_TIME):
            async with session.post(f"{url}/ingest", json=calls[start : start + _AT_A_TIME]) as answer:
                answer.raise_for_status()
        account = {
            "sender": "gateway-1",
            "instance": "gateway-1",
            "taken": len(calls),
            "newest": calls[-1]["requestTimestamp"],
        }
        async with session.post(f"{url}/account", json=account) as answer:
            answer.raise_for_status()


async def _take(url: str, theme: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await browser.new_page(
            color_scheme="dark" if theme == "dark" else "light", viewport={"width": WIDTH, "height": HEIGHT}
        )
        await page.goto(url)
        await page.wait_for_load_state("networkidle")
        await expect(page.get_by_text("PizzaShackAPI").first).to_be_visible()
        await page.screenshot(path=IMAGES / f"dashboard-{theme}.png")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())

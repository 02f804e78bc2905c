"""What needs a browser, minutes or an environment of its own: `make test-services` runs it, not `make test`."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.analytics.server.serving import serving
from bridge.settings import load_bridge

if TYPE_CHECKING:
    from playwright.async_api import Browser

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are asked for."""
    asked = any(HERE.name in Path(one).parts for one in config.args)
    return None if asked or collection_path == HERE else True


@pytest.fixture
async def empty_url(tmp_path: Path) -> AsyncIterator[str]:
    """An empty store that is served."""
    path = tmp_path / "bridge.toml"
    path.write_text(f'[bridge]\nstate_dir = "{tmp_path}/state"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n')
    async with serving(load_bridge(path, os.environ)) as served:
        yield served


@pytest.fixture
async def url(empty_url: str) -> str:
    """A served store with a day of calls in it."""
    from services.browsing import ingest, made_calls  # noqa: PLC0415 - it imports what only these tests have

    await ingest(empty_url, made_calls())
    return empty_url


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    """Chromium."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only these tests have it
    from services.dashboard_questions import CHROMIUM  # noqa: PLC0415 - see above

    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        await running.close()

"""The dashboard's files as the analytics process serves them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.analytics.server import page
from bridge.settings import AnalyticsSettings


def served(**settings: Any) -> Any:
    """Return what the page looks at."""
    return SimpleNamespace(settings=AnalyticsSettings.model_validate(settings))


@asynccontextmanager
async def showing(folder: Path, **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the files of a folder."""
    app = web.Application()
    for one in page.endpoints(served(**settings), folder):
        app.router.add_get(one.path, one.answer)
    async with TestClient(TestServer(app)) as client:
        yield cast("aiohttp.ClientSession", client)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("export {};" * 100)
    async with showing(tmp_path) as client:
        yield client


async def test_the_page_allows_no_script_and_no_style_but_its_own_files(
    client: aiohttp.ClientSession,
) -> None:
    """Nothing inline and nothing from elsewhere: what a caller wrote into an event cannot run."""
    answer = await client.get("/")
    assert "<title>page" in await answer.text()
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= {*policy}
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_built_files_are_kept_for_ever_and_packed(client: aiohttp.ClientSession) -> None:
    """Vite names them by their content, so that a browser need not ask again."""
    answer = await client.get("/assets/index-1a2b.js")
    assert await answer.text() == "export {};" * 100
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.content_type in {"text/javascript", "application/javascript"}


async def test_only_files_of_the_dashboard_are_served(client: aiohttp.ClientSession) -> None:
    """Paths are looked up in a table; no path leads out of the folder."""
    for path in ("/nothing", "/assets/../../page.py", "/%2e%2e/page.py"):
        assert (await client.get(path)).status == 404, path


async def test_the_page_of_a_workspace_is_kept_by_nobody_and_finds_its_files(tmp_path: Path) -> None:
    """Its address opens it, so that it is neither stored nor told on; its files lie above it, however deep it is."""
    (tmp_path / "public.html").write_text(
        '<!doctype html><meta name="frame-ancestors" content=""><script type="module" src="./assets/a.js"></script>'
    )
    async with showing(tmp_path, frame_ancestors=["https://portal.example.com"]) as client:
        for path, root in (("/public/abc.def", "../"), ("/public/em/ws/42", "../../../")):
            answer = await client.get(path)
            text = await answer.text()
            assert f'src="{root}assets/a.js"' in text
            assert '<meta name="frame-ancestors" content="https://portal.example.com">' in text
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Robots-Tag"] == "noindex"
            policy = answer.headers["Content-Security-Policy"]
            assert policy.endswith("frame-ancestors https://portal.example.com")
            assert "unsafe" not in policy


async def test_the_status_page_finds_its_files(tmp_path: Path) -> None:
    """It is at /status, and below it for pages of their own; its files lie above."""
    (tmp_path / "status.html").write_text(
        '<!doctype html><script type="module" src="./assets/a.js"></script>'
    )
    async with showing(tmp_path) as client:
        for path, root in (("/status", "./"), ("/status/shop", "../")):
            answer = await client.get(path)
            assert f'src="{root}assets/a.js"' in await answer.text()
            assert answer.headers["Cache-Control"] == "no-cache"
            assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_a_page_that_was_not_built_says_so(tmp_path: Path) -> None:
    """A checkout without the page answers with the command that builds it."""
    async with showing(tmp_path) as client:
        for path in ("/", "/public/abc", "/status", "/status/shop"):
            answer = await client.get(path)
            assert answer.status == 404
            assert "make page" in await answer.text()


@pytest.mark.parametrize(
    ("ancestors", "written", "old"),
    [
        ([], "'none'", "DENY"),
        (["self"], "'self'", "SAMEORIGIN"),
        (["self", "https://*.example.com:8443"], "'self' https://*.example.com:8443", None),
    ],
)
async def test_pages_that_may_show_it_in_a_frame(
    tmp_path: Path, ancestors: Sequence[str], written: str, old: str | None
) -> None:
    """Nobody's, unless the settings name them; the older header never says anything else."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    async with showing(tmp_path, frame_ancestors=ancestors) as client:
        headers = (await client.get("/")).headers
    assert headers["Content-Security-Policy"].endswith(f"; frame-ancestors {written}")
    assert headers.get("X-Frame-Options") == old


@pytest.mark.parametrize(
    "origin", ["https://a.example/path", "a.example", "https://a.example; script-src *", "'none'", "*", ""]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """What could say something else in the header is an error of the configuration."""
    with pytest.raises(ValueError, match="not an origin"):
        AnalyticsSettings.model_validate({"frame_ancestors": [origin]})

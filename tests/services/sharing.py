"""What tests of shared views use: workspaces that are made, and a page of somebody else's that shows one in a frame."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

WHOSE = "MobileApp"
VIEWS: dict[str, dict[str, Any]] = {
    "events": {},
    "time": {"measures": ["calls"], "by": ["api"]},
    "segment": {"measures": ["calls"], "by": ["resource"]},
    "map": {"measures": ["calls"], "by": ["country"]},
    "table": {"measures": ["calls", "error_rate", "latency_p95"], "by": ["api", "method"]},
    "heatmap": {"measures": ["calls"], "by": ["weekday", "hour"]},
}


async def asked(url: str, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
    """Return what the server answers; a status is expected below 300 unless said."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, f"{url}{path}", json=body, headers={"Content-Type": "application/json"}
        ) as answer,
    ):
        text = await answer.text()
        assert answer.status == status if status else answer.status < 300, text
        return await answer.json()


async def made(url: str, view: str, **more: Any) -> dict[str, Any]:
    """Make a public workspace of one application's calls; returns it with its link."""
    body = {
        "name": "Your API traffic",
        "view": view,
        "filters": [{"field": "application", "is": [WHOSE]}],
        "period": {"from": "-7d", "to": "now"},
        "bounds": {},
        "public": True,
    }
    question = {"question": VIEWS[view]} if VIEWS[view] else {}
    workspace: dict[str, Any] = await asked(url, "POST", "/api/workspaces", body | question | more)
    return workspace


@asynccontextmanager
async def portal(html: str) -> AsyncIterator[str]:
    """A page of somebody else's, on an origin of its own; `{origin}` in it is that. Yields its origin."""
    app = web.Application()
    origin = ""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=html.replace("{origin}", origin), content_type="text/html")

    async def icon(_request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/", page)
    app.router.add_get("/favicon.ico", icon)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield origin
    finally:
        await runner.cleanup()

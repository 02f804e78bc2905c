"""What the bridge's own pages answer, and what a page is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Pages = Mapping[str, Page]
"""By path; each is served for GET."""


def json_response(value: Any, status: int = 200, **headers: str) -> web.Response:
    """Return a JSON answer; underscores in header names stand for hyphens."""
    return response(msgspec.json.encode(value), status, Content_Type="application/json", **headers)


def response(body: bytes, status: int = 200, **headers: str) -> web.Response:
    """Return an answer that says who serves, without the versions that aiohttp would tell."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=body, status=status, headers={"Server": "apim-bridge"} | named)

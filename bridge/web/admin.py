"""The admin pages: /metrics, /healthz, /readyz and /status."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from bridge.telemetry.exposition import CONTENT_TYPE
from bridge.web.answers import Page, Pages, json_response, response

STUCK_SECONDS: Final = 60.0
"""A journal's writer that is at one transaction for longer will not come back by itself."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether events can be taken, and what is the matter with the sinks."""

    obstacle: str | None
    """Why no events are taken; None: they are."""
    sinks: dict[str, str]
    """Trouble by sink; empty text: none."""


@dataclass(frozen=True, slots=True)
class AdminPages:
    """What the pages show; the application knows how to find it out."""

    metrics: Callable[[], Awaitable[bytes]]
    status: Callable[[], Awaitable[dict[str, Any]]]
    readiness: Callable[[], Readiness]
    stuck_seconds: Callable[[], float]
    token: str | None = None
    """What callers have to bring, except probes; None: nothing."""

    def pages(self) -> Pages:
        """Return the pages by path."""
        return {
            "/metrics": self._closed(self._metrics),
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/status": self._closed(self._status),
        }

    def _closed(self, page: Page) -> Page:
        """Return the page, shown only to callers with the token."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            if self._knows(request):
                return await page(request)
            content = {"error": "the token is missing or wrong", "cure": "send Authorization: Bearer TOKEN"}
            return json_response(content, 401, WWW_Authenticate='Bearer realm="apim-bridge"')

        return page if self.token is None else answer

    def _knows(self, request: web.BaseRequest) -> bool:
        if self.token is None:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Compared in constant time: how long it takes tells nothing.
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self.token.encode())
        return same and scheme.lower() == "bearer"

    async def _metrics(self, _request: web.BaseRequest) -> web.Response:
        return response(await self.metrics(), Content_Type=CONTENT_TYPE)

    async def _healthz(self, _request: web.BaseRequest) -> web.Response:
        # An event loop that is stuck answers nothing, which a probe takes as failure, too.
        stuck = self.stuck_seconds()
        if stuck > STUCK_SECONDS:
            return json_response({"status": "stuck", "journal_writer_seconds": round(stuck)}, 503)
        return json_response({"status": "ok"})

    async def _readyz(self, request: web.BaseRequest) -> web.Response:
        # A sidecar's readiness decides about the whole pod: a sink's trouble is told, but does not count
        # unless asked for.
        readiness = self.readiness()
        counts = request.query.get("sinks") == "1" and any(readiness.sinks.values())
        ready = readiness.obstacle is None
        body: dict[str, Any] = {"status": "ready" if ready else "not ready"}
        if self._knows(request):
            body["obstacle"] = readiness.obstacle
            body["sinks"] = {name: trouble or "ok" for name, trouble in readiness.sinks.items()}
        return json_response(body, 200 if ready and not counts else 503)

    async def _status(self, _request: web.BaseRequest) -> web.Response:
        return json_response(await self.status())

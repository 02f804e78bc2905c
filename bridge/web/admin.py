"""The admin pages: /metrics, /healthz, /readyz and /status."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from bridge.telemetry.exposition import CONTENT_TYPE

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

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the pages as routes."""
        return [
            web.get("/metrics", self._metrics),
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/status", self._status),
        ]

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self.metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def _healthz(self, _request: web.Request) -> web.Response:
        # An event loop that is stuck answers nothing, which a probe takes as failure, too.
        stuck = self.stuck_seconds()
        if stuck > STUCK_SECONDS:
            return json_response({"status": "stuck", "journal_writer_seconds": round(stuck)}, 503)
        return json_response({"status": "ok"})

    async def _readyz(self, request: web.Request) -> web.Response:
        # A sidecar's readiness decides about the whole pod: a sink's trouble is told, but does not count
        # unless asked for.
        readiness = self.readiness()
        counts = request.query.get("sinks") == "1" and any(readiness.sinks.values())
        ready = readiness.obstacle is None
        body = {
            "status": "ready" if ready else "not ready",
            "obstacle": readiness.obstacle,
            "sinks": {name: trouble or "ok" for name, trouble in readiness.sinks.items()},
        }
        return json_response(body, 200 if ready and not counts else 503)

    async def _status(self, _request: web.Request) -> web.Response:
        return json_response(await self.status())


def json_response(value: Any, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")

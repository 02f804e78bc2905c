"""The admin pages: / for people, /metrics, /healthz, /readyz and /status."""

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from isal import igzip
from prometheus_client.exposition import gzip_accepted

from bridge.transports.http.callers import Callers, Stranger
from bridge.web.answers import Page, Pages, json_response, response
from bridge.web.page import POLICY, page
from bridge.web.page_turns import PageTurns

_LEVEL: Final = 1

STUCK_SECONDS: Final = 60.0
"""A journal's writer that takes longer for one transaction will not recover by itself."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether events can be taken, and what is wrong with the sinks."""

    obstacle: str | None
    """Why no events are taken, None if they are."""
    sinks: dict[str, str]
    """Trouble by sink; empty text: none."""


async def _no_events() -> list[dict[str, Any]]:
    return []


@dataclass(frozen=True, slots=True)
class AdminPages:
    """What the pages show; the application provides it."""

    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    """Takes an Accept header; returns the text and its content type."""
    status: Callable[[], Awaitable[dict[str, Any]]]
    readiness: Callable[[], Readiness]
    stuck_seconds: Callable[[], float]
    token: str | None = None
    """The token that callers need, except probes; None: no token."""
    callers: Callers | None = None
    """Recognises foreign web pages if there is no token; None if nothing does."""
    turns: PageTurns = field(default_factory=PageTurns)
    last_events: Callable[[], Awaitable[list[dict[str, Any]]]] = _no_events
    """For the page: a few fields of each, as the journal has them."""

    def pages(self) -> Pages:
        """Return the pages by path."""
        return {
            "/": self._closed(self._overview),
            "/metrics": self._closed(self._metrics),
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/status": self._closed(self._status),
        }

    def _closed(self, page: Page) -> Page:
        """Return the page for callers who may see it; few of them get it at a time."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            refusal = self._refusal(request)
            return await self.turns.serve(page, request) if refusal is None else refusal

        return answer

    def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        """Return the refusal for a caller who may see only what probes see; None: it may see everything."""
        if self.token is not None:
            if self._knows_token(request):
                return None
            content = {"error": "the token is missing or wrong", "cure": "send Authorization: Bearer TOKEN"}
            # A browser asks for Basic credentials, and knows no other way to bring a token.
            scheme = "Basic" if request.path == "/" else "Bearer"
            return json_response(content, 401, WWW_Authenticate=f'{scheme} realm="apim-bridge"')
        if self.callers is not None:
            try:
                self.callers.admit(request.method, request.headers)
            except Stranger as stranger:
                return json_response({"error": stranger.error, "cure": stranger.cure}, stranger.status)
        return None

    def _knows_token(self, request: web.BaseRequest) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            scheme, given = "Bearer", _password(given)
        # Compared in constant time, so that the time gives nothing away.
        token = (self.token or "").encode()
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token)
        return same and scheme.lower() == "bearer"

    async def _overview(self, _request: web.BaseRequest) -> web.Response:
        status, events = await self.status(), await self.last_events()
        troubles = [readable for readable in _troubles(status) if readable]
        return response(
            page(status, troubles, events).encode("utf-8", "replace"),
            Content_Type="text/html; charset=utf-8",
            Content_Security_Policy=POLICY,
            X_Content_Type_Options="nosniff",
            Referrer_Policy="no-referrer",
            Cache_Control="no-store",
        )

    async def _metrics(self, request: web.BaseRequest) -> web.Response:
        text, content_type = await self.metrics(request.headers.get("Accept", ""))
        answer = response(text, Content_Type=content_type, Vary="Accept, Accept-Encoding")
        if gzip_accepted(request.headers.get("Accept-Encoding", "")):
            answer.body = await asyncio.to_thread(igzip.compress, text, _LEVEL)
            answer.headers["Content-Encoding"] = "gzip"
        return answer

    async def _healthz(self, _request: web.BaseRequest) -> web.Response:
        # An event loop that is stuck answers nothing, which a probe takes as failure, too.
        stuck = self.stuck_seconds()
        if stuck > STUCK_SECONDS:
            return json_response({"status": "stuck", "journal_writer_seconds": round(stuck)}, 503)
        return json_response({"status": "ok"})

    async def _readyz(self, request: web.BaseRequest) -> web.Response:
        # A sidecar's readiness decides about the whole pod: a sink's trouble is shown, but counts only if the
        # caller asks for that.
        readiness = self.readiness()
        counts = request.query.get("sinks") == "1" and any(readiness.sinks.values())
        ready = readiness.obstacle is None
        body: dict[str, Any] = {"status": "ready" if ready else "not ready"}
        if self._refusal(request) is None:
            body["obstacle"] = readiness.obstacle
            body["sinks"] = {name: trouble or "ok" for name, trouble in readiness.sinks.items()}
        return json_response(body, 200 if ready and not counts else 503)

    async def _status(self, _request: web.BaseRequest) -> web.Response:
        return json_response(await self.status())


def _troubles(status: dict[str, Any]) -> Iterator[str]:
    """Yield what someone should look at now."""
    yield status["obstacle"] or ""
    yield status["journal"]["trouble"]
    for name, sink in status["sinks"].items():
        yield f"{name} is {sink['state']}: {sink['trouble']}" if sink["trouble"] else ""
        yield from (
            f"{name}: events of {parked['tenant']} are parked: {parked['why']}" for parked in sink["parked"]
        )
    yield status["configuration"]["reload_fault"]


def _password(given: str) -> str:
    """Return the password of Basic credentials, whoever the user is; empty if it cannot be read."""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""

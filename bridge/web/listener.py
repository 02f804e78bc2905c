"""A small HTTP listener for the bridge's own pages: on an address, or on a socket file."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from ssl import SSLContext
from typing import Final

import msgspec
from aiohttp import web

from bridge.errors import SettingsError
from bridge.settings import Address
from bridge.transports.http.connections import Connection, Connections
from bridge.web.answers import Page, Pages, json_response
from bridge.web.socket_file import short_path

# Enough for probes, Prometheus and people; more connections must not take the descriptors that the journal needs.
MOST_CONNECTIONS: Final = 100
# Longer than Prometheus waits between two scrapes.
_IDLE_SECONDS: Final = 150.0
_LINGER_SECONDS: Final = 2.0
_HANDSHAKE_SECONDS: Final = 10
_BODY_BYTES: Final = 256 * 2**20


@asynccontextmanager
async def listening(
    pages: Pages,
    address: Address,
    *,
    tls: SSLContext | None = None,
    inherited: socket.socket | None = None,
    most_connections: int = MOST_CONNECTIONS,
) -> AsyncIterator[str]:
    """Serve the pages while the block runs; yields the URL.

    `inherited`: a socket that listens already, in place of the address. Raises SettingsError when the address
    cannot be had.
    """
    listener = _Listener(pages, most_connections)
    loop = asyncio.get_running_loop()
    handshake = _HANDSHAKE_SECONDS if tls is not None else None
    try:
        if inherited is not None:
            server = await loop.create_server(
                listener, sock=inherited, ssl=tls, ssl_handshake_timeout=handshake
            )
        else:
            server = await loop.create_server(
                listener, address.host, address.port, ssl=tls, ssl_handshake_timeout=handshake
            )
    except OSError as error:
        # The event loop wraps the system's word in its own; the resolver has only its own.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise SettingsError(
            f"[bridge.admin] listen = {address}: {why}; choose a free address of this machine"
        ) from None
    try:
        host, port = server.sockets[0].getsockname()[:2]
        shown = Address(host if inherited is not None else address.host, port)
        yield f"{'http' if tls is None else 'https'}://{shown}"
    finally:
        server.close()
        listener.pre_shutdown()
        await listener.shutdown(1)


class _Listener(Connections):
    """Hands requests to the pages, over so many connections at a time that they cannot hurt the rest."""

    def __init__(self, pages: Pages, most_connections: int) -> None:
        super().__init__(_finding(pages), most=most_connections, idle_seconds=_IDLE_SECONDS)

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, lingering_time=_LINGER_SECONDS)

    def busy(self) -> bytes:
        """Return the answer to a connection that is turned away."""
        return _short_answer(HTTPStatus.SERVICE_UNAVAILABLE)

    def late(self) -> bytes:
        """Return the answer to a head that is not complete in time."""
        return _short_answer(HTTPStatus.REQUEST_TIMEOUT)


class _Connection(Connection):
    """One connection; its error answers reveal nothing internal."""

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats the caller's bytes and the parser's words
    ) -> web.StreamResponse:
        """Answer what could not be read or broke; the connection ends."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log_exception("an admin page failed", exc_info=exc)
        answer = json_response({"error": HTTPStatus(status).phrase}, status)
        answer.force_close()
        return answer


def _short_answer(status: HTTPStatus) -> bytes:
    """Return an answer for callers who get no page."""
    body = msgspec.json.encode({"error": status.phrase})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _finding(pages: Pages) -> Page:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        page = pages.get(request.path)
        if page is None:
            return json_response({"error": f"only {', '.join(pages)} are served here"}, 404)
        if request.method not in {"GET", "HEAD"}:
            return json_response({"error": "only GET is served here"}, 405, Allow="GET, HEAD")
        return await page(request)

    return answer


@asynccontextmanager
async def listening_on_file(routes: Sequence[web.RouteDef], path: Path) -> AsyncIterator[None]:
    """Serve the routes on a socket file that only its owner may open (0600), while the block runs."""
    runner = await _runner(routes)
    try:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - a socket file in the local state folder
        # The file must never be open to others, not even between bind and chmod.
        mask = os.umask(0o177)
        try:
            with short_path(path) as name:
                await web.UnixSite(runner, name).start()
        finally:
            os.umask(mask)
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - as above


async def _runner(routes: Sequence[web.RouteDef]) -> web.AppRunner:
    # Only the control socket reads bodies: pages of events, each of which may be large.
    app = web.Application(client_max_size=_BODY_BYTES)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    return runner

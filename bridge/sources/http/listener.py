"""The HTTP source's listener: its connections, and its answers to what is not a request."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from bridge.sources.http.answers import Answers
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.heads import Heads
from bridge.transports.http.connections import Answering, Connection, Connections

# After an early answer the rest of the body is read for this long, or the sender would not see the answer.
_LINGER_SECONDS: Final = 2
# What one connection may hold unread; all bodies together have their own limit.
_READ_BYTES: Final = 64 * 2**10

# aiohttp says what went wrong with a request in its own words; we say it in ours.
_SILENT: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - none that others could find


class Listener(Connections):
    """Hands requests to `answering`; what is not HTTP gets an answer in our own words."""

    def __init__(
        self,
        answering: Answering,
        answers: Answers,
        *,
        max_connections: int,
        idle_seconds: float,
        happenings: HttpHappenings,
        make_room: Callable[[], None],
    ) -> None:
        """`make_room`: called when all connections are taken and none is silent."""
        super().__init__(answering, most=max_connections, idle_seconds=idle_seconds)
        self._answers = answers
        self._happenings = happenings
        self._make_room = make_room

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, self._answers, self._happenings)

    def busy(self) -> bytes:
        """Return the answer to a connection that is turned away."""
        self._happenings.too_many_connections(self.most)
        self._make_room()
        content = {"error": "too many connections", "cure": "reuse them, or come again a little later"}
        return self._answers.make(503, content, {"Retry-After": "1"}, close=True).wire()

    def late(self) -> bytes:
        """Return the answer to a head that is not complete in time."""
        self._happenings.answered("other", 408)
        content = {"error": "the head of the request did not come in time", "cure": "send it again"}
        return self._answers.make(408, content, close=True).wire()


class _Connection(Connection):
    """One connection."""

    def __init__(self, listener: Listener, answers: Answers, happenings: HttpHappenings) -> None:
        super().__init__(
            listener,
            Heads().mend,
            access_log=_SILENT,
            logger=_SILENT,
            lingering_time=_LINGER_SECONDS,
            read_bufsize=_READ_BYTES,
        )
        self._answers = answers
        self._happenings = happenings

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats the sender's bytes and the parser's words
    ) -> web.StreamResponse:
        """Answer what could not be read as a request; the connection ends."""
        self._happenings.answered("other", status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._happenings.failed(exc)
            return self._answers.make(
                status, {"error": "the bridge failed", "cure": "send it again a little later"}, close=True
            )
        return self._answers.make(
            status, {"error": "this is not an HTTP/1.1 request", "cure": "send one"}, close=True
        )

"""What the HTTP source says back: answers as ready bytes, and the listener that says nothing else.

Nothing in an answer tells the bridge's version, its files or what broke inside it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter

from bridge.contracts import Clock
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.heads import Heads

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# A sender that stops in the middle of an answered body is read for so long, or it would not see the answer.
_LINGER_SECONDS: Final = 5
# What one connection may hold unread; all bodies together have their own limit.
_READ_BYTES: Final = 64 * 2**10

# aiohttp says what went wrong with a request in its own words; we say it in ours.
_SILENT: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - none that others could find


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """A request is answered with an error; `cut` ends the connection at once."""

    def __init__(
        self,
        status: int,
        error: str,
        cure: str,
        headers: Mapping[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.content = {"error": error, "cure": cure}
        self.headers = headers or {}
        self.cut = cut


class Answer(web.StreamResponse):
    """One answer as the bytes that go over the wire, made once and sent any number of times.

    aiohttp's own Response builds its head anew for each request, which costs as much as reading the request.
    """

    def __init__(
        self, status: int, head: bytes, body: bytes, stamp: "Stamp", *, close: bool, cut: bool
    ) -> None:
        super().__init__(status=status)
        self._head = head
        self._content = body
        self._stamp = stamp
        self._stays = not close
        self._cut = cut

    @property
    def keep_alive(self) -> bool:
        """Whether the connection serves another request."""
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it; raises ConnectionResetError when the sender has gone."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the sender has gone")
        transport.write(self.wire(with_body=request.method != "HEAD"))
        if self._cut or request.protocol.writing_paused:
            # Who does not read answers of a few bytes would make us keep them all.
            request.protocol.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def wire(self, *, with_body: bool = True) -> bytes:
        """Return all of it, with the time of day."""
        return b"".join((self._head, self._stamp.line(), self._content if with_body else b""))


class Stamp:
    """The Date header, made once a second (RFC 9110, section 6.6.1, wants it in every answer)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """Return the header and the empty line that ends the head."""
        second = int(self._clock.time())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode()
        return self._line


class Answers:
    """Makes answers."""

    def __init__(self, clock: Clock) -> None:
        self._stamp = Stamp(clock)

    def make(
        self,
        status: int,
        content: Any,
        headers: Mapping[str, str] | None = None,
        *,
        close: bool = False,
        cut: bool = False,
    ) -> Answer:
        """Return an answer with this content as JSON."""
        body = msgspec.json.encode(content)
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
            *(["Connection: close"] if close or cut else []),
        ]
        head = "\r\n".join([*lines, ""]).encode()
        return Answer(status, head, body, self._stamp, close=close or cut, cut=cut)

    def refusing(self, refusal: Refusal, *, close: bool = False) -> Answer:
        """Return the answer that a refusal stands for."""
        return self.make(refusal.status, refusal.content, refusal.headers, close=close, cut=refusal.cut)


class Listener(web.Server):
    """Hands requests to `answering`, over at most `max_connections` connections."""

    def __init__(
        self,
        answering: Answering,
        answers: Answers,
        *,
        max_connections: int,
        idle_seconds: float,
        happenings: HttpHappenings,
    ) -> None:
        super().__init__(answering)
        self._answers = answers
        self._most = max_connections
        self._idle_seconds = idle_seconds
        self._happenings = happenings
        self._open = 0

    def renew(self, *, max_connections: int, idle_seconds: float) -> None:
        """Go by other limits; connections that are open keep their own idle time."""
        self._most = max_connections
        self._idle_seconds = idle_seconds

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, self._answers, self._happenings, idle_seconds=self._idle_seconds)

    def connection_made(self, handler: web.RequestHandler, transport: Any) -> None:
        """Turn away what is too much: idle senders must not take the files that the journal needs."""
        super().connection_made(handler, transport)
        self._open += 1
        if self._open > self._most:
            self._happenings.too_many_connections(self._most)
            busy = self._answers.make(
                503,
                {"error": "too many connections", "cure": "reuse them, or come again a little later"},
                {"Retry-After": "1"},
                close=True,
            )
            transport.write(busy.wire())
            handler.force_close()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Count it as gone."""
        super().connection_lost(handler, exc)
        self._open -= 1


class Connection(web.RequestHandler):
    """One connection; what is no HTTP is answered in our own words."""

    def __init__(
        self, listener: Listener, answers: Answers, happenings: HttpHappenings, *, idle_seconds: float
    ) -> None:
        super().__init__(
            listener,
            loop=listener._loop,  # noqa: SLF001 - as aiohttp's own factory does
            access_log=_SILENT,
            logger=_SILENT,
            auto_decompress=False,
            keepalive_timeout=idle_seconds,
            lingering_time=_LINGER_SECONDS,
            read_bufsize=_READ_BYTES,
        )
        self._answers = answers
        self._happenings = happenings
        self._heads = Heads()
        self._body: StreamReader | None = None

    def data_received(self, data: bytes) -> None:
        """Parse what has come; a head with two User-Agent headers is let through."""
        if data and (self._body is None or self._body.is_eof()):
            data = self._heads.mend(data)
        super().data_received(data)
        if self._messages:
            # The one that was parsed last: as long as its body is not whole, what comes is no head.
            self._body = self._messages[-1][1]

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
            status, {"error": "this is no HTTP/1.1 request", "cure": "send one"}, close=True
        )

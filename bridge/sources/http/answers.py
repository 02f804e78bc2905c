"""What the HTTP source says back: answers as ready bytes.

Nothing in an answer tells the bridge's version, its files or what broke inside it.
"""

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from bridge.contracts import Clock


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
            # A sender that does not even read these small answers would make us keep them all.
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

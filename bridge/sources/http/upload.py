"""A request's body on its way in: read with a time limit, unpacked, and never more of it than there is room for."""

import asyncio

from aiohttp import hdrs, web

from bridge.sources.http.answers import Refusal
from bridge.sources.http.body import Body
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.room import Room
from bridge.transports.http.inflating import (
    INFLATED_BYTES,
    MOST_MEMBERS,
    SLICE_MEMBERS,
    BrokenGzip,
    Inflater,
    TooManyMembers,
)


class Stalled(Exception):  # noqa: N818 - the sender's state, not a failure of the bridge
    """The body stopped coming while others needed its room."""


def refuse_gone(request: web.BaseRequest) -> None:
    """Raise ConnectionResetError if the sender has gone and nobody would read the answer."""
    if request.transport is None:
        raise ConnectionResetError("the sender has gone")


class Upload:
    """One body: an asynchronous context that is the whole of it, unpacked, and gives its room back at the end.

    Raises Refusal when it is entered, or ConnectionError when the sender has gone.
    """

    __slots__ = ("_happenings", "_most", "_request", "_room", "_seconds", "began", "beyond", "held")

    def __init__(
        self,
        request: web.BaseRequest,
        room: Room,
        happenings: HttpHappenings,
        *,
        max_bytes: int,
        seconds: float,
    ) -> None:
        self._request = request
        self._room = room
        self._happenings = happenings
        self._most = max_bytes
        self._seconds = seconds
        self.held = 0
        """Bytes for which it has taken room."""
        self.beyond = 0
        """Those of them outside the shared room."""

    async def __aenter__(self) -> Body:
        try:
            content = self._request.content
            headers = self._request.headers
            encoding = headers.get(hdrs.CONTENT_ENCODING)
            if hdrs.TRANSFER_ENCODING in headers:
                _refuse_other_than_chunked(headers[hdrs.TRANSFER_ENCODING])
            if encoding is None and content.is_eof():
                # The usual case: it came in one piece with its head.
                body = content.read_nowait()
                self._hold(len(body))
                return body
            return await self._read(encoding)
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self._release()

    def cut_off(self) -> None:
        """End it in the middle, and give the room back now."""
        self._request.content.set_exception(Stalled())
        self._release()

    def _release(self) -> None:
        self._room.coming.pop(self, None)
        self._room.give_back(self)
        self.held = self.beyond = 0

    async def _read(self, encoding: str | None) -> Body:
        request = self._request
        self.began = asyncio.get_running_loop().time()
        plain = encoding is None or encoding.lower() == "identity"
        if encoding is not None and not plain and encoding.lower() not in {"gzip", "x-gzip"}:
            raise Refusal(
                415,
                "this Content-Encoding is not known",
                "send the body plain or as gzip",
                {"Accept-Encoding": "gzip"},
            )
        if (request.content_length or 0) > self._most:
            raise self._too_large()
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            # curl waits a second for this word before it sends more than a mebibyte.
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(self._seconds):
                whole = await (self._read_plain() if plain else self._read_gzip())
            self._room.coming.pop(self, None)
        except Stalled:
            raise Refusal(
                408, "the body stopped coming while there was no room", "send it again", cut=True
            ) from None
        except TimeoutError:
            raise Refusal(
                408, f"the body did not come within {self._seconds:g} s", "send it again", cut=True
            ) from None
        except TooManyMembers:
            raise Refusal(
                413,
                f"the body is gzip in more than {MOST_MEMBERS} members",
                "compress it as a whole, or send fewer events in one request",
            ) from None
        except BrokenGzip as error:
            raise Refusal(
                400, f"the body is not gzip: {error}", "correct it or its Content-Encoding"
            ) from None
        except web.RequestPayloadError:
            raise Refusal(400, "the body is not framed as HTTP/1.1 wants", "correct it", cut=True) from None
        return whole

    async def _read_plain(self) -> Body:
        body = bytearray()
        while piece := await self._request.content.readany():
            self._room.heard(self)
            self._hold(len(piece))
            body += piece
        return body

    async def _read_gzip(self) -> Body:
        body = bytearray()
        inflater = Inflater()
        turn, members = INFLATED_BYTES, SLICE_MEMBERS
        while packed := await self._request.content.readany():
            self._room.heard(self)
            for piece in inflater.feed(packed):
                self._hold(len(piece))
                body += piece
                if len(body) > turn or inflater.members > members:
                    # Give the others their turn while something large is unpacked.
                    turn, members = len(body) + INFLATED_BYTES, inflater.members + SLICE_MEMBERS
                    await asyncio.sleep(0)
                    refuse_gone(self._request)
        inflater.end()
        return body

    def _hold(self, more: int) -> None:
        if self.held + more > self._most:
            raise self._too_large()
        if not self._room.take(self, more):
            self._room.cut_off_slow()
            if not self._room.take(self, more):
                self._happenings.too_much_at_once(self._room.limit_bytes)
                raise Refusal(
                    503,
                    "too much is on its way at once",
                    "send it again a little later",
                    {"Retry-After": "1"},
                )
        self.held += more

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body is larger than {self._most} bytes", "send fewer events in one request")


def _refuse_other_than_chunked(coding: str) -> None:
    """Raise Refusal for a compressed transfer coding; compression belongs into Content-Encoding."""
    if coding.strip().lower() != "chunked":
        # RFC 9112, section 6.1.
        raise Refusal(
            501,
            "no transfer coding but chunked is known",
            "send gzip as Content-Encoding",
            cut=True,
        )

"""A request's body on its way in: read with a time limit, unpacked, and never more of it than there is room for."""

import asyncio
from collections.abc import Iterator
from typing import Final

from aiohttp import hdrs, web
from isal import isal_zlib

from bridge.sources.http.answers import Refusal
from bridge.sources.http.body import Body
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.room import Room

_INFLATED_BYTES: Final = 256 * 2**10
# Of isal and zlib: with gzip's own head and tail.
_GZIP_WINDOW: Final = 31
# Enough for a member per event: a sender that appends to a gzip file as events come makes that many.
MOST_MEMBERS: Final = 50_000
# What follows a member is copied, so bodies are fed in slices: many members must not mean many copies of the rest.
_SLICE_BYTES: Final = 8 * 2**10
# After so many members, or bytes, the others have their turn.
_SLICE_MEMBERS: Final = 500


class Stalled(Exception):  # noqa: N818 - the sender's state, not a failure of the bridge
    """The body stopped coming while others needed its room."""


class TooManyMembers(Exception):  # noqa: N818 - the sender's state, not a failure of the bridge
    """The body is gzip in more members than a body has any use for."""


class BrokenGzip(Exception):  # noqa: N818 - the sender's state, not a failure of the bridge
    """The body is not what its Content-Encoding says."""


class Inflater:
    """Unpacks gzip, also of several members, in pieces that stay small whatever the ratio."""

    def __init__(self) -> None:
        self._member = isal_zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False
        self.members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes unpack to, at most 256 KiB at a time; raises BrokenGzip or TooManyMembers."""
        for start in range(0, len(data), _SLICE_BYTES):
            yield from self._feed(data[start : start + _SLICE_BYTES])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = isal_zlib.decompressobj(_GZIP_WINDOW)
                self.members += 1
                if self.members > MOST_MEMBERS:
                    raise TooManyMembers
            self._begun = True
            try:
                yield self._member.decompress(data, _INFLATED_BYTES)
            except Exception as error:  # noqa: BLE001 - isal's types hide that its error is a class
                raise BrokenGzip(str(error)) from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def end(self) -> None:
        """Note that nothing more comes; raises BrokenGzip if the last member is incomplete."""
        if self._begun and not self._member.eof:
            raise BrokenGzip("the body ends before its data does")


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
        turn, members = _INFLATED_BYTES, _SLICE_MEMBERS
        while packed := await self._request.content.readany():
            self._room.heard(self)
            for piece in inflater.feed(packed):
                self._hold(len(piece))
                body += piece
                if len(body) > turn or inflater.members > members:
                    # Give the others their turn while something large is unpacked.
                    turn, members = len(body) + _INFLATED_BYTES, inflater.members + _SLICE_MEMBERS
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

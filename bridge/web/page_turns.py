"""Limits how many large pages are made and sent at a time, and for how long: one may take megabytes (P8)."""

import asyncio
from typing import Final

from aiohttp import web

from bridge.web.answers import Page, json_response

_AT_A_TIME: Final = 4
# A caller that waits keeps a connection, and some connections have to be left for probes.
_MOST_WAITING: Final = 8
_WAIT_SECONDS: Final = 5.0
# A reader that takes nothing for this long has gone, or tries to keep our memory.
_SEND_SECONDS: Final = 15.0


class PageTurns:
    """The turns of all pages that are not for probes."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_A_TIME)
        self.waiting = 0
        """Callers that wait for a turn."""

    async def serve(self, page: Page, request: web.BaseRequest) -> web.StreamResponse:
        """Return the page when it is sent, or 503 when its turn does not come."""
        if not await self._is_its_turn():
            content = {"error": "too many pages are asked for", "cure": "ask again a little later"}
            return json_response(content, 503, Retry_After="1")
        try:
            answer = await page(request)
            async with asyncio.timeout(_SEND_SECONDS):
                await answer.prepare(request)
                await answer.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the reader does not read") from None
        finally:
            self._free.release()
        return answer

    async def _is_its_turn(self) -> bool:
        if self.waiting == _MOST_WAITING:
            return False
        self.waiting += 1
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

"""An endpoint to be watched, that can be slow, wrong, silent, or gone."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import web


class WatchedEndpoint:
    """Answers every request as its knobs say, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.text = "all is well"
        self.headers: dict[str, str] = {}
        self.hangs = False
        """Whether it never begins its answer."""
        self.drips = False
        """Whether its body never ends."""
        self.endless = False
        """Whether its body has no end, and comes as fast as it is read."""
        self.asked: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self._released = asyncio.Event()
        self._port = 0
        self._scheme = "http"
        self._tls: ssl.SSLContext | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self._scheme}://127.0.0.1:{self._port}/health"

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Be there, until the end."""
        self._tls, self._scheme = tls, "http" if tls is None else "https"
        await self.return_()
        try:
            yield self
        finally:
            await self.vanish()

    async def vanish(self) -> None:
        """Refuse connections."""
        self._released.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def return_(self) -> None:
        """Take requests, on the same port as before."""
        self._released = asyncio.Event()
        self._runner = web.ServerRunner(web.Server(self._take), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        if self.hangs:
            await self._released.wait()
        if not self.drips and not self.endless:
            return web.Response(status=self.status, text=self.text, headers=self.headers)
        answer = web.StreamResponse(status=self.status, headers=self.headers)
        await answer.prepare(request)
        await answer.write(self.text.encode())
        while self.endless:
            await answer.write(b"x" * 65536)
        await self._released.wait()
        return answer

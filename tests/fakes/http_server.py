"""An HTTP server on this machine that can be out of reach for a while."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import web


class HttpServer(ABC):
    """Answers requests at `address` from `return_` on until `vanish`, and again."""

    def __init__(self) -> None:
        self._port = 0
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._port}"

    @abstractmethod
    async def take(self, request: web.BaseRequest) -> web.Response:
        """Answer a request."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Be there, until the end."""
        await self.return_()
        try:
            yield self
        finally:
            await self.vanish()

    async def vanish(self) -> None:
        """Refuse connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def return_(self) -> None:
        """Take requests, on the same port as before."""
        self._runner = web.ServerRunner(web.Server(self.take), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

"""A client for the `http` source."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aiohttp import ClientConnectionError, ClientSession
from rigs.rig import Rig
from rigs.serving import source_of

from bridge.contracts import Source


class HttpSender:
    """A sender that repeats a request until it is answered with 202, as every good one does."""

    def __init__(self, behind: Rig) -> None:
        self._http = source_of(behind)
        self.source: Source = self._http
        self._session = ClientSession()
        self._gate = behind.gate
        self._posts: list[asyncio.Task[None]] = []

    async def offer(self, bodies: Sequence[bytes]) -> None:
        self._gate.entered.clear()
        self._posts.append(asyncio.create_task(self._post(b"[" + b",".join(bodies) + b"]")))
        entered = asyncio.create_task(self._gate.entered.wait())
        await asyncio.wait([entered, self._posts[-1]], return_when=asyncio.FIRST_COMPLETED)
        entered.cancel()

    async def _post(self, body: bytes) -> None:
        while True:
            async with self._session.post(f"{self._http.url}/events", data=body) as answer:
                if answer.status in {202, 400}:
                    return
                assert answer.status in {500, 503}

    async def acknowledged(self) -> None:
        await asyncio.gather(*self._posts)

    async def close(self) -> None:
        for post in self._posts:
            post.cancel()
        # Who is refused at the stop keeps the events.
        ends = await asyncio.gather(*self._posts, return_exceptions=True)
        assert all(end is None or isinstance(end, ClientConnectionError) for end in ends)
        await self._session.close()


def sender(_folder: Path, behind: Rig) -> HttpSender:
    """Return a client, and the listener that it sends to."""
    return HttpSender(behind)

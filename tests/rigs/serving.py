"""The HTTP source over a real socket, with a real intake and a real journal behind it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from rigs.rig import Rig, journalling

from bridge.sources.http.settings import HttpSourceSettings
from bridge.sources.http.source import HttpSource

Answered = tuple[int, Any, Mapping[str, str]]


class Serving:
    """A source that serves, and senders for it."""

    def __init__(self, source: HttpSource, behind: Rig) -> None:
        self.source = source
        self.behind = behind
        self.journal = behind.journal
        self.gate = behind.gate
        self.journalled = behind.journalled
        self.logged = behind.logged
        # An answer that never comes is a failure, in good time.
        self.session = ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=60))

    async def post(
        self, body: Any, *, path: str = "/events", method: str = "POST", **headers: str
    ) -> Answered:
        """Send a request; underscores in header names stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(body) if isinstance(body, bytes) and len(body) > 2**20 else body
        async with self.session.request(method, self.source.url + path, data=data, headers=sent) as answer:
            text = await answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection of our own and send these bytes."""
        port = int(self.source.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        return reader, writer

    async def raw(self, sent: bytes) -> bytes:
        """Return all that comes back on a connection of its own until the other side closes it."""
        reader, writer = await self.connect(sent)
        try:
            return await reader.read()
        finally:
            writer.close()

    def requests(self, path: str, code: int) -> float:
        """Return how many requests were counted."""
        value: float = self.behind.metrics.counter("http_requests", "http", path, str(code))._value.get()
        return value


def source_of(
    behind: Rig,
    *,
    moesif_keys: Collection[str] = (),
    country_of: Callable[[str], str | None] | None = None,
    **settings: Any,
) -> HttpSource:
    """Return a source on a free port, not bound yet."""
    made = HttpSourceSettings.model_validate({"listen": "127.0.0.1:0", **settings})
    keys = dict.fromkeys(moesif_keys, "")
    return HttpSource("http", made, behind.fittings(sender_keys=keys, country_of=country_of))


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[Serving]:
    """Serve while the block runs; at its end the books must balance (P7)."""
    async with journalling(folder) as behind:
        source = source_of(behind, **settings)
        await source.bind()
        served = Serving(source, behind)
        running = asyncio.create_task(source.run())
        try:
            yield served
        finally:
            running.cancel()
            behind.gate.open.set()
            await served.session.close()
            await source.finish()


def request(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    """Return the bytes of a POST of events."""
    lines = [f"POST /events HTTP/{version}", "Host: bridge", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body

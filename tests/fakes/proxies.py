"""A forward proxy on loopback: plain requests and CONNECT, with or without a password."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """What it was asked, and its knobs."""

    url: str = ""
    password: str | None = None
    """`user:password` that it asks for; None: nothing."""
    refusal: str | None = None
    """The status line's end that every request is answered with; None: it serves."""
    asked: list[str] = field(default_factory=list)
    """The first line of each request."""
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request, or one tunnel."""
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first = head.partition("\r\n")[0]
        self.asked.append(first)
        self.heads.append(head)
        refusal = self.refusal
        if self.password is not None:
            word = base64.b64encode(self.password.encode()).decode()
            if f"Proxy-Authorization: Basic {word}\r\n" not in head:
                refusal = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic"
        if refusal is not None:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            return
        method, target, _ = first.split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            there_reader, there = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            host, _, rest = target.removeprefix("http://").partition("/")
            there_reader, there = await asyncio.open_connection(*host.split(":"))
            there.write(head.replace(target, f"/{rest}", 1).encode())
        await asyncio.gather(_pass(reader, there), _pass(there_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def proxying(tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """Run a proxy while the block runs; `tls`: it is an https proxy."""
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    proxy.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()

"""How long connections are used: a destination that moved is found again, though its old address still answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.settings import HttpSinkSettings
from bridge.telemetry import logs
from bridge.transports.http.post import Poster

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Destination:
    """Answers each request with 200, and notes on which connection it came."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        """The number of each request's connection."""
        self.ended: set[int] = set()
        """Connections that the other side has closed."""
        self.answers = asyncio.Event()
        self.answers.set()
        self.port = 0
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                self.requests.append(number)
                await self.answers.wait()
                writer.write(OK)
        except asyncio.IncompleteReadError:
            self.ended.add(number)
            writer.close()


@asynccontextmanager
async def destination() -> AsyncIterator[Destination]:
    made = Destination()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


class Time:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now


def poster(port: int, time: Time) -> Poster:
    settings = HttpSinkSettings.model_validate({"type": "http", "concurrency": 2, "request_timeout": 10})
    url = f"http://127.0.0.1:{port}/in"
    return Poster(url, {}, settings, sink="hook", logger=logs.logger(), cure="url", monotonic=time.monotonic)


async def until(made: Destination, *, requests: int = 0, ended: int = 0) -> None:
    async with asyncio.timeout(10):
        while len(made.requests) < requests or len(made.ended) < ended:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)


async def test_a_busy_connection_grows_only_so_old() -> None:
    """Requests follow each other on one connection for some minutes, then on a new one; the old one is closed."""
    time = Time()
    async with destination() as made:
        one = poster(made.port, time)
        for _ in range(11):
            await one.post(b"[]")
            time.now += 50
        assert made.requests == [1] * 6 + [2] * 5
        await until(made, ended=1)
        assert made.ended == {1}
        await one.close()
        await until(made, ended=2)


async def test_what_is_on_its_way_is_not_cut() -> None:
    """A request that is under way when its connection gets old has its answer there, and then that one is closed."""
    time = Time()
    async with destination() as made:
        one = poster(made.port, time)
        made.answers.clear()
        first = asyncio.create_task(one.post(b"[]"))
        await until(made, requests=1)
        time.now += 301
        second = asyncio.create_task(one.post(b"[]"))
        await until(made, requests=2)
        assert not made.ended
        made.answers.set()
        await asyncio.gather(first, second)
        assert made.requests == [1, 2]
        await until(made, ended=1)
        assert made.ended == {1}
        await one.close()

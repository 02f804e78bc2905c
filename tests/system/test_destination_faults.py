"""What a destination's connection can do wrong, byte by byte: nothing is lost, and nothing waits for ever."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes.proxies import proxying
from rigs.delivery import start_moesif
from rigs.events import events
from rigs.rig import delivering
from rigs.waiting import until

from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import RetryLater, TooLarge
from bridge.settings import HttpSinkSettings
from bridge.telemetry import logs
from bridge.transports.http.post import Poster

LARGE = os.urandom(8 * 2**20)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def destination(serve: Serve, timeout_seconds: float) -> AsyncIterator[Poster]:
    """Run a server that speaks whatever it likes, and yield a poster to it."""
    serving: list[asyncio.Task[None]] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(one(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = HttpSinkSettings.model_validate({"type": "http", "request_timeout": timeout_seconds})
    poster = Poster(
        f"http://127.0.0.1:{port}/in", {}, settings, sink="hook", logger=logs.logger(), cure="url"
    )
    try:
        yield poster
    finally:
        await poster.close()
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        # What was accepted and never read is closed by the loop's next turns.
        await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with a reset, as a crashed machine's successor does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drip(writer: asyncio.StreamWriter, text: bytes) -> None:
    for byte in text:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def hang_before_the_answer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_in_the_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await reader.read()


async def drip_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await drip(writer, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000)


async def take_bytes_one_by_one(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(1):  # noqa: ASYNC110 - the slowness is the point
        await asyncio.sleep(0.01)


async def never_read(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "serve", [hang_before_the_answer, hang_in_the_headers, drip_headers, take_bytes_one_by_one, never_read]
)
async def test_slow_destinations_are_given_up_in_time(serve: Serve) -> None:
    """Hanging before and within the headers, a byte at a time either way: over after `request_timeout`, tried again."""
    async with destination(serve, 0.3) as poster:
        with pytest.raises(RetryLater) as caught:
            await poster.post(LARGE)
    assert caught.value.reason == "timeout"
    assert caught.value.status is None


async def reset_in_the_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(100_000)
    reset(writer)


async def reset_in_the_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(len(LARGE))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()
    reset(writer)


@pytest.mark.parametrize("serve", [reset_in_the_request, reset_in_the_headers])
async def test_resets_before_the_status_are_tried_again(serve: Serve) -> None:
    """A connection that breaks before the answer's status is whole says nothing: the batch is sent again."""
    async with destination(serve, 10) as poster:
        with pytest.raises(RetryLater) as caught:
            await poster.post(LARGE)
    assert caught.value.reason in {"connection", "bad_answer"}


async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(LARGE))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    await drip(writer, b"x" * 10_000)


async def test_the_status_alone_decides() -> None:
    """Once 200 was said the batch is delivered, though the rest of the answer comes a byte at a time."""
    async with destination(drip_body, 2) as poster:
        await poster.post(LARGE)


@pytest.mark.parametrize("size", [2, 100_000, len(LARGE)])
@pytest.mark.parametrize("lingers", [True, False])
async def test_413_before_the_body_was_read(size: int, lingers: bool) -> None:
    """A server that refuses a body by its announced length is understood, though the body is still on its way."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        if lingers:
            # As nginx and Moesif's do, so that the sender gets to read it.
            await reader.read()

    async with destination(refuse, 10) as poster:
        with pytest.raises(TooLarge):
            await poster.post(LARGE[:size])


@pytest.mark.parametrize("limit", [1500, 4000, 20_000])
async def test_413_at_different_sizes(tmp_path: Path, limit: int) -> None:
    """Whatever the destination's limit, batches are halved until they fit and everything arrives (P3)."""
    async with MoesifLookalike() as moesif, delivering(tmp_path) as made:
        moesif.knobs.max_body_bytes = limit
        await made.ingest(*events(48))
        start_moesif(made, moesif, batch_max_events=48)
        await made.delivered()
        assert moesif.unique == 48
        assert moesif.duplicates == 0
        assert not await made.letters()


async def test_alternating_success_and_failure(tmp_path: Path) -> None:
    """A destination that takes every second request gets everything, each event once, and nothing is given up."""
    async with MoesifLookalike() as moesif, delivering(tmp_path) as made:
        moesif.knobs.fail_next = [500, 201, "reset", 201, 503, 201, "drop", 201] * 10
        await made.ingest(*events(40))
        start_moesif(made, moesif, batch_max_events=2, concurrency=1)
        await made.delivered()
        assert moesif.unique == 40
        assert moesif.duplicates == 0
        assert not await made.letters()


async def test_proxy_that_asks_for_a_password_pauses_the_sink(tmp_path: Path) -> None:
    """407 pauses and loses nothing; when the proxy lets us through, everything goes out by itself."""
    async with MoesifLookalike() as moesif, delivering(tmp_path) as made, proxying() as proxy:
        proxy.password = "ada:word"
        await made.ingest(*events(5))
        lane = start_moesif(made, moesif, proxy=proxy.url)
        await until(lambda: lane.status().pause_reason == "credentials")
        assert "set proxy = " in lane.status().trouble
        assert moesif.unique == 0
        proxy.password = None
        await made.delivered()
        assert moesif.unique == 5
        assert lane.status().state == "idle"

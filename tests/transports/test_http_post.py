"""One POST to a server on loopback, and what its answer means."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from yarl import URL

from bridge.errors import NeedsOperator, Refused, RetryLater, SinkError, TooLarge
from bridge.settings import HttpSinkSettings
from bridge.telemetry import logs
from bridge.transports.http.answers import parse_retry_after
from bridge.transports.http.post import Poster

SECRET = "s3cret-key"
CURE = "key in [bridge.sinks.moesif]"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def poster(url: str | URL, *, timeout_seconds: float = 10, **settings: Any) -> Poster:
    return Poster(
        f"{url}?token={SECRET}",
        {"X-Key": SECRET, "Content-Type": "application/json"},
        HttpSinkSettings.model_validate(
            {"type": "http", "request_timeout": timeout_seconds, "concurrency": 2, **settings}
        ),
        sink="moesif",
        logger=logs.logger(),
        cure=CURE,
    )


async def error_of(made: Poster, body: bytes = b"[]") -> SinkError:
    try:
        with pytest.raises(SinkError) as caught:
            await made.post(body)
    finally:
        await made.close()
    error = caught.value
    assert SECRET not in f"{error}{error!r}{error.answer}"
    return error


@asynccontextmanager
async def answering(status: int, text: str = "", **headers: str) -> AsyncIterator[BaseTestServer]:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response(
            status=status,
            text=text,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield server


@asynccontextmanager
async def raw(serve: Serve) -> AsyncIterator[str]:
    """Run a server that speaks whatever it likes."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    finally:
        server.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
async def test_any_2xx_is_delivered(status: int) -> None:
    """Every 2xx means that the destination has the batch."""
    async with answering(status) as server:
        made = poster(server.make_url("/in"))
        await made.post(b"[]")
        await made.close()


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Refused, None),
        (422, Refused, None),
        (413, TooLarge, None),
        (408, RetryLater, "timeout"),
        (429, RetryLater, "throttled"),
        (500, RetryLater, "server_error"),
        (502, RetryLater, "server_error"),
        (503, RetryLater, "server_error"),
        (599, RetryLater, "server_error"),
        (401, NeedsOperator, "credentials"),
        (402, NeedsOperator, "credentials"),
        (403, NeedsOperator, "credentials"),
        (407, NeedsOperator, "credentials"),
        (404, NeedsOperator, "configuration"),
        (405, NeedsOperator, "configuration"),
        (410, NeedsOperator, "gone"),
        (415, NeedsOperator, "configuration"),
        (418, NeedsOperator, "configuration"),
        (301, NeedsOperator, "configuration"),
        (304, NeedsOperator, "configuration"),
    ],
)
async def test_each_status_has_its_meaning(status: int, kind: type[SinkError], reason: str | None) -> None:
    """Statuses become the four errors of the contract, with status and answer, and the cure where one is needed."""
    async with answering(status, "" if status == 304 else "because") as server:
        error = await error_of(poster(server.make_url("/in")))
    assert type(error) is kind
    assert getattr(error, "reason", None) == reason
    assert error.status == status
    assert error.answer == ("" if status == 304 else "because")
    if kind is NeedsOperator:
        assert ("proxy" if status == 407 else CURE) in str(error)


async def test_redirect_is_not_followed() -> None:
    """The key never reaches the server that a redirect points to."""
    reached: list[str] = []

    async def note(request: web.BaseRequest) -> web.Response:
        reached.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    async with (
        TestServer(app) as other,
        answering(307, Location=str(other.make_url("/stolen"))) as server,
    ):
        error = await error_of(poster(server.make_url("/in")))
    assert isinstance(error, NeedsOperator)
    assert reached == []


async def test_answer_without_end_is_cut_off() -> None:
    """Of an answer that does not end, only the first part is kept."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=int(request.match_info["status"]))
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionError:
            return response

    app = web.Application()
    app.router.add_post("/{status}", endless)
    async with TestServer(app) as server:
        error = await error_of(poster(server.make_url("/400")))
        assert isinstance(error, Refused)
        assert 1 <= len(error.answer) <= 4096
        made = poster(server.make_url("/200"))
        await made.post(b"[]")
        await made.close()


@pytest.mark.parametrize(("status", "taken"), [("200 OK", True), ("400 Bad Request", False)])
async def test_status_counts_though_the_body_never_comes(status: str, taken: bool) -> None:
    """Once the status is there it decides, even if the rest of the answer hangs or is torn."""

    async def torn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"[]")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\nsome".encode())
        await writer.drain()
        writer.close()

    async with raw(torn) as url:
        made = poster(url)
        if taken:
            await made.post(b"[]")
            await made.close()
        else:
            assert isinstance(await error_of(made), Refused)


async def test_taken_batch_with_unreadable_compression_is_delivered() -> None:
    """An answer that cannot be unpacked does not make a taken batch one that must be sent again."""
    async with answering(200, "no brotli", Content_Encoding="br") as server:
        made = poster(server.make_url("/in"))
        await made.post(b"[]")
        await made.close()


async def test_no_answer_in_time() -> None:
    """A destination that takes the request and says nothing is tried again later."""
    silence = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silence.wait()
        writer.close()

    async with raw(silent) as url:
        error = await error_of(poster(url, timeout_seconds=0.1))
        silence.set()
    assert isinstance(error, RetryLater)
    assert error.reason == "timeout"
    assert error.status is None


async def test_refused_connection() -> None:
    """If nobody listens, it is tried again later."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    error = await error_of(poster(f"http://127.0.0.1:{port}/in"))
    assert isinstance(error, RetryLater)
    assert error.reason == "connection"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "connection"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 abc what\r\n\r\n", "bad_answer"),
    ],
)
async def test_what_is_no_http_answer(said: bytes, reason: str) -> None:
    """A closed connection and a foreign protocol are retried, and their errors show no secret."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"[]")
        writer.write(said)
        await writer.drain()
        writer.close()

    async with raw(babble) as url:
        error = await error_of(poster(url))
    assert isinstance(error, RetryLater)
    assert error.reason == reason


async def test_plain_answer_to_tls() -> None:
    """A failed TLS handshake is a failure to connect."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with raw(plain) as url:
        error = await error_of(poster(url.replace("http:", "https:")))
    assert isinstance(error, RetryLater)
    assert error.reason == "connection"


async def test_header_that_cannot_be_sent_asks_for_the_operator() -> None:
    """A secret with a line break in it is the configuration's fault; it does not crash the lane."""
    async with answering(200) as server:
        made = Poster(
            str(server.make_url("/")),
            {"X-Key": f"{SECRET}\n"},
            HttpSinkSettings(type="http"),
            sink="a",
            logger=logs.logger(),
            cure=CURE,
        )
        error = await error_of(made)
    assert isinstance(error, NeedsOperator)
    assert CURE in str(error)


async def test_question_without_body_has_no_headers_of_one() -> None:
    """A probe brings the key but no Content-Type or Content-Encoding."""
    seen: list[web.BaseRequest] = []

    async def note(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        return web.Response()

    app = web.Application()
    app.router.add_get("/config", note)
    async with TestServer(app) as server:
        made = Poster(
            str(server.make_url("/in")),
            {"X-Key": SECRET, "Content-Type": "application/json", "Content-Encoding": "gzip"},
            HttpSinkSettings(type="http"),
            sink="moesif",
            logger=logs.logger(),
            cure=CURE,
        )
        await made.ask("GET", server.make_url("/config"))
        await made.close()
    assert seen[0].headers["X-Key"] == SECRET
    assert not {"Content-Type", "Content-Encoding"} & set(seen[0].headers)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999", 3600),
        ("9" * 400, 3600),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 12:00:30", 30),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Sat, 21 Nov 2099 12:00:00 GMT", 3600),
        ("Sat, 99 Nov 2026 12:00:00 GMT", None),
        ("Sat, 21 Nov 99999 12:00:00 GMT", None),
        ("Sat, 21 Nov 2026 12:00:00 +999999", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """Seconds and dates are read as RFC 9110 has them, within an hour; nonsense says nothing."""
    assert parse_retry_after(text, NOW) == seconds


@pytest.mark.parametrize("sent", ["X-Key", "bearer", "basic", "query"])
@pytest.mark.parametrize("padding", [0, 4075, 4090])
async def test_keys_in_an_answer_are_blanked(sent: str, padding: int) -> None:
    """No part of a key that a destination repeats is shown, even if the answer is cut off within it."""
    key = "0123456789-abcdefghijkl"
    word = base64.b64encode(f"ada:{key}".encode()).decode()
    headers = {
        "X-Key": {"X-Key": key},
        "bearer": {"Authorization": f"Bearer {key}"},
        "basic": {"Authorization": f"Basic {word}"},
        "query": {},
    }[sent]
    settings = HttpSinkSettings.model_validate({"type": "http"})
    async with answering(400, "x" * padding + f"{key} {word}") as server:
        url = f"{server.make_url('/')}?token={key}" if sent == "query" else str(server.make_url("/"))
        made = Poster(url, headers, settings, sink="hook", logger=logs.logger(), cure=CURE)
        with pytest.raises(Refused) as caught:
            await made.post(b"[]")
        await made.close()
    assert key[:6] not in caught.value.answer
    if sent == "basic":
        assert word[:6] not in caught.value.answer

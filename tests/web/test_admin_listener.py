"""The admin listener: who sees which page, and what it tells of the house."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession
from fakes.certificates import Authority

from bridge.errors import SettingsError
from bridge.settings import Address, TlsSettings
from bridge.transports.tls import server_context
from bridge.web.admin import STUCK_SECONDS, AdminPages, Readiness
from bridge.web.listener import listening

LOOPBACK = Address("127.0.0.1", 0)


class House:
    """What stands behind the pages."""

    def __init__(self) -> None:
        self.stuck_seconds = 0.0
        self.readiness = Readiness(None, {"moesif": "the destination answered 401"})
        self.broken = False

    def pages(self, token: str | None = None) -> AdminPages:
        return AdminPages(
            self._metrics, self._status, lambda: self.readiness, lambda: self.stuck_seconds, token
        )

    async def _metrics(self) -> bytes:
        if self.broken:
            raise OSError("/var/lib/secret/place")
        return b"apim_bridge_ready 1\n"

    async def _status(self) -> dict[str, Any]:
        return {"version": "1.2.3"}


@pytest.fixture
def house() -> House:
    return House()


@asynccontextmanager
async def serving(house: House, token: str | None = None) -> AsyncIterator[str]:
    async with listening(house.pages(token).pages(), LOOPBACK) as url:
        yield url


async def get(url: str, method: str = "GET", **options: Any) -> tuple[int, str, dict[str, str]]:
    async with ClientSession() as session, session.request(method, url, **options) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def raw(url: str, sent: bytes) -> bytes:
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        return await reader.read()
    finally:
        writer.close()


async def test_token_guards_what_is_not_for_probes(house: House) -> None:
    """With a token /metrics and /status need it; probes do not, but /readyz tells its reasons only with it."""
    async with serving(house, "tökén") as url:
        wrong: tuple[dict[str, str], ...] = (
            {},
            {"Authorization": "Bearer token"},
            {"Authorization": "tökén"},
            {"Authorization": "Basic tökén"},
        )
        for headers in wrong:
            for page in ("/metrics", "/status"):
                status, text, _ = await get(url + page, headers=headers)
                assert status == 401
                assert "1" not in text
            assert (await get(f"{url}/healthz", headers=headers))[0] == 200
            status, text, _ = await get(f"{url}/readyz", headers=headers)
            assert (status, json.loads(text)) == (200, {"status": "ready"})
            assert (await get(f"{url}/readyz?sinks=1", headers=headers))[0] == 503
        right = {"Authorization": "Bearer tökén"}
        assert (await get(f"{url}/metrics", headers=right))[:2] == (200, "apim_bridge_ready 1\n")
        assert (await get(f"{url}/status", headers=right))[0] == 200
        assert json.loads((await get(f"{url}/readyz", headers=right))[1])["sinks"] == house.readiness.sinks


async def test_without_a_token_everything_is_open(house: House) -> None:
    """Without one, as on loopback, each page is for everyone."""
    async with serving(house) as url:
        for page in ("/metrics", "/status", "/healthz", "/readyz"):
            assert (await get(url + page))[0] == 200
        assert json.loads((await get(f"{url}/readyz"))[1])["sinks"] == house.readiness.sinks


async def test_healthz_fails_only_when_the_writer_is_stuck(house: House) -> None:
    """Neither an obstacle nor sinks' trouble is a matter of health; a writer that does not come back is."""
    async with serving(house) as url:
        house.readiness = Readiness("the journal is full", {"moesif": "down"})
        assert (await get(f"{url}/healthz"))[0] == 200
        assert (await get(f"{url}/readyz"))[0] == 503
        house.stuck_seconds = STUCK_SECONDS
        assert (await get(f"{url}/healthz"))[0] == 200
        house.stuck_seconds += 1
        assert (await get(f"{url}/healthz"))[0] == 503


async def test_no_answer_tells_of_the_house(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """No version, path, trace or parser's word in any answer, whatever is sent; the log has it."""
    house.broken = True
    async with serving(house) as url:
        answers = [
            await raw(url, sent)
            for sent in (
                b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                b"nonsense\r\n\r\n",
                b"GET / HTTP/1.1\r\nX: %b\r\n\r\n" % (b"x" * 20_000),
            )
        ]
    assert [int(answer.split()[1]) for answer in answers] == [500, 200, 404, 405, 400, 400]
    told = b"".join(answers).lower()
    for word in (b"python", b"aiohttp", b"secret", b"trace", b"oserror", b"xxx", b"nonsense"):
        assert word not in told
    assert "/var/lib/secret/place" in caplog.text


async def test_too_many_connections_are_closed(house: House) -> None:
    """A caller that opens connections without end takes none from the others."""
    async with serving(house) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(101)]
        assert await opened[-1][0].read() == b""
        opened[0][1].close()
        await opened[0][1].wait_closed()
        assert (await get(f"{url}/healthz"))[0] == 200
        for _, writer in opened:
            writer.close()


async def test_tls(house: House, tmp_path: Path) -> None:
    """The pages are served over TLS, and its certificate may be renewed meanwhile."""
    authority = Authority(tmp_path)
    cert, key = authority.issue()
    said = structlog.testing.CapturingLogger()
    context = server_context(TlsSettings(cert=cert, key=key), "[bridge.admin]", said)
    async with listening(house.pages().pages(), LOOPBACK, tls=context) as url:
        assert url.startswith("https://127.0.0.1:")
        assert (await get(f"{url}/healthz", ssl=authority.client()))[0] == 200
        before = context.expires
        authority.issue(cert=cert, days=20)
        assert (await get(f"{url}/healthz", ssl=authority.client()))[0] == 200
        assert before is not None
        assert context.expires is not None
        assert context.expires > before
    assert [call.args[0] for call in said.calls] == ["tls_files_renewed"]


async def test_an_address_in_use_names_the_key(house: House) -> None:
    """A port that another has is a settings error that names the key and the cure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError,
            match=rf"\[bridge.admin\] listen = 127.0.0.1:{port}: Address already in use; choose",
        ):
            async with listening(house.pages().pages(), Address("127.0.0.1", port)):
                pass

"""The admin listener: who sees which page, and what a page shows."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession
from fakes.certificates import Authority
from rigs.waiting import until

from bridge.errors import SettingsError
from bridge.settings import Address, TlsSettings
from bridge.transports.http.callers import Callers
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
        self.text = b"apim_bridge_ready 1\n"

    def pages(self, token: str | None = None, hosts: Sequence[str] = ()) -> AdminPages:
        return AdminPages(
            self._metrics,
            self._status,
            lambda: self.readiness,
            lambda: self.stuck_seconds,
            token,
            Callers(LOOPBACK, hosts, "[bridge.admin]"),
        )

    async def _metrics(self, accept: str) -> tuple[bytes, str]:
        if self.broken:
            raise OSError("/var/lib/secret/place")
        return self.text, f"text/plain; for={accept}"

    async def _status(self) -> dict[str, Any]:
        return {"version": "1.2.3"}


@pytest.fixture
def house() -> House:
    return House()


@asynccontextmanager
async def serving(house: House, token: str | None = None, hosts: Sequence[str] = ()) -> AsyncIterator[str]:
    async with listening(house.pages(token, hosts).pages(), LOOPBACK) as url:
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
    """With a token, /metrics and /status need it; probes do not, but /readyz gives reasons only with it."""
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
    """Neither an obstacle nor sinks' trouble makes it unhealthy; a writer that is stuck does."""
    async with serving(house) as url:
        house.readiness = Readiness("the journal is full", {"moesif": "down"})
        assert (await get(f"{url}/healthz"))[0] == 200
        assert (await get(f"{url}/readyz"))[0] == 503
        house.stuck_seconds = STUCK_SECONDS
        assert (await get(f"{url}/healthz"))[0] == 200
        house.stuck_seconds += 1
        assert (await get(f"{url}/healthz"))[0] == 503


async def test_no_answer_tells_of_the_house(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is sent, no answer has a version, path, trace or parser's error in it; the log has them."""
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


@pytest.mark.usefixtures("many_files")
async def test_silent_connections_keep_no_probe_out(house: House) -> None:
    """A thousand connections that say nothing, or only half a head, leave a place for a probe."""
    async with serving(house) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(1000)]
        for _, writer in opened[::2]:
            writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        for _ in range(3):
            assert (await get(f"{url}/healthz"))[0] == 200
            assert (await get(f"{url}/metrics"))[0] == 200
        for _, writer in opened:
            writer.close()


async def test_readers_that_do_not_read_keep_nobody_out(house: House) -> None:
    """A caller that asks for large pages and reads none keeps neither a probe nor Prometheus waiting for long."""
    house.text = b"x" * (16 * 2**20)
    pages = house.pages()
    async with listening(pages.pages(), LOOPBACK) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(100)]
        for _, writer in opened:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: pages.turns.waiting == 8)
        assert (await get(f"{url}/healthz"))[0] == 200
        for _, writer in opened:
            writer.close()
        house.text = b"apim_bridge_ready 1\n"
        assert (await get(f"{url}/metrics"))[:2] == (200, "apim_bridge_ready 1\n")


async def test_a_caller_that_half_closes_gets_its_page(house: House) -> None:
    """A caller that half-closes its connection, as `nc -N` does, gets its answer."""
    async with serving(house) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        writer.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


EVIL = "http://evil.example"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Host": "rebind.evil.example"}, 421, id="a name of the public DNS"),
        pytest.param({"Host": "evil.example:9881"}, 421, id="with a port"),
        pytest.param({"Origin": EVIL}, 403, id="a page of another origin"),
        pytest.param({"Origin": "null"}, 403, id="a page that has none"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="what a page loads"),
        pytest.param({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403, id="a neighbour"),
        pytest.param(
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
            403,
            id="a frame",
        ),
        pytest.param({"Host": "10.1.2.3:9881"}, 200, id="a pod's address"),
        pytest.param({"Host": "[::1]:9881"}, 200, id="IPv6"),
        pytest.param({"Host": "bridge:9881"}, 200, id="a service of compose"),
        pytest.param({"Host": "LocalHost."}, 200, id="localhost"),
        pytest.param({"Host": "bridge.wso2.svc.cluster.local"}, 200, id="a service of Kubernetes"),
        pytest.param({"Host": "host.docker.internal"}, 200, id="the host of a container"),
        pytest.param({"Host": socket.gethostname()}, 200, id="the machine's own name"),
        pytest.param({"Host": "bridge.example.com:9881"}, 200, id="a name in hosts"),
        pytest.param({"Host": "bridge:9881", "Origin": "http://bridge:9881"}, 200, id="its own page"),
        pytest.param({"Origin": "https://bridge.example.com"}, 200, id="a page in hosts"),
        pytest.param({"Sec-Fetch-Site": "none"}, 200, id="the address bar"),
        pytest.param(
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            200,
            id="a link",
        ),
    ],
)
async def test_foreign_web_pages_are_refused(house: House, headers: dict[str, str], status: int) -> None:
    """Without a token no foreign web page can read it; usual callers are answered."""
    async with serving(house, hosts=["bridge.example.com"]) as url:
        for page in ("/metrics", "/status"):
            answer = await get(url + page, headers=headers)
            assert answer[0] == status
            if status != 200:
                assert "hosts in [bridge.admin]" in json.loads(answer[1])["cure"]
        assert (await get(f"{url}/healthz", headers=headers))[0] == 200
        assert ("sinks" in (await get(f"{url}/readyz", headers=headers))[1]) == (status == 200)
    async with serving(house, "token", hosts=["bridge.example.com"]) as url:
        known = {"Authorization": "Bearer token"}
        assert (await get(f"{url}/status", headers=headers | known))[0] == 200


async def test_metrics_are_compressed_when_asked(house: House) -> None:
    """/metrics comes as the caller can take it, and says that it depends on that."""
    async with serving(house) as url:
        accept = {"Accept": "text/plain"}
        async with ClientSession(auto_decompress=False) as session:
            async with session.get(f"{url}/metrics", headers=accept | {"Accept-Encoding": "gzip"}) as answer:
                assert answer.headers["Content-Encoding"] == "gzip"
                assert answer.headers["Content-Type"] == "text/plain; for=text/plain"
                assert answer.headers["Vary"] == "Accept, Accept-Encoding"
                assert gzip.decompress(await answer.read()) == house.text
            async with session.get(f"{url}/metrics", headers={"Accept-Encoding": "identity"}) as answer:
                assert "Content-Encoding" not in answer.headers
                assert await answer.read() == house.text


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
    """A port that is taken is a settings error that names the key and the cure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError,
            match=rf"\[bridge.admin\] listen = 127.0.0.1:{port}: Address already in use; choose",
        ):
            async with listening(house.pages().pages(), Address("127.0.0.1", port)):
                pass

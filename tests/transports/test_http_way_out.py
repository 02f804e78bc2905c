"""How a sink reaches its destination: through a proxy, with certificates; what it says when it cannot."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from fakes.certificates import Authority
from fakes.proxies import Proxy, proxying

from bridge.errors import NeedsOperator, RetryLater, SettingsError, SinkError
from bridge.settings import HttpSinkSettings
from bridge.telemetry import logs
from bridge.transports.http.post import Poster

PASSWORD = "pässwörd@/:"
QUOTED = "p%C3%A4ssw%C3%B6rd%40%2F%3A"


class There:
    """A destination that takes everything."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.headers: list[str] = []
        self.shown: list[Any] = []


@asynccontextmanager
async def destination(tls: ssl.SSLContext | None = None) -> AsyncIterator[There]:
    there = There()

    async def take(request: web.BaseRequest) -> web.Response:
        there.bodies.append(await request.read())
        there.headers.append(str(dict(request.headers)))
        there.shown.append(request.get_extra_info("peercert"))
        return web.Response()

    runner = web.ServerRunner(web.Server(take), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    there.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield there
    finally:
        await runner.cleanup()


def poster(url: str, **settings: Any) -> Poster:
    made = HttpSinkSettings.model_validate({"type": "http", "request_timeout": 10, **settings})
    return Poster(
        url, {"X-Key": "k"}, made, sink="hook", logger=logs.logger(), cure="url in [bridge.sinks.hook]"
    )


async def post(url: str, body: bytes = b"[]", **settings: Any) -> None:
    made = poster(url, **settings)
    try:
        await made.post(body)
    finally:
        await made.close()


async def refusal(url: str, **settings: Any) -> SinkError:
    with pytest.raises(SinkError) as caught:
        await post(url, **settings)
    told = f"{caught.value}{caught.value!r}{caught.value.answer}"
    assert PASSWORD not in told
    assert QUOTED not in told
    return caught.value


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with proxying() as made:
        yield made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


# Proxies


async def test_plain_requests_through_a_proxy(proxy: Proxy) -> None:
    """An http destination is asked through the proxy, with the whole URL and the proxy's password in UTF-8."""
    proxy.password = f"ada:{PASSWORD}"
    async with destination() as there:
        url = f"{there.url}/in?a=1"
        await post(url, proxy=proxy.url.replace("//", f"//ada:{QUOTED}@"))
        assert there.bodies == [b"[]"]
        assert proxy.asked == [f"POST {url} HTTP/1.1"]


async def test_tls_through_a_proxy(proxy: Proxy, authority: Authority) -> None:
    """An https destination is reached by CONNECT; the proxy never sees the key, the destination never its password."""
    proxy.password = f"ada:{PASSWORD}"
    async with destination(authority.server()) as there:
        await post(
            f"{there.url}/in", proxy=proxy.url.replace("//", f"//ada:{QUOTED}@"), ca_file=authority.cert
        )
        assert there.bodies == [b"[]"]
        assert proxy.asked == [f"CONNECT {there.url.removeprefix('https://')} HTTP/1.1"]
        assert "X-Key" not in proxy.heads[0]
        assert "Proxy-Authorization" not in there.headers[0]


@pytest.mark.parametrize(
    "factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_proxy_that_speaks_tls_itself(authority: Authority, factory: Any) -> None:
    """WSO2's proxy_config_protocol = "https": TLS to the proxy, and inside it TLS to the destination."""

    async def through() -> list[bytes]:
        async with proxying(authority.server()) as proxy, destination(authority.server()) as there:
            await post(there.url, proxy=proxy.url, ca_file=authority.cert)
            return there.bodies

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(through()) == [b"[]"]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_that_asks_for_a_password(proxy: Proxy, authority: Authority, scheme: str) -> None:
    """407 pauses the sink and names the setting; a wrong password is never shown."""
    proxy.password = "ada:right"
    async with destination(authority.server() if scheme == "https" else None) as there:
        for user in ("", f"ada:{QUOTED}@"):
            error = await refusal(
                there.url, proxy=proxy.url.replace("//", f"//{user}"), ca_file=authority.cert
            )
            assert isinstance(error, NeedsOperator)
            assert (error.reason, error.status) == ("credentials", 407)
            assert 'set proxy = "http://user:password@host:port" in [bridge.sinks.hook]' in str(error)
        assert there.bodies == []


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("403 Forbidden", NeedsOperator, "configuration"),
        ("405 Method Not Allowed", NeedsOperator, "configuration"),
        ("429 Too Many Requests", RetryLater, "connection"),
        ("502 Bad Gateway", RetryLater, "connection"),
        ("504 Gateway Timeout", RetryLater, "connection"),
    ],
)
async def test_proxy_that_opens_no_tunnel(
    proxy: Proxy, answer: str, kind: type[SinkError], reason: str
) -> None:
    """A proxy that forbids the destination needs an operator; one that cannot reach it may do so later."""
    proxy.refusal = answer
    error = await refusal("https://127.0.0.1:9/in", proxy=proxy.url)
    assert type(error) is kind
    assert getattr(error, "reason", None) == reason
    assert f"answered {answer[:3]} to CONNECT" in str(error)


async def test_proxy_that_is_not_there(unused_tcp_port: int) -> None:
    """A proxy that refuses connections is named as the one that cannot be reached."""
    error = await refusal("https://127.0.0.1:9/in", proxy=f"http://ada:{QUOTED}@127.0.0.1:{unused_tcp_port}")
    assert isinstance(error, RetryLater)
    assert error.reason == "connection"
    assert "the proxy cannot be reached" in str(error)


async def test_none_is_no_proxy() -> None:
    """`proxy = "none"` goes straight to the destination."""
    async with destination() as there:
        await post(there.url, proxy="none")
        assert there.bodies == [b"[]"]


# Certificates


async def test_own_authority_is_trusted_beside_the_systems(authority: Authority) -> None:
    """A private authority is unknown until `ca_file` names it; the error says so."""
    async with destination(authority.server()) as there:
        error = await refusal(there.url)
        assert isinstance(error, RetryLater)
        assert error.reason == "connection"
        assert "not known here; set ca_file" in str(error)
        await post(there.url, ca_file=authority.cert)
        assert there.bodies == [b"[]"]


@pytest.mark.parametrize(
    ("names", "days", "said"),
    [
        ("IP:127.0.0.1", -1, "has expired"),
        ("IP:192.0.2.7", 10, "is for another address"),
    ],
)
async def test_certificates_that_do_not_fit(authority: Authority, names: str, days: int, said: str) -> None:
    """An expired or foreign certificate: events are kept and tried again, and the error says it in plain words."""
    async with destination(authority.server(names, days=days)) as there:
        error = await refusal(there.url, ca_file=authority.cert)
    assert isinstance(error, RetryLater)
    assert error.reason == "connection"
    assert said in str(error)


async def test_wrong_host_name(authority: Authority) -> None:
    """A certificate for another name says so."""
    async with destination(authority.server("DNS:moesif.example")) as there:
        error = await refusal(there.url.replace("127.0.0.1", "localhost"), ca_file=authority.cert)
    assert "is for another host name" in str(error)


async def test_client_certificate(tmp_path: Path, authority: Authority) -> None:
    """A destination that wants a certificate gets ours, and without one it is tried again later."""
    cert, key = authority.issue()
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    tls = authority.server()
    tls.load_verify_locations(authority.cert)
    tls.verify_mode = ssl.CERT_REQUIRED
    async with destination(tls) as there:
        assert isinstance(await refusal(there.url, ca_file=authority.cert), RetryLater)
        await post(there.url, ca_file=authority.cert, client_cert=cert, client_key=key)
        await post(there.url, ca_file=authority.cert, client_cert=both)
        assert [shown["serialNumber"] for shown in there.shown] == ["01", "01"]


async def test_rotated_authority_needs_no_restart(tmp_path: Path, authority: Authority) -> None:
    """A changed `ca_file` counts for the next connection; one that cannot be read leaves the old one."""
    other = Authority(tmp_path, "other")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert.read_bytes())
    async with destination(authority.server()) as old, destination(other.server()) as new:
        made = poster(old.url, ca_file=ca_file)
        await made.post(b"[]")
        await made.close()
        ca_file.write_bytes(b"half a fi")
        await made.post(b"[]")
        await made.close()
        ca_file.write_bytes(other.cert.read_bytes())
        with pytest.raises(RetryLater, match="not known here"):
            await made.post(b"[]")
        await made.close()
        assert old.bodies == [b"[]"] * 2
        await post(new.url, ca_file=ca_file)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ca_file": "nowhere.pem"}, r"\[bridge.sinks.hook\] ca_file = nowhere.pem: No such file"),
        ({"ca_file": "{rubbish}"}, "there is no PEM certificate in it"),
        ({"client_cert": "{cert}", "client_key": "{other}"}, "the key does not belong to the certificate"),
        ({"client_cert": "{cert}", "client_key": "{locked}"}, "the key is encrypted"),
        ({"client_cert": "{key}", "client_key": "{key}"}, "not what it should be"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, authority: Authority, settings: dict[str, str], said: str
) -> None:
    """Missing, no PEM, of another certificate, encrypted: a settings error with keys, files and cure."""
    cert, key = authority.issue()
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("rubbish")
    files = {
        "cert": cert,
        "key": key,
        "other": authority.issue()[1],
        "rubbish": rubbish,
        "locked": authority.encrypted(key),
    }
    with pytest.raises(SettingsError, match=said):
        poster("https://127.0.0.1:9/", **{name: text.format(**files) for name, text in settings.items()})


# What is said of a destination that cannot be reached


async def test_name_that_is_not_known() -> None:
    """An unknown host name is reported as that."""
    error = await refusal("https://nowhere.invalid/in")
    assert isinstance(error, RetryLater)
    assert error.reason == "connection"
    assert "the name nowhere.invalid cannot be resolved" in str(error)


async def test_plain_http_where_tls_is_expected() -> None:
    """A port that speaks no TLS says so."""
    async with destination() as there:
        error = await refusal(there.url.replace("http:", "https:"))
    assert isinstance(error, RetryLater)
    assert "TLS failed" in str(error)

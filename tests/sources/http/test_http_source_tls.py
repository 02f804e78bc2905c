"""TLS of the HTTP source: certificates that are renewed while it runs, callers who have to show theirs."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import uvloop
from fakes.certificates import Authority
from rigs.events import event
from rigs.serving import Serving, request, serving

from bridge.errors import SettingsError
from bridge.sources.http.settings import HttpSourceSettings
from bridge.transports.tls import server_context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def files(authority: Authority) -> dict[str, Path]:
    """Return `tls = { … }` with a new certificate in places that stay."""
    cert, key = authority.issue(cert=authority.folder / "listener.pem")
    return {"cert": cert, "key": key}


async def post(served: Serving, tls: ssl.SSLContext, number: int) -> tuple[int, int]:
    """Send an event over a connection of its own; returns the status and the certificate's serial number."""
    port = int(served.source.url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        writer.write(request(event(number), "Connection: close"))
        answer = await reader.read()
        return int(answer.split()[1]), int(writer.get_extra_info("peercert")["serialNumber"], 16)
    finally:
        writer.close()


def said(served: Serving, what: str) -> list[dict[str, Any]]:
    return [call.kwargs for call in served.behind.said.calls if call.args == (what,)]


@pytest.mark.parametrize(
    "factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_renewed_certificate_needs_no_restart(tmp_path: Path, authority: Authority, factory: Any) -> None:
    """New connections get the new certificate; a half-written or wrong file leaves the old one, and is logged."""

    async def renew() -> None:
        tls = files(authority)
        trusting = authority.client()
        async with serving(tmp_path, tls=tls) as served:
            assert served.source.url.startswith("https://127.0.0.1:")
            assert await post(served, trusting, 1) == (202, 1)
            authority.issue(cert=tls["cert"])
            assert await post(served, trusting, 2) == (202, 2)
            key = tls["key"].read_bytes()
            tls["key"].write_bytes(key[:60])
            assert await post(served, trusting, 3) == (202, 2)
            assert await post(served, trusting, 4) == (202, 2)
            tls["key"].unlink()
            assert await post(served, trusting, 5) == (202, 2)
            tls["key"].write_bytes(key)
            assert await post(served, trusting, 6) == (202, 2)
            assert len(said(served, "tls_files_renewed")) == 2
            assert [line["table"] for line in said(served, "tls_files_not_usable")] == [
                "[bridge.sources.http]"
            ] * 2
            assert len(await served.journalled()) == 6

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(renew())


async def test_callers_have_to_show_a_certificate(tmp_path: Path, authority: Authority) -> None:
    """With `client_ca` only callers with its certificates get in, beyond loopback even without a token."""
    stranger = Authority(tmp_path, "stranger")
    tls = {**files(authority), "client_ca": authority.cert}
    async with serving(tmp_path, tls=tls, listen="0.0.0.0:0") as served:
        assert (await post(served, authority.client(authority.issue()), 1))[0] == 202
        for shown in (None, stranger.issue()):
            with pytest.raises((OSError, IndexError)):
                await post(served, authority.client(shown), 2)
        assert await served.journalled() == [event(1)]


async def test_stalled_handshakes_hold_nobody_up(tmp_path: Path, authority: Authority) -> None:
    """A connection that says nothing, or speaks plain HTTP, keeps no other from sending."""
    async with serving(tmp_path, tls=files(authority)) as served:
        silent = [await served.connect(sent) for sent in (b"", b"\x16\x03\x01", b"POST /events HTTP/1.1\r\n")]
        assert (await post(served, authority.client(), 1))[0] == 202
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (
            {"cert": "nowhere.pem"},
            r"\[bridge.sources.http\] tls cert = nowhere.pem: No such file or directory; name",
        ),
        ({"client_ca": "{key}"}, "there is no PEM certificate in it"),
        ({"key": "{other}"}, "the key does not belong to the certificate"),
    ],
)
def test_files_that_cannot_be_used(authority: Authority, changed: dict[str, str], why: str) -> None:
    """A missing or wrong file is a settings error that names the key, the file and the cure."""
    made = files(authority)
    other = authority.issue()[1]
    wrong = {name: text.format(key=made["key"], other=other) for name, text in changed.items()}
    settings = HttpSourceSettings.model_validate({"tls": made | wrong})
    assert settings.tls is not None
    with pytest.raises(SettingsError, match=why):
        server_context(settings.tls, "[bridge.sources.http]", None)


def test_the_end_of_the_certificate_is_known(authority: Authority) -> None:
    """Prometheus learns when the listener's own certificate expires, the first of the chain."""
    made = files(authority)
    made["cert"].write_bytes(made["cert"].read_bytes() + authority.cert.read_bytes())
    settings = HttpSourceSettings.model_validate({"tls": made})
    assert settings.tls is not None
    context = server_context(settings.tls, "[bridge.sources.http]", None)
    read = ssl._ssl._test_decode_cert(str(made["cert"]))  # type: ignore[attr-defined] # not in typeshed
    assert context.expires == ssl.cert_time_to_seconds(read["notAfter"])

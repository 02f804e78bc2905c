"""The daemon's listeners from outside: TLS, tokens, warnings, and hundreds of stalled callers."""

import asyncio
import resource
from pathlib import Path

import pytest
from aiohttp import ClientSession
from fakes.certificates import Authority
from rigs.daemon import Daemon, balanced
from rigs.events import event

CONFIG = """
[bridge]
type = "file"
state_dir = "{folder}/state"
[bridge.sources.http]
listen = "127.0.0.1:0"
{http}
[bridge.admin]
listen = "{admin}"
{more}
[bridge.sinks.file]
path = "{folder}/out"
linger = "20ms"
"""


def config(folder: Path, *, http: str = "", admin: str = "127.0.0.1:0", more: str = "") -> str:
    return CONFIG.format(folder=folder, http=http, admin=admin, more=more)


async def test_tls_and_token_of_a_running_daemon(tmp_path: Path) -> None:
    """Both listeners speak TLS; /metrics, with the token, tells when each certificate ends, a renewed one at once."""
    authority = Authority(tmp_path)
    made = {name: authority.issue(cert=tmp_path / f"{name}.pem") for name in ("http", "admin")}
    tables = {name: f'tls = {{ cert = "{cert}", key = "{key}" }}' for name, (cert, key) in made.items()}
    text = config(tmp_path, http=tables["http"], more=f'{tables["admin"]}\ntoken = "secret-of-the-house"')

    async def ends(session: ClientSession, admin: str) -> dict[str, float]:
        headers = {"Authorization": "Bearer secret-of-the-house"}
        async with session.get(f"{admin}/metrics", headers=headers, ssl=authority.client()) as answer:
            lines = (await answer.text()).splitlines()
        name = "apim_bridge_certificate_expiry_timestamp_seconds"
        found = [line.partition("} ") for line in lines if line.startswith(f"{name}{{")]
        return {label.split('"')[1]: float(value) for label, _, value in found}

    async with Daemon(tmp_path, text) as daemon, ClientSession() as session:
        admin = daemon.events("started")[0]["admin"]
        url = daemon.events("http_listening")[0]["url"]
        assert admin.startswith("https://127.0.0.1:")
        async with session.post(f"{url}/events", data=event(1), ssl=authority.client()) as answer:
            assert answer.status == 202
        async with session.get(f"{admin}/metrics", ssl=authority.client()) as answer:
            assert answer.status == 401
            assert answer.headers["Server"] == "apim-bridge"
        before = await ends(session, admin)
        assert set(before) == {"http", "admin"}
        authority.issue(cert=made["http"][0], days=25)
        after = await ends(session, admin)
        assert after["http"] > before["http"]
        assert after["admin"] == before["admin"]
        # Its lines come through a pipe, which the answer above may overtake.
        await daemon.until(lambda _: bool(daemon.events("tls_files_renewed")))
        assert daemon.events("tls_files_renewed")[0]["table"] == "[bridge.sources.http]"
        assert "secret-of-the-house" not in str(daemon.lines)
        code, output, _ = await daemon.command("check")
        assert code == 0
        assert "TLS of http: the certificate ends 20" in output


@pytest.mark.parametrize("command", ["run", "check"])
async def test_what_cannot_be_served_is_exit_code_2(tmp_path: Path, command: str) -> None:
    """A missing certificate, or an open door, is a configuration error with key and cure."""
    missing = config(tmp_path, http='tls = { cert = "/nowhere.pem", key = "/nowhere.key" }')
    code, _, errors = await Daemon(tmp_path, missing).command(command)
    assert code == 2
    assert (
        "[bridge.sources.http] tls cert = /nowhere.pem: No such file or directory; name a PEM file" in errors
    )
    opened = config(tmp_path).replace('listen = "127.0.0.1:0"', 'listen = "0.0.0.0:0"', 1)
    code, _, errors = await Daemon(tmp_path, opened).command(command)
    assert code == 2
    assert "is open to other machines and there are no tokens" in errors


async def test_open_admin_pages_are_warned_about(tmp_path: Path) -> None:
    """Beyond loopback without a token or client certificates anyone can read the admin pages: the start warns."""
    async with Daemon(tmp_path, config(tmp_path, admin="0.0.0.0:0")) as daemon:
        (line,) = daemon.events("configuration")
        assert "anyone who reaches 0.0.0.0:0 can read status and metrics; set token" in line["warning"]
    async with Daemon(tmp_path, config(tmp_path, admin="0.0.0.0:0", more='token = "t"')) as daemon:
        assert not daemon.events("configuration")


async def test_hundreds_of_stalled_senders(tmp_path: Path, many_files: int) -> None:
    """With hundreds of senders that stop in the middle of a request others are served, in little memory (P8)."""
    async with Daemon(tmp_path, config(tmp_path)) as daemon, ClientSession() as session:
        url = daemon.events("http_listening")[0]["url"]
        port = int(url.rsplit(":", 1)[1])
        before = daemon.resident_bytes()
        beginnings = [
            b"",
            b"POST /events HT",
            b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 4000,
            b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 999\r\n\r\n\x1f\x8b",
        ]
        opened = []
        for number in range(many_files):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(beginnings[number % len(beginnings)])
            opened.append(writer)
        for number in range(20):
            async with session.post(f"{url}/events", data=event(number)) as answer:
                assert answer.status == 202
        assert daemon.resident_bytes() - before < 64 * 2**20
        for writer in opened:
            writer.close()
        assert balanced(await daemon.until(lambda status: status["books"]["journalled"] == 20))


@pytest.fixture
def many_files() -> int:
    """How many connections this process may open, 900 if it can."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(100, min(900, soft - 200))

"""Sockets that outlive the daemon, and what systemd is told."""

import asyncio
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT
from rigs.daemon import Daemon, balanced
from rigs.events import event

from bridge.app.systemd import inherited_sockets, notify, watchdog_seconds

CONFIG = """
[bridge]
type = "file"
state_dir = "{folder}/state"
drain = "2s"
[bridge.sources.http]
listen = "127.0.0.1:9880"
{more}
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.sinks.file]
path = "{folder}/out"
linger = "20ms"
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        yield made


async def test_restarts_refuse_no_connection(tmp_path: Path, listener: socket.socket) -> None:
    """Over an inherited socket senders wait while the daemon is killed and restarted; nothing taken is lost (P1)."""
    port = listener.getsockname()[1]
    refused: list[OSError] = []
    over = asyncio.Event()

    async def send(number: int) -> None:
        """Open connections and send this event until it is acknowledged."""
        body = event(number)
        head = f"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError as error:
                refused.append(error)
                return
            try:
                writer.write(head.encode() + body)
                if (await reader.read()).startswith(b"HTTP/1.1 202 "):
                    return
            except ConnectionError:
                # It was killed with this connection open; the sender comes again.
                pass
            finally:
                writer.close()

    async def sender(first: int) -> int:
        number = first
        while not over.is_set():
            await send(number)
            number += 1
        return number - first

    daemon = Daemon(tmp_path, CONFIG.format(folder=tmp_path, more=""), sockets={"http": listener})
    async with daemon:
        assert daemon.events("http_listening")[0]["inherited"]
        senders = [asyncio.create_task(sender(first)) for first in (0, 1_000_000, 2_000_000)]
        for end in (daemon.kill, daemon.stop):
            await daemon.until(lambda status: status["books"]["journalled"] >= 20)
            await end()
            await daemon.start()
        over.set()
        sent = sum(await asyncio.gather(*senders))
        status = await daemon.until(
            lambda status: balanced(status) and not status["sinks"]["file"]["pending"]
        )
        assert refused == []
        assert status["books"]["journalled"] >= sent
        assert await daemon.stop() == 0
    out = b"".join(path.read_bytes() for path in sorted((tmp_path / "out").glob("*.ndjson")))
    ids = Counter(json.loads(line)["correlationId"] for line in out.splitlines())
    assert len(ids) == sent


async def test_an_inherited_socket_for_all_needs_tokens(tmp_path: Path) -> None:
    """The address of the socket is checked, not the one in the settings."""
    with socket.create_server(("0.0.0.0", 0)) as opened:
        daemon = Daemon(tmp_path, CONFIG.format(folder=tmp_path, more=""), sockets={"http": opened})
        await daemon.launch()
        assert await daemon.process.wait() == 2
        await daemon.kill()
        assert any("is open to other machines" in line.get("text", "") for line in daemon.lines)


async def test_an_inherited_socket_that_nobody_serves_is_refused(
    tmp_path: Path, listener: socket.socket
) -> None:
    """Senders would wait in its queue for ever: it is a configuration error."""
    text = CONFIG.format(folder=tmp_path, more="").replace("[bridge.sources.http]\nlisten", "#")
    text += f'[bridge.sources.log]\npaths = ["{tmp_path}/*.log"]\n'
    daemon = Daemon(tmp_path, text, sockets={"http": listener})
    await daemon.launch()
    assert await daemon.process.wait() == 2
    await daemon.kill()
    assert any('inherited socket 1 is called "http"' in line.get("text", "") for line in daemon.lines)


async def test_systemd_is_told(tmp_path: Path) -> None:
    """READY when events are taken, WATCHDOG as long as all is well, STOPPING when it stops."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        path = tmp_path / "notify"
        systemd.bind(str(path))
        systemd.setblocking(False)
        loop = asyncio.get_running_loop()
        daemon = Daemon(
            tmp_path,
            CONFIG.format(folder=tmp_path, more="").replace("9880", "0"),
            environ={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "100000"},
        )
        async with daemon, asyncio.timeout(20):
            assert await loop.sock_recv(systemd, 100) == b"READY=1"
            assert await loop.sock_recv(systemd, 100) == b"WATCHDOG=1"
            assert await loop.sock_recv(systemd, 100) == b"WATCHDOG=1"
            assert await daemon.stop() == 0
            while (said := await loop.sock_recv(systemd, 100)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1"


def test_nothing_is_taken_that_is_for_another_process() -> None:
    """Variables left over from a parent process are ignored; without systemd nobody is notified."""
    assert inherited_sockets({}, 7, ["http"]) == {}
    assert inherited_sockets({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 7, ["http"]) == {}
    assert watchdog_seconds({}, 7) is None
    assert watchdog_seconds({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "8"}, 7) is None
    assert watchdog_seconds({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "7"}, 7) == 5
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": "/nowhere/notify"})


def test_abstract_notify_socket() -> None:
    """An address that begins with @ is in Linux' abstract name space."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")
        name = systemd.getsockname().decode().replace("\0", "@", 1)
        notify("READY=1", {"NOTIFY_SOCKET": name})
        assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("listening", "names", "count", "said"),
    [
        (["http"], "http:admin", 2, "http admin"),
        (["http"], "apim-bridge.socket", 1, "http"),
        (["gateway"], "apim-bridge.socket", 1, "gateway"),
        (["http"], "admin", 1, "admin"),
        (["east", "west"], "west:east", 2, "west east"),
        (["east", "west"], "apim-bridge.socket", 1, "a source that listens (east, west)"),
        (["http"], "http:http", 2, 'inherited socket 2 is called "http"'),
        (["http"], "http:other", 2, 'inherited socket 2 is called "other"'),
        (["http"], "http", 2, 'inherited socket 2 is called ""'),
        (["http"], "datagram:", 1, "does not listen for TCP connections"),
        (["http"], "closed", 1, "Bad file descriptor"),
    ],
)
def test_names_of_inherited_sockets(listening: list[str], names: str, count: int, said: str) -> None:
    """Each listener finds its socket by name, a single one is for events, and one that fits nowhere is reported."""
    script = f"""
import os, socket
made = [socket.create_server(("127.0.0.1", 0)) for _ in range({count})]
if "datagram" in {names!r}:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
kept = [os.dup(one.fileno()) for one in made]
for number, one in enumerate(kept):
    os.dup2(one, 3 + number)
if {names!r} == "closed":
    os.close(3)
from bridge.app.systemd import inherited_sockets
from bridge.errors import SettingsError
environ = {{"LISTEN_PID": "1", "LISTEN_FDS": "{count}", "LISTEN_FDNAMES": {names!r}}}
try:
    print(*inherited_sockets(environ, 1, {listening!r}))
except SettingsError as error:
    print(error)
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-u", "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert said in done.stdout

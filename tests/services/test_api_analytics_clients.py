"""API Analytics' published clients, unmodified, in services of their frameworks: what they saw is in our store.

They are installed from the package registries, which takes half a minute.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
from fakes.country_file import write_countries
from rigs.commands import outcome
from rigs.daemon import Daemon, free_port
from services import client_programs as programs

from bridge.formats.api_analytics import hashed_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

PYTHON_PACKAGES: Final = (
    "api-analytics==1.2.7",
    "fastapi",
    "uvicorn",
    "flask",
    "django",
    "tornado",
    "requests",
)
NODE_PACKAGES: Final = ("node-api-analytics@1.3.0", "express", "fastify", "koa")
# Where the Python services are: their client sends local times.
ZONE: Final = "America/New_York"
CONFIG: Final = """
[bridge]
type = "analytics, archive"
state_dir = "{folder}/state"
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.privacy]
country_database = "{countries}"
[bridge.delivery]
linger = "50ms"
[bridge.sources.http]
listen = "127.0.0.1:{source}"
time_zone = "{zone}"
[bridge.analytics]
listen = "127.0.0.1:{analytics}"
[bridge.sinks.archive]
type = "file"
path = "{folder}/archive"
"""
HEADERS: Final = {"User-Agent": "tester/1.0", "X-AUTH-TOKEN": "user-1", "X-Forwarded-For": "203.0.113.7"}
PATHS: Final = ("/", "/orders/17")


class Running(NamedTuple):
    """A daemon with its analytics process."""

    source_url: str
    analytics_url: str
    folder: Path
    daemon: Daemon


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bridge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("bridge")
    countries = write_countries(folder / "countries.mmdb", {"203.0.113.0/24": {"country_code": "DE"}})
    source, analytics = free_port(), free_port()
    config = CONFIG.format(folder=folder, countries=countries, source=source, analytics=analytics, zone=ZONE)
    async with Daemon(folder, config) as daemon:
        await daemon.until(lambda status: status["analytics"]["pid"] is not None)
        yield Running(f"http://127.0.0.1:{source}", f"http://127.0.0.1:{analytics}", folder, daemon)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has the Python package, and its frameworks."""
    folder = tmp_path_factory.mktemp("python")
    python = str(folder / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [python, "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES],
    ):
        code, said = await outcome(command)
        assert code == 0, said
    return python


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has the Node package, and its frameworks."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no node here")
    folder = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *NODE_PACKAGES]
    code, said = await outcome(install)
    assert code == 0, said
    return folder


@asynccontextmanager
async def service(
    command: Sequence[str], bridge: Running, key: str, level: int
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run a service while the block runs; yields its URL."""
    port = free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "ADDRESS": bridge.source_url,
        "KEY": key,
        "LEVEL": str(level),
        "PORT": str(port),
        "TZ": ZONE,
    }
    process = await asyncio.create_subprocess_exec(*command, env=environ)
    try:
        async with asyncio.timeout(30):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def called(
    bridge: Running, key: str, url: str, process: asyncio.subprocess.Process
) -> list[dict[str, Any]]:
    """Make the calls, and return their rows as soon as they are there.

    A client sends with a later call, and some services note a call when they have answered it: so later ones are made
    until all are there.
    """
    rows: list[dict[str, Any]] = []
    async with (
        aiohttp.ClientSession(url, headers=HEADERS) as client,
        aiohttp.ClientSession(bridge.analytics_url, headers={"X-AUTH-TOKEN": key}) as asking,
    ):
        for path in PATHS:
            async with client.get(path) as answer:
                await answer.read()
        async with asyncio.timeout(60):
            while len(rows) < len(PATHS):
                process.send_signal(signal.SIGUSR1)
                await asyncio.sleep(0.2)
                async with client.get("/later") as answer:
                    await answer.read()
                async with asking.get("/api/data") as answer:
                    assert answer.status == 200, await answer.text()
                    rows = await answer.json()
    return rows[: len(PATHS)]


def check(rows: list[dict[str, Any]], url: str, level: int) -> None:
    """Compare rows with the calls that were made."""
    assert [one["path"] for one in rows] == [*PATHS]
    assert [one["status"] for one in rows] == [200, 404]
    host = url.removeprefix("http://")
    for one in rows:
        assert one["hostname"] in {host, host.partition(":")[0]}
        assert (one["method"], one["user_agent"], one["user_id"]) == (0, "tester/1.0", "user-1")
        assert one["ip_address"] == ("203.0.113.7" if level == 0 else "")
        assert one["location"] == ("DE" if level < 2 else "")
        assert 0 <= one["response_time"] < 5000
        made = datetime.fromisoformat(one["created_at"])
        assert abs(datetime.now(UTC) - made) < timedelta(minutes=3)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("framework", [*programs.PYTHON])
async def test_python(bridge: Running, python: str, framework: str, level: int) -> None:
    """Each framework of the Python package, with its mappers and a privacy level: every call is a row of its key."""
    key = str(uuid4())
    command = [python, "-c", programs.PYTHON[framework]]
    async with service(command, bridge, key, level) as (url, process):
        check(await called(bridge, key, url, process), url, level)
    await _is_a_dimension(bridge, key, framework)


@pytest.mark.parametrize("framework", [*programs.PYTHON])
async def test_python_as_it_is(bridge: Running, python: str, framework: str) -> None:
    """Without mappers of ours a row has the address that called, and no user."""
    key = str(uuid4())
    program = programs.MAPPERS.sub("", programs.PYTHON[framework])
    async with service([python, "-c", program], bridge, key, 0) as (url, process):
        rows = await called(bridge, key, url, process)
    assert [one["path"] for one in rows] == [*PATHS]
    assert {(one["ip_address"], one["user_agent"], one["user_id"]) for one in rows} == {
        ("127.0.0.1", "tester/1.0", "")
    }


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("framework", [*programs.NODE])
async def test_node(bridge: Running, node: Path, framework: str, level: int) -> None:
    """The same for the Node package."""
    key = str(uuid4())
    program = node / f"{framework}.mjs"
    program.write_text(programs.NODE[framework])
    async with service(["node", str(program)], bridge, key, level) as (url, process):
        check(await called(bridge, key, url, process), url, level)
    await _is_a_dimension(bridge, key, framework)


async def test_what_node_sends_again_is_counted_once(bridge: Running, node: Path) -> None:
    """While its post is under way each further call makes the Node package post all of them again."""
    key = str(uuid4())
    (node / "again.mjs").write_text(programs.NODE["Express"])
    before = (await bridge.daemon.ask("status"))["books"]["duplicate"]
    async with (
        service(["node", str(node / "again.mjs")], bridge, key, 0) as (url, process),
        aiohttp.ClientSession(url, headers=HEADERS) as client,
    ):
        await called(bridge, key, url, process)
        for number in range(100):
            process.send_signal(signal.SIGUSR1)
            await asyncio.gather(*(_get(client, f"/{number}/{place}") for place in range(20)))
            if (await bridge.daemon.ask("status"))["books"]["duplicate"] > before:
                break
        await bridge.daemon.until(lambda status: status["sinks"]["analytics"]["pending"] == 0)
    async with (
        aiohttp.ClientSession(bridge.analytics_url, headers={"X-AUTH-TOKEN": key}) as client,
        client.get("/api/data") as answer,
    ):
        paths = Counter(row["path"] for row in await answer.json() if row["path"].count("/") == 2)
    assert (await bridge.daemon.ask("status"))["books"]["duplicate"] > before
    assert set(paths.values()) == {1}


async def _get(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as answer:
        await answer.read()


async def _is_a_dimension(bridge: Running, key: str, framework: str) -> None:
    """The framework and the hash of the key tell calls apart; the key itself is nowhere on disk."""
    async with aiohttp.ClientSession(bridge.analytics_url, headers={"X-AUTH-TOKEN": key}) as client:
        asked = {"measures": ["calls"], "by": ["framework", "key"]}
        async with client.post("/api/query", json=asked) as answer:
            (row,) = (await answer.json())["rows"]
    assert (row["framework"], row["key"]) == (framework, hashed_key(key))
    for file in bridge.folder.rglob("*"):
        if file.is_file():
            assert key.encode() not in file.read_bytes(), file


async def test_programs_of_the_data_api(bridge: Running, python: str, node: Path) -> None:
    """The documentation's programs in Python, Node and curl get the same rows, with address and key changed."""
    key = str(uuid4())
    async with service([python, "-c", programs.PYTHON["Flask"]], bridge, key, 0) as (url, process):
        rows = await called(bridge, key, url, process)
    environ = {
        "ADDRESS": bridge.analytics_url,
        "KEY": key,
        "HOSTNAME": rows[0]["hostname"],
        "PATH": os.environ["PATH"],
    }
    (node / "data.mjs").write_text(programs.DATA_NODE)
    for command in (
        [python, "-c", programs.DATA_PYTHON],
        ["node", str(node / "data.mjs")],
        ["sh", "-c", programs.DATA_CURL],
    ):
        code, said = await outcome(command, environ)
        assert code == 0, said
        assert json.loads(said)[: len(rows)] == rows
    code, said = await outcome(["sh", "-c", programs.DATA_CURL_FILTERED], environ)
    assert code == 0, said
    assert json.loads(said)[0] == rows[0]


async def test_every_sink_gets_them(bridge: Running, python: str) -> None:
    """Calls of a client are events like all others: they stand in the archive, too."""
    key = str(uuid4())
    async with service([python, "-c", programs.PYTHON["FastAPI"]], bridge, key, 0) as (url, process):
        await called(bridge, key, url, process)
    async with asyncio.timeout(30):
        while True:
            text = "".join(
                file.read_text() for file in (bridge.folder / "archive").rglob("*") if file.suffix != ".gz"
            )
            if text.count(hashed_key(key)) >= len(PATHS):
                return
            await asyncio.sleep(0.05)

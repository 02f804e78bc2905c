"""(Long form) the image in both targets, built from the Dockerfile and run in a bare Debian root."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from fakes.bare_root import BareRoot, Bind, obstacle
from places import ROOT
from rigs.commands import outcome
from rigs.daemon import free_port
from rigs.dashboard_page import open_page
from rigs.scenes import KEY, correlation_ids, write_log

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike

# A Debian, two sets of libraries and the dashboard are fetched and built.
pytestmark = pytest.mark.timeout(1200)

ANALYTICS = ROOT / "deploy" / "kubernetes" / "analytics" / "analytics.toml"
# What each target may add to its base.
LARGEST_BYTES = {"sidecar": 64_000_000, "analytics": 140_000_000}


@asynccontextmanager
async def built(folder: Path, target: str, *, full: bool) -> AsyncIterator[BareRoot]:
    """Build a target of the image; yields it, small enough."""
    if not full:
        pytest.skip("a long test: --full")
    if reason := obstacle():
        pytest.skip(reason)
    root = BareRoot(folder / "image", target)
    root.folder.mkdir()
    try:
        await root.build()
        assert _bytes(root.added) < LARGEST_BYTES[target]
        yield root
    finally:
        # Hundreds of MB, which pytest would keep for a while.
        shutil.rmtree(root.folder)


async def test_the_image_in_a_bare_root(tmp_path: Path, full: bool) -> None:
    """The Dockerfile's steps make an image whose daemon runs unprivileged on a read-only root and delivers."""
    async with built(tmp_path, "sidecar", full=full) as root, _delivering(root, tmp_path) as daemon:
        assert _children(daemon.pid) == []
        binds = [Bind(ANALYTICS, root.image.environment["APIM_BRIDGE_CONFIG"])]
        code, said = await outcome(root.arguments([*root.image.entry_point, "analytics"], binds))
        assert (code, "use the image's target analytics" in said) == (2, True), said


async def test_the_image_with_analytics_in_a_bare_root(tmp_path: Path, full: bool) -> None:
    """The other target shows what its daemon takes, by a child of it, and is an analytics process of its own, too."""
    port = free_port()
    async with built(tmp_path, "analytics", full=full) as root:
        async with (
            _delivering(root, tmp_path, f'[bridge.analytics]\nlisten = "127.0.0.1:{port}"\n') as daemon,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
        ):
            (child,) = _children(daemon.pid)
            _is_confined(root, child)
            await _is_shown(client, 50)
        await _serves_alone(root, tmp_path)


@asynccontextmanager
async def _delivering(
    root: BareRoot, folder: Path, analytics: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Let its daemon deliver 50 events, run the block, let it deliver ten more and stop it.

    `analytics`: settings of an analytics process beside it.
    """
    state, logs, secrets = _volume(folder / "volume"), folder / "logs", folder / "secrets"
    for made in (logs, secrets):
        made.mkdir()
    (secrets / "moesif_key").write_text(KEY)
    port = free_port()
    lines = list(make_lines(60, seed=4))
    async with MoesifLookalike(key=KEY) as moesif:
        text = (ROOT / "deploy" / "kubernetes" / "base" / "bridge.toml").read_text()
        text = text.replace("0.0.0.0:9881", f"127.0.0.1:{port}")
        text += f'\n[bridge.sinks.moesif]\nbase_url = "{moesif.url}"\n'
        if analytics:
            text = text.replace('type = "moesif"', 'type = "moesif, analytics"') + analytics
        (folder / "bridge.toml").write_text(text)
        binds = [
            Bind(folder / "bridge.toml", root.image.environment["APIM_BRIDGE_CONFIG"]),
            Bind(state, root.image.volumes[0], read_only=False),
            Bind(logs, "/var/log/wso2am"),
            Bind(secrets, "/run/secrets"),
        ]
        command = [*root.image.entry_point, *root.image.arguments]
        code, said = await outcome(root.arguments(command, []))
        assert (code, "there is no such file" in said) == (2, True), said
        code, said = await outcome(root.arguments(command, [binds[0], binds[2], binds[3]]))
        assert (code, "Read-only file system; make it writable for uid 10001" in said) == (2, True), said

        async with _running(root.arguments(command, binds)) as process:
            write_log(folder, lines[:50])
            async with asyncio.timeout(30):
                await moesif.received(50)
            _is_confined(root, process.pid)
            assert await outcome(root.arguments(root.image.health_check, binds)) == (0, "")
            code, said = await outcome(root.arguments([*root.image.entry_point, "status", "--json"], binds))
            assert (code, json.loads(said)["books"]["journalled"]) == (0, 50)
            yield process
            # What comes last before the stop is delivered, too.
            write_log(folder, lines[50:])
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() == 0
        assert len(correlation_ids(moesif)) == 60
        assert moesif.duplicates == 0
        assert (await outcome(root.arguments(root.image.health_check, binds)))[0] == 1
    assert {path.stat().st_uid for path in state.rglob("*")} == {10001}
    assert [path.name for path in logs.iterdir()] == ["apim_metrics.log"]


async def _serves_alone(root: BareRoot, folder: Path) -> None:
    """Look at the analytics process without a daemon, as a container of its own runs it."""
    port = free_port()
    secrets = folder / "secrets"
    for use in ("ingest", "read"):
        (secrets / f"analytics_{use}_sha256").write_text(hashlib.sha256(use.encode()).hexdigest())
    text = ANALYTICS.read_text()
    (folder / "analytics.toml").write_text(text.replace("0.0.0.0:9882", f"127.0.0.1:{port}"))
    binds = [
        Bind(folder / "analytics.toml", root.image.environment["APIM_BRIDGE_CONFIG"]),
        Bind(_volume(folder / "store"), root.image.volumes[0], read_only=False),
        Bind(secrets, "/run/secrets"),
    ]
    health = [*root.image.health_check[:-1], f"127.0.0.1:{port}"]
    process = await asyncio.create_subprocess_exec(
        *root.arguments([*root.image.entry_point, "analytics"], binds), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert (await process.stdout.readline()).decode().strip() == f"http://127.0.0.1:{port}"
        assert await outcome(root.arguments(health, binds)) == (0, "")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            async with client.get("/api/state") as answer:
                assert answer.status == 401
            client.headers["Authorization"] = "Bearer read"
            await _is_shown(client, 0)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_shown(client: aiohttp.ClientSession, events: int) -> None:
    """Return when the dashboard shows so many events, and the books balance."""
    assert {"text/css", "text/javascript"} <= await open_page(client)
    async with asyncio.timeout(30):
        while True:
            async with client.get("/api/state") as answer:
                state = await answer.json()
            # Before a bridge has given an account nothing is known to be missing.
            if state["events"] == events and not state["books"]["missing"]:
                return
            await asyncio.sleep(0.1)


def _volume(folder: Path) -> Path:
    """Make a volume as Kubernetes gives it with fsGroup: root's, writable for the group."""
    folder.mkdir()
    os.chown(folder, 0, 10001)
    folder.chmod(0o2770)
    return folder


def _is_confined(root: BareRoot, process: int) -> None:
    """A process is not root, has no capability, and may write to its volume alone."""
    facts = _facts(process)
    assert facts["Uid"].split() == ["10001"] * 4
    assert int(facts["CapEff"], 16) == 0
    assert _writable(process) == {"/dev/null", "/dev/urandom", "/proc", root.image.volumes[0]}


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


@asynccontextmanager
async def _running(arguments: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        while json.loads(line := await process.stderr.readline())["event"] != "started":
            assert line
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _facts(process: int) -> dict[str, str]:
    """Return what the kernel says of a process (proc(5), status)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _writable(process: int) -> set[str]:
    """Return where a process may write at all, by its own view of what is mounted."""
    places = set()
    for line in Path(f"/proc/{process}/mountinfo").read_text().splitlines():
        place, options = line.split()[4:6]
        if "ro" not in options.split(","):
            places.add(place)
    return places


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())

"""The image: what its Dockerfile promises, and (long form) the image itself, built and run in a bare Debian root."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes.bare_root import BareRoot, Bind, obstacle
from fakes.image_steps import Copy, Run, read
from places import ROOT
from rigs.clock import FakeClock
from rigs.daemon import Daemon, free_port
from rigs.rig import Rig, writer_held
from rigs.scenes import KEY, config, correlation_ids, write_log

from bridge import __version__
from bridge.app.bridge import Bridge
from bridge.app.operations import Operations
from bridge.cli.settings import read as read_settings
from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.settings import AdminSettings, BridgeSettings
from bridge.sources.http.settings import HttpSourceSettings
from bridge.web.admin import STUCK_SECONDS
from bridge.web.listener import listening_on_file
from bridge.web.socket_file import FILE_NAME

BUILD, IMAGE = read(ROOT / "Dockerfile")
HEALTH_CHECK = ROOT / "deploy" / "image" / "healthcheck.py"
LARGEST_BYTES = 64_000_000


def test_the_base_is_pinned() -> None:
    """Both stages start from the same base, pinned by its exact version and digest."""
    assert BUILD.base == IMAGE.base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", BUILD.base)
    assert IMAGE.labels["org.opencontainers.image.base.name"].endswith(BUILD.base.partition("@")[0])


def test_dependencies_come_from_the_lock_with_hashes() -> None:
    """Nothing is installed but what the lock file names, by its hash, as a wheel."""
    installs = [step.command for step in BUILD.steps if isinstance(step, Run) and " install " in step.command]
    assert len(installs) == 1
    assert '--require-hashes --only-binary :all: -r "$LOCK"' in installs[0]
    assert BUILD.environment["LOCK"] == "requirements.lock"
    assert not [step for step in IMAGE.steps if isinstance(step, Run) and "pip" in step.command]


def test_a_container_starts_unprivileged_and_without_a_shell() -> None:
    """The user is a number other than 0, and what runs is Python, so that SIGTERM reaches it."""
    assert IMAGE.user == "10001:10001"
    assert IMAGE.entry_point == ["/opt/apim-bridge/bin/apim-bridge"]
    assert IMAGE.arguments == ["run"]
    assert (
        (ROOT / "deploy" / "image" / "apim-bridge").read_text().startswith("#!/opt/apim-bridge/bin/python3\n")
    )


def test_the_image_agrees_with_the_settings() -> None:
    """Volume, ports and version are those of the settings and the package."""
    assert IMAGE.volumes == [str(BridgeSettings().state_dir)]
    assert IMAGE.ports == [HttpSourceSettings().listen.port, AdminSettings().listen.port]
    assert IMAGE.labels["org.opencontainers.image.version"] == __version__
    assert IMAGE.health_check[-1] == IMAGE.volumes[0]
    assert IMAGE.environment["APIM_BRIDGE_CONFIG"] == "/etc/apim-bridge/bridge.toml"


def test_the_build_context_is_what_the_image_needs() -> None:
    """.dockerignore lets in what the Dockerfile copies, and no more."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for step in BUILD.steps + IMAGE.steps
        if isinstance(step, Copy) and step.stage is None
        for source in step.sources
    }
    assert "*" in lines
    assert all((ROOT / source).exists() for source in copied)
    assert allowed == {source if source.count("/") == 0 else str(Path(source).parent) for source in copied}


def test_what_is_not_understood_is_refused(tmp_path: Path) -> None:
    """An instruction that is not followed here cannot come into the Dockerfile unseen."""
    (tmp_path / "Dockerfile").write_text("FROM base\nADD x y\n")
    with pytest.raises(ValueError, match="ADD"):
        read(tmp_path / "Dockerfile")


async def test_the_health_check_asks_the_daemon(tmp_path: Path) -> None:
    """It passes while a daemon runs on the state folder, whatever its ports are, and fails with a word without."""
    write_log(tmp_path, [])
    ask = [sys.executable, "-IS", str(HEALTH_CHECK), str(tmp_path / "state")]
    async with Daemon(tmp_path, config(tmp_path, "http://127.0.0.1:9")) as daemon:
        assert await _outcome(ask) == (0, "")
        assert await daemon.stop() == 0
    code, said = await _outcome(ask)
    assert code == 1
    assert said.startswith("no bridge answers on ")


async def test_the_health_check_fails_when_the_writer_is_stuck(tmp_path: Path) -> None:
    """A disk of the journal that no longer answers is reported as that."""
    clock = FakeClock(hasty=True)
    state = tmp_path / "state"
    (tmp_path / "bridge.toml").write_text(config(tmp_path, "http://127.0.0.1:9"))
    async with Bridge.opened(read_settings(tmp_path / "bridge.toml"), clock) as bridge:
        rig = Rig(state, clock, {})
        rig.journal = bridge.journal
        commands = Operations(bridge).control_socket().routes()
        async with listening_on_file(commands, state / FILE_NAME), writer_held(rig):
            # The writer's thread goes by the system's clock.
            clock.now = time.monotonic() + STUCK_SECONDS
            code, said = await _outcome([sys.executable, "-IS", str(HEALTH_CHECK), str(state)])
    assert code == 1
    assert "the journal's writer has been busy with one transaction for" in said


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("missing.toml", "there is no such file; name it with --config or APIM_BRIDGE_CONFIG"),
        (".", "is a folder, not a file; name it with --config"),
        ("bridge.toml", "make it writable for uid"),
    ],
)
async def test_a_missing_configuration_or_volume_is_told_in_a_line(
    tmp_path: Path, where: str, said: str
) -> None:
    """A file that is not mounted, or that this user may not read, ends it with exit code 2 and the cure."""
    (tmp_path / "file").touch()
    text = config(tmp_path, "http://127.0.0.1:9").replace(f"{tmp_path}/state", f"{tmp_path}/file/state")
    (tmp_path / "bridge.toml").write_text(text)
    code, lines = await _outcome([sys.executable, "-m", "bridge", "run", "--config", str(tmp_path / where)])
    assert code == 2
    assert said in lines
    assert lines.count("\n") == 1


async def test_the_image_in_a_bare_root(tmp_path: Path, full: bool) -> None:
    """The Dockerfile's steps make an image whose daemon runs unprivileged on a read-only root and delivers."""
    if not full:
        pytest.skip("a long test: --full")
    if reason := obstacle():
        pytest.skip(reason)
    root = BareRoot(tmp_path / "image")
    root.folder.mkdir()
    try:
        await root.build()
        assert _bytes(root.added) < LARGEST_BYTES
        await _delivers(root, tmp_path)
    finally:
        # 300 MB, which pytest would keep for a while.
        shutil.rmtree(root.folder)


async def test_every_dependency_has_a_wheel_for_arm(tmp_path: Path, full: bool) -> None:
    """What the image installs can be had for Arm without a compiler, under the hashes of the same lock."""
    if not full:
        pytest.skip("a long test: --full")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--target", str(tmp_path)]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements.lock")]
    for platform in ("manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64"):
        command += ["--platform", platform]
    code, said = await _outcome([*command, "--python-version", "3.11", "--no-deps", "--quiet"])
    assert code == 0, said


async def _delivers(root: BareRoot, folder: Path) -> None:
    state, logs, secrets = folder / "volume", folder / "logs", folder / "secrets"
    for made in (state, logs, secrets):
        made.mkdir()
    # As Kubernetes gives a volume with fsGroup: root's, writable for the group.
    os.chown(state, 0, 10001)
    state.chmod(0o2770)
    (secrets / "moesif_key").write_text(KEY)
    port = free_port()
    lines = list(make_lines(60, seed=4))
    async with MoesifLookalike(key=KEY) as moesif:
        text = (ROOT / "deploy" / "kubernetes" / "base" / "bridge.toml").read_text()
        text = text.replace("0.0.0.0:9881", f"127.0.0.1:{port}")
        (folder / "bridge.toml").write_text(f'{text}\n[bridge.sinks.moesif]\nbase_url = "{moesif.url}"\n')
        binds = [
            Bind(folder / "bridge.toml", root.image.environment["APIM_BRIDGE_CONFIG"]),
            Bind(state, root.image.volumes[0], read_only=False),
            Bind(logs, "/var/log/wso2am"),
            Bind(secrets, "/run/secrets"),
        ]
        command = [*root.image.entry_point, *root.image.arguments]
        code, said = await _outcome(root.arguments(command, []))
        assert (code, "there is no such file" in said) == (2, True), said
        code, said = await _outcome(root.arguments(command, [binds[0], binds[2], binds[3]]))
        assert (code, "Read-only file system; make it writable for uid 10001" in said) == (2, True), said

        async with _running(root.arguments(command, binds)) as process:
            write_log(folder, lines[:50])
            async with asyncio.timeout(30):
                await moesif.received(50)
            facts = _facts(process.pid)
            assert facts["Uid"].split() == ["10001"] * 4
            assert int(facts["CapEff"], 16) == 0
            assert _writable(process.pid) == {"/dev/null", "/dev/urandom", "/proc", root.image.volumes[0]}
            assert await _outcome(root.arguments(root.image.health_check, binds)) == (0, "")
            code, said = await _outcome(root.arguments([*root.image.entry_point, "status", "--json"], binds))
            assert (code, json.loads(said)["books"]["journalled"]) == (0, 50)
            # What comes last before the stop is delivered, too.
            write_log(folder, lines[50:])
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() == 0
        assert len(correlation_ids(moesif)) == 60
        assert moesif.duplicates == 0
        assert (await _outcome(root.arguments(root.image.health_check, binds)))[0] == 1
    assert {path.stat().st_uid for path in state.iterdir()} == {10001}
    assert [path.name for path in logs.iterdir()] == ["apim_metrics.log"]


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


async def _outcome(command: list[str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


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

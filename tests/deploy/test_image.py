"""The image: what its Dockerfile promises, in both targets. test_image_built.py builds and runs it."""

import re
import sys
import time
from pathlib import Path

import pytest
from fakes.image_steps import Copy, Run, Stage, read
from places import ROOT
from rigs.analytics_server import listening
from rigs.clock import FakeClock
from rigs.commands import outcome
from rigs.daemon import Daemon
from rigs.rig import Rig, writer_held
from rigs.scenes import config, write_log

from bridge import __version__
from bridge.app.bridge import Bridge
from bridge.app.operations import Operations
from bridge.cli.settings import read as read_settings
from bridge.settings import BridgeSettings
from bridge.sources.http.settings import HttpSourceSettings
from bridge.web.admin import STUCK_SECONDS
from bridge.web.listener import listening_on_file
from bridge.web.socket_file import FILE_NAME

STAGES = {stage.name: stage for stage in read(ROOT / "Dockerfile")}
IMAGE = STAGES["sidecar"]
TARGETS = [IMAGE, STAGES["analytics"]]
STEPS = [step for stage in STAGES.values() for step in stage.steps]
HEALTH_CHECK = ROOT / "deploy" / "image" / "healthcheck.py"


def test_the_base_is_pinned() -> None:
    """All stages start from the same base, pinned by its exact version and digest."""
    (base,) = {stage.base for stage in STAGES.values()}
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert IMAGE.labels["org.opencontainers.image.base.name"].endswith(base.partition("@")[0])


def test_dependencies_come_from_the_locks_with_hashes() -> None:
    """Nothing is installed but what the lock files name, by its hash, as a wheel; node's packages by their lock."""
    installs = {step.command for step in STEPS if isinstance(step, Run) and " -m pip " in step.command}
    assert {command.partition(" install ")[2] for command in installs} == {
        f"--require-hashes --only-binary :all: -r {lock}.lock"
        for lock in ("requirements", "requirements-analytics", "requirements-page")
    }
    build = (ROOT / "bridge" / "analytics" / "ui" / "build").read_text()
    assert "npm ci" in build
    assert "npm install" not in build


def test_only_the_target_analytics_has_what_analytics_need() -> None:
    """The image for gateways, which is what is built if no target is named, has neither DuckDB nor the dashboard."""
    assert list(STAGES)[-1] == "sidecar"
    sources = {name: [step.stage for step in STAGES[name].steps if isinstance(step, Copy)] for name in STAGES}
    assert sources["sidecar"] == ["build"]
    assert sources["build"] == [None, None, None]
    assert sources["analytics"] == ["build-analytics"]
    assert "page" in sources["build-analytics"]


@pytest.mark.parametrize("image", TARGETS, ids=lambda image: image.name)
def test_a_container_starts_unprivileged_and_without_a_shell(image: Stage) -> None:
    """The user is a number other than 0, and what runs is Python, so that SIGTERM reaches it."""
    assert image.user == "10001:10001"
    assert image.entry_point == ["/opt/apim-bridge/bin/apim-bridge"]
    assert image.arguments == ["run"]
    assert (
        (ROOT / "deploy" / "image" / "apim-bridge").read_text().startswith("#!/opt/apim-bridge/bin/python3\n")
    )


@pytest.mark.parametrize("image", TARGETS, ids=lambda image: image.name)
def test_the_image_agrees_with_the_settings(image: Stage) -> None:
    """Volume, ports and version are those of the settings and the package."""
    settings = BridgeSettings()
    assert image.volumes == [str(settings.state_dir)]
    ports = [HttpSourceSettings().listen.port, settings.admin.listen.port]
    assert image.ports == [*ports, *([settings.analytics.listen.port] if image.name == "analytics" else [])]
    assert image.labels["org.opencontainers.image.version"] == __version__
    assert image.health_check[-1] == image.volumes[0]
    assert image.environment["APIM_BRIDGE_CONFIG"] == "/etc/apim-bridge/bridge.toml"


def test_the_build_context_is_what_the_image_needs() -> None:
    """.dockerignore lets in what the Dockerfile copies, and no more: nothing that was built in this checkout."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for step in STEPS
        if isinstance(step, Copy) and step.stage is None
        for source in step.sources
        if source != "bridge/analytics/ui"
    }
    assert "*" in lines
    assert all((ROOT / source).exists() for source in copied)
    assert allowed == {source if source.count("/") == 0 else str(Path(source).parent) for source in copied}
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    assert {line for line in ignored if line.startswith("bridge/")} <= set(lines)


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
        assert await outcome(ask) == (0, "")
        assert await daemon.stop() == 0
    code, said = await outcome(ask)
    assert code == 1
    assert said.startswith("nothing answers on ")


async def test_the_health_check_asks_an_analytics_process(tmp_path: Path) -> None:
    """Where an analytics process runs without a daemon, it is asked on its address."""
    ask = [sys.executable, "-IS", str(HEALTH_CHECK)]
    async with listening(tmp_path) as url:
        assert await outcome([*ask, url.removeprefix("http://")]) == (0, "")
    code, said = await outcome([*ask, url.removeprefix("http://")])
    assert (code, said.strip()) == (
        1,
        f"nothing answers on {url.removeprefix('http://')}: Connection refused",
    )


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
            code, said = await outcome([sys.executable, "-IS", str(HEALTH_CHECK), str(state)])
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
    code, lines = await outcome([sys.executable, "-m", "bridge", "run", "--config", str(tmp_path / where)])
    assert code == 2
    assert said in lines
    assert lines.count("\n") == 1


@pytest.mark.parametrize("lock", ["requirements-analytics.lock", "requirements-page.lock"])
async def test_every_dependency_has_a_wheel_for_arm(tmp_path: Path, full: bool, lock: str) -> None:
    """What the image installs can be had for Arm without a compiler, under the hashes of the same lock."""
    if not full:
        pytest.skip("a long test: --full")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--target", str(tmp_path)]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / lock)]
    for platform in ("manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64"):
        command += ["--platform", platform]
    code, said = await outcome([*command, "--python-version", "3.11", "--no-deps", "--quiet"])
    assert code == 0, said

"""An installation without the extra `analytics`, as the image for gateways is one."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from places import ROOT

CONFIG = """
[apim.analytics]
enable = true
type = "analytics"
[bridge]
state_dir = "{folder}/state"
[bridge.sources.log]
paths = ["{folder}/*.log"]
"""
URL = '[bridge.sinks.analytics]\nurl = "http://127.0.0.1:9"\n'


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where all libraries are but those of the extra."""
    libraries = folder / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.suffix != ".pth" and not path.name.startswith(
            ("duckdb", "_duckdb", "ua_parser", "aiosmtplib", "standardwebhooks")
        ):
            (libraries / path.name).symlink_to(path)
    return subprocess.run(
        [sys.executable, "-S", "-m", "bridge", *arguments, "--config", str(folder / "bridge.toml")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{libraries}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["analytics", "run", "check"])
def test_what_needs_the_extra_says_so(tmp_path: Path, name: str) -> None:
    """Exit code 2 and one line with the cure, before anything is started."""
    (tmp_path / "bridge.toml").write_text(CONFIG.format(folder=tmp_path))
    ended = command(tmp_path, name)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert (
        "needs aiosmtplib and duckdb and standardwebhooks and ua_parser, "
        "which this installation does not have; install apim-" in ended.stderr
    )
    assert not (tmp_path / "state").exists()


def test_a_bridge_that_sends_to_another_machine_needs_no_extra(tmp_path: Path) -> None:
    """With a url the events go there, from the smallest installation."""
    (tmp_path / "bridge.toml").write_text(CONFIG.format(folder=tmp_path) + URL)
    ended = command(tmp_path, "check", "--offline")
    assert ended.returncode == 0, ended.stderr

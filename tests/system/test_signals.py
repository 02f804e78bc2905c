"""Signals to the daemon at every moment of its start, as an ordinary process and as process 1."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from rigs.daemon import Daemon
from rigs.scenes import config

TERM = 1 << (signal.SIGTERM - 1)


def test_the_handlers_come_before_the_imports() -> None:
    """The module that sets the handlers imports nothing that takes time, and sets them for the daemon alone."""
    code = (
        "import signal, sys, bridge.__main__; assert not {'asyncio', 'click', 'ssl', 'aiohttp'} & set(sys.modules);"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def handles(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM."""
    with contextlib.suppress(FileNotFoundError):
        status = Path(f"/proc/{pid}/status").read_text()
        return bool(int(status.split("SigCgt:")[1].split()[0], 16) & TERM)
    return False


def runs(daemon: Daemon) -> bool:
    """Whether the daemon's process is there, under whatever runs it, and has its handlers."""
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    if daemon.under:
        return bool(children) and handles(int(children[0]))
    return handles(daemon.process.pid)


def under_process_1() -> list[str]:
    """Return the command under which a program is process 1; skips the test without the right to it."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "--pid", "--fork", "--kill-child"]
    if unshare is None or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may have processes of its own numbers")
    return command


async def started(folder: Path, under: list[str]) -> Daemon:
    """Start a daemon; returns as soon as it handles signals."""
    folder.mkdir()  # noqa: ASYNC240 - at once
    daemon = Daemon(folder, config(folder, "http://127.0.0.1:1"), fresh=True, under=under)
    await daemon.launch()
    async with asyncio.timeout(30):
        while not runs(daemon):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    return daemon


@pytest.mark.parametrize("first", [False, True], ids=["a process", "process 1"])
async def test_a_stop_at_any_moment_of_the_start(tmp_path: Path, first: bool) -> None:
    """SIGTERM, from the first moment on, ends the daemon with exit code 0: none is lost, none kills."""
    under = under_process_1() if first else []

    async def stop(number: int, seconds: float) -> int:
        daemon = await started(tmp_path / str(number), under)
        await asyncio.sleep(seconds)
        async with asyncio.timeout(60):
            return await daemon.stop()

    moments = [0.0, random.uniform(0, 1.5)]
    assert await asyncio.gather(*(stop(number, at) for number, at in enumerate(moments))) == [0, 0]


async def test_a_reload_at_the_start(tmp_path: Path) -> None:
    """SIGHUP while the daemon starts does not end it: it starts with the file as it is, and goes on."""
    daemon = await started(tmp_path / "hup", [])
    try:
        os.kill(daemon.pid, signal.SIGHUP)
        async with asyncio.timeout(60):
            await daemon._started.wait()
        os.kill(daemon.pid, signal.SIGHUP)
        assert await daemon.stop() == 0
    finally:
        if daemon._process is not None:
            await daemon.kill()

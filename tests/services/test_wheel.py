"""The wheel in a bare environment: what it asks for is enough, and it brings the dashboard ready."""

import asyncio
import json
import re
import sys
from pathlib import Path

import aiohttp
import pytest
from places import ROOT
from rigs.commands import outcome
from rigs.dashboard_page import open_page
from rigs.wheels import build, copied

from bridge.analytics.server.page import STATIC
from bridge.demo.gateway import GatewayStandIn

pytestmark = pytest.mark.skipif(
    not (STATIC / "index.html").exists(), reason="the page is not built: make page"
)

# The tests' own variables put this repository on every path.
BARE = {"PATH": "/usr/bin:/bin"}


async def test_the_wheel_opens_the_dashboard(tmp_path: Path) -> None:
    """It goes into a new environment with its extra, at the locked versions, and serves the page and its data.

    Without the extra the same installation is a bridge for gateways.
    """
    built = build(copied(tmp_path, static=STATIC), tmp_path / "dist", "wheel")
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    code, said = await outcome([sys.executable, "-m", "venv", str(tmp_path / "venv")])
    assert code == 0, said
    await _install(tmp_path, str(wheel))
    (tmp_path / "bridge.toml").write_text(
        f'[bridge]\nstate_dir = "{tmp_path}/state"\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n'
    )
    program = tmp_path / "venv" / "bin" / "apim-bridge"
    serve = [str(program), "analytics", "--config", str(tmp_path / "bridge.toml")]
    code, said = await outcome(serve, BARE)
    assert (code, "install apim-event-bridge[analytics]" in said) == (2, True), said

    await _install(tmp_path, f"apim-event-bridge[analytics] @ {wheel.as_uri()}")
    event = json.dumps(GatewayStandIn(seed=1).call().event)
    process = await asyncio.create_subprocess_exec(
        *serve, stdout=asyncio.subprocess.PIPE, cwd=tmp_path, env=BARE
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession(url) as client:
            assert {"text/css", "text/javascript"} <= await open_page(client)
            async with client.post(
                "/ingest", data=event, headers={"Content-Type": "application/json"}
            ) as answer:
                assert answer.status == 200, await answer.text()
            async with client.get("/api/state") as answer:
                assert (await answer.json())["events"] == 1
    finally:
        process.terminate()
        assert await process.wait() == 0


async def _install(folder: Path, what: str) -> None:
    """Install a requirement into the environment in a folder, with the versions of the lock file."""
    lock = (ROOT / "requirements-analytics.lock").read_text()
    pins = folder / "constraints.txt"
    pins.write_text("\n".join(re.findall(r"^[^\s#]+==[^\\\n]+", lock, re.MULTILINE)))
    python = str(folder / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", str(pins), what]
    code, said = await outcome(install)
    assert code == 0, said

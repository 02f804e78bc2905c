"""The daemon with its analytics process: every event is shown once, whichever of the two is killed."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
from rigs.daemon import Daemon, free_port
from rigs.scenes import config, done, write_log

from bridge.cli.status_report import troubles
from bridge.demo.gateway import make_lines

ANALYTICS = """
[bridge.analytics]
listen = "127.0.0.1:{port}"
[bridge.sinks.analytics]
retry_max = "200ms"
"""


async def state(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/state") as answer:
        told: dict[str, Any] = await answer.json()
        return told


async def ended(pid: int) -> None:
    async with asyncio.timeout(30):
        while os.path.exists(f"/proc/{pid}"):  # noqa: ASYNC110, ASYNC240, PTH110 - another process
            await asyncio.sleep(0.02)


async def test_every_event_is_shown_once_through_kills(tmp_path: Path) -> None:
    """P1, P5: after kill -9 of either, a rewind and a reload, the store has each event once."""
    port = free_port()
    text = config(tmp_path, "", type="analytics", sinks=ANALYTICS.format(port=port))
    lines = list(make_lines(300, seed=6))
    write_log(tmp_path, lines[:100])
    daemon = Daemon(tmp_path, text)
    async with daemon:
        status = await daemon.until(lambda now: done(now, 100) and now["analytics"]["running"])
        url, first = status["analytics"]["url"], status["analytics"]["pid"]
        assert (await state(url))["events"] == 100

        write_log(tmp_path, lines[100:150])
        os.kill(first, signal.SIGKILL)
        write_log(tmp_path, lines[150:200])
        status = await daemon.until(
            lambda now: done(now, 200) and now["analytics"]["pid"] not in {None, first}
        )
        assert (await state(url))["events"] == 200
        assert daemon.events("analytics_ended")
        unwell = status | {"analytics": status["analytics"] | {"running": False}}
        assert [line for line in troubles(unwell) if "analytics process" in line]
        assert not [line for line in troubles(status) if "analytics process" in line]

        second = status["analytics"]["pid"]
        await daemon.ask("reload")
        await daemon.ask("rewind", sink="analytics", to_ms=0)
        write_log(tmp_path, lines[200:250])
        await daemon.until(lambda now: done(now, 250) and now["sinks"]["analytics"]["rewound"] > 0)
        assert (await state(url))["events"] == 250
        assert (await daemon.ask("status"))["analytics"]["pid"] == second

        await daemon.kill()
        # Nobody tells it: it sees that its pipe is closed.
        await ended(second)
        write_log(tmp_path, lines[250:])
        await daemon.start()
        status = await daemon.until(lambda now: done(now, 300))
        told = await state(url)
        assert (told["events"], told["books"]["missing"]) == (300, 0)
        third = status["analytics"]["pid"]
        assert await daemon.stop() == 0
        await ended(third)

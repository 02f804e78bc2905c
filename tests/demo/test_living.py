"""The made-up gateway of `make run`: calls of the last days first, then one after the other."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.demo.living import busy, live, past
from bridge.events.times import parse_ms
from bridge.journal import StateLock

NOW_MS = 1_795_220_186_000


def test_the_last_days_are_there_in_their_order() -> None:
    """Each day has its calls, oldest first, none in the future, and days differ from nights."""
    lines = list(past(NOW_MS, days=2))
    times = [json.loads(line.partition(b"properties :")[2])["requestTimestamp"] for line in lines]
    moments = [parse_ms(time) or 0 for time in times]
    assert max(moments) <= NOW_MS
    days = {(NOW_MS - moment) // 86_400_000 for moment in moments}
    assert {0, 1} <= days
    assert busy(1_795_212_000 + 6 * 3600) != busy(1_795_212_000 + 18 * 3600)


async def test_a_second_start_writes_no_second_past(tmp_path: Path) -> None:
    """Calls go on where they were; those of the last days stand in the log once."""
    sizes = []
    for _ in range(2):
        writing = asyncio.create_task(live(tmp_path / "logs", days=1))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        sizes.append((tmp_path / "logs" / "apim_metrics.log").stat().st_size)
    assert sizes[1] - sizes[0] < 10_000 < sizes[0]


LIVE = """
[apim.analytics]
enable = true
type = "file"
[bridge]
state_dir = "{folder}/state"
[bridge.sources.log]
paths = ["{folder}/logs/apim_metrics*.log"]
[bridge.sinks.file]
path = "{folder}/delivered"
"""


def test_ctrl_c_in_the_first_moment_waits_for_the_daemon(tmp_path: Path) -> None:
    """While it still writes the last days, it ends as at any other time: after the daemon, and well."""
    config = tmp_path / "bridge.toml"
    config.write_text(LIVE.format(folder=tmp_path))
    with subprocess.Popen([sys.executable, "-m", "bridge", "demo", "--live", str(config)]) as process:
        while not (tmp_path / "state/journal.db").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    lock = StateLock(tmp_path / "state")
    lock.acquire()
    lock.release()

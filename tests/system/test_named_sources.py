"""Two logs and two listeners beside each other: each goes by its own settings and is counted under its name."""

import re
from pathlib import Path

import aiohttp
from rigs.daemon import Daemon, balanced
from rigs.events import event
from rigs.scenes import write_log

from bridge.demo.gateway import make_lines

CONFIG = """
[bridge]
type = "file"
state_dir = "{folder}/state"
[bridge.sources.log]
paths = ["{folder}/one/logs/*.log"]
poll_interval = "20ms"
[bridge.sources.audit]
type = "log"
paths = ["{folder}/two/logs/*.log"]
poll_interval = "20ms"
[bridge.sources.east]
type = "http"
listen = "127.0.0.1:0"
[bridge.sources.west]
type = "http"
listen = "127.0.0.1:0"
tokens = ["secret-of-the-west"]
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.sinks.file]
path = "{folder}/out"
linger = "20ms"
"""


async def test_each_source_is_counted_under_its_name(tmp_path: Path) -> None:
    """P2: after kill -9 every line of both logs is journalled once; requests go by their own listener's tokens."""
    lines = {"one": list(make_lines(40, seed=1)), "two": list(make_lines(60, seed=2))}
    for log, its in lines.items():
        (tmp_path / log).mkdir()
        write_log(tmp_path / log, its[: len(its) // 2])
    daemon = Daemon(tmp_path, CONFIG.format(folder=tmp_path))
    async with daemon, aiohttp.ClientSession() as session:
        await daemon.until(lambda now: now["books"]["journalled"] == 50)
        await daemon.kill()
        for log, its in lines.items():
            write_log(tmp_path / log, its[len(its) // 2 :])
        await daemon.start()
        urls = {line["source"]: line["url"] for line in daemon.events("http_listening") if line["url"]}
        assert set(urls) == {"east", "west"}
        token = {"Authorization": "Bearer secret-of-the-west"}
        for name, headers, code in (("east", {}, 202), ("west", {}, 401), ("west", token, 202)):
            async with session.post(
                f"{urls[name]}/events", data=event(ord(name[0])), headers=headers
            ) as answer:
                assert answer.status == code
        status = await daemon.until(lambda now: now["sinks"]["file"]["delivered"] == 102)
        assert balanced(status)
        assert {name: shown["type"] for name, shown in status["sources"].items()} == {
            "log": "log",
            "audit": "log",
            "east": "http",
            "west": "http",
        }
        assert status["sources"]["audit"]["lag_bytes"] == 0
        assert status["sources"]["east"]["url"] == urls["east"]
        admin = daemon.events("started")[-1]["admin"]
        async with session.get(f"{admin}/metrics") as answer:
            text = await answer.text()
    journalled = re.findall(r'events_journalled_total\{source="(\w+)"\} (\S+)', text)
    assert {name: float(value) for name, value in journalled} == {
        "log": 40,
        "audit": 60,
        "east": 1,
        "west": 1,
    }
    followed = re.findall(r'log_files_followed\{source="(\w+)"\} (\S+)', text)
    assert {name: float(value) for name, value in followed} == {"log": 1, "audit": 1}
    assert 'apim_bridge_http_requests_total{code="401",path="/events",source="west"} 1.0' in text

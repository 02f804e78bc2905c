"""`apim-bridge erase`: with and without a process that serves the store."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.tagged_events import calls, received
from rigs.analytics_erasing import traces
from rigs.analytics_server import listening
from rigs.forks import run_command

from bridge.analytics.store import Store


def configured(tmp_path: Path) -> Path:
    config = tmp_path / "bridge.toml"
    config.write_text(f'[bridge]\nstate_dir = "{tmp_path}"\n')
    return config


def named(count: int) -> list[dict[str, Any]]:
    return [*calls(count, userName="zebulon", applicationName="App of zebulon")]


async def test_it_does_the_work_where_no_process_serves(tmp_path: Path) -> None:
    """The command erases, and shows the receipt."""
    async with Store.opened(tmp_path / "analytics") as store:
        await store.append([received(one) for one in [*named(20), *calls(5, 100)]])
    config = configured(tmp_path)
    code, output, errors = run_command("erase", "user", "zebulon", "--config", str(config))
    assert (code, "20 events are deleted" in output) == (0, True), (output, errors)
    assert "backups of this store's folder" in output
    assert traces(tmp_path / "analytics", "zebulon") == []
    code, output, _ = run_command("erase", "--list", "--config", str(config))
    assert (code, "zebulon" in output, "the command line" in output) == (0, False, True)


async def test_the_process_does_it_where_one_serves(tmp_path: Path) -> None:
    """The command leaves the job to it, and --list follows it."""
    config = configured(tmp_path)
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        body = "\n".join(map(json.dumps, named(20)))
        async with client.post(
            "/ingest", data=body, headers={"Content-Type": "application/x-ndjson"}
        ) as answer:
            assert answer.status == 200
        asked = ("erase", "application", "App of zebulon", "--keep-counts", "--config", str(config), "--json")
        code, output, errors = await asyncio.to_thread(run_command, *asked)
        job = json.loads(output)
        assert (code, job["keep"], job["field"]) == (0, "counts", "application"), errors
        async with asyncio.timeout(30):
            while job["state"] != "done":
                listed = ("erase", "--list", "--json", "--config", str(config))
                _, output, _ = await asyncio.to_thread(run_command, *listed)
                (job,) = json.loads(output)
        assert (job["kept"], job["value"]) == (20, None)
    assert traces(tmp_path / "analytics", "App of zebulon") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user",), "say whose data"),
        (("key", "short"), "no key of API Analytics"),
        (("user", "x"), "there is no store in"),
        (("person", "x"), "is not one of"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """It is refused with what is wrong."""
    code, output, errors = run_command("erase", *words, "--config", str(configured(tmp_path)))
    assert code != 0
    assert said in output + errors

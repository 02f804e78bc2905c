"""The whole way of an event, with the real daemon: WSO2's recorded output, faults, crashes, several sinks."""

import asyncio
import json
import random
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from places import DATA, RECORDED
from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import KEY, config, correlation_ids, done, write_log

from bridge.demo.gateway import GatewayStandIn, RollingLog, make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.journal.blocks import unpack_ids


@pytest.mark.parametrize(
    ("trouble", "recorded"),
    [*(("none", folder) for folder in RECORDED), *((one, DATA) for one in ("500", "reset", "hang", "429"))],
)
async def test_recorded_log_is_delivered_exactly_once(tmp_path: Path, recorded: Path, trouble: str) -> None:
    """All that WSO2's publisher wrote, over seven rotated files, arrives once by its id, whatever the sink does."""
    shutil.copytree(recorded / "wso2-log", tmp_path / "logs")
    manifest = json.loads((tmp_path / "logs" / "manifest.json").read_text())
    async with MoesifLookalike(key=KEY) as moesif:
        match trouble:
            case "500":
                moesif.knobs.fail_next = [500, 503] * 3
            case "reset":
                moesif.knobs.fail_next = ["reset", "reset_after", 500, "reset_after"]
            case "hang":
                moesif.knobs.fail_next = ["hang", "hang_body"]
            case "429":
                moesif.knobs.retry_after = "1"
                moesif.knobs.fail_next = [429, 429]
        async with Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon:
            status = await daemon.until(lambda now: done(now, manifest["events_in_files"]))
            assert await daemon.stop() == 0
        assert balanced(status)
        assert set(correlation_ids(moesif)) == set(manifest["correlationIds"])
        # Each event has one id, and each id is one event: a destination can drop every second copy (P5).
        assert moesif.unique == manifest["events_in_files"]
        if trouble in {"none", "500", "429"}:
            assert moesif.duplicates == 0
        kinds = Counter(
            "fault" if "errorCode" in event["metadata"] else "response" for event in moesif.events
        )
        if not moesif.duplicates:
            assert kinds["response"] == manifest["by_metric"]["apim:response"]
            assert kinds["fault"] == manifest["by_metric"]["apim:faulty"]


async def test_odd_recorded_log_is_delivered_exactly_once(tmp_path: Path, recorded: Path) -> None:
    """Times without seconds, lines of 11 kB and every corner of Unicode arrive once, times complete."""
    shutil.copytree(recorded / "wso2-log-odd", tmp_path / "logs")
    lines = (tmp_path / "logs" / "apim_metrics.log").read_bytes().split(b"\n")
    written = [json.loads(line[line.index(b"{") :]) for line in lines if b"apimMetrics" in line]
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon,
    ):
        await daemon.until(lambda now: done(now, len(written)))
        assert correlation_ids(moesif) == Counter(event["correlationId"] for event in written)
        sent = {event["metadata"]["correlationId"]: event for event in moesif.events}
        for event in written:
            assert (
                sent[event["correlationId"]]["metadata"]["apiResourceTemplate"]
                == event["apiResourceTemplate"]
            )
            assert len(sent[event["correlationId"]]["request"]["time"]) == len("2026-11-21T00:46:24.099Z")


async def test_nothing_is_lost_by_kill(tmp_path: Path, full: bool) -> None:
    """P1, P2, P5, P7: `kill -9` at random moments while a log is written and rotated and HTTP posts go on."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    port = free_port()
    more = f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"'
    gateway = GatewayStandIn(seed, now_ms=lambda: 1_795_000_000_000)
    written: list[str] = []
    posted: set[str] = set()
    over = asyncio.Event()

    async def write() -> None:
        with RollingLog(tmp_path / "logs", 2_000_000, now_ms=lambda: 1_795_000_000_000) as log:
            while not over.is_set():
                for _ in range(20):
                    line = gateway.line()
                    written.append(json.loads(line[line.index(b"{") :])["correlationId"])
                    log.write(line)
                await asyncio.sleep(0.05)

    async def post() -> None:
        poster = GatewayStandIn(seed + 1, now_ms=lambda: 1_795_000_000_000)
        async with aiohttp.ClientSession() as session:
            while not over.is_set():
                calls = [poster.call() for _ in range(5)]
                body = json.dumps([call.event for call in calls])
                while not over.is_set():
                    try:
                        async with session.post(f"http://127.0.0.1:{port}/events", data=body) as response:
                            if response.status == 202:
                                posted.update(str(call.event["correlationId"]) for call in calls)
                                break
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.01)

    (tmp_path / "logs").mkdir()
    async with MoesifLookalike(key=KEY) as moesif:
        daemon = Daemon(tmp_path, config(tmp_path, moesif.url, more=more))
        load = [asyncio.create_task(write()), asyncio.create_task(post())]
        for _ in range(50 if full else 5):
            # Some die while they start, most while they work.
            await daemon.launch()
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            await daemon.kill()
        over.set()
        await asyncio.gather(*load)
        async with daemon:
            status = await daemon.until(lambda now: done(now, len(written) + len(posted)))
            assert await daemon.stop() == 0
        assert balanced(status), (seed, status["books"])
        arrived = set(correlation_ids(moesif))
        assert set(written) <= arrived, (seed, len(set(written) - arrived))
        assert posted <= arrived, (seed, len(posted - arrived))
        # Every copy of an event carries the same id.
        assert moesif.unique == len(arrived), seed
    with sqlite3.connect(tmp_path / "state" / "journal.db") as journal:
        ids = Counter(
            event_id
            for (packed,) in journal.execute("SELECT ids FROM blocks WHERE source = 'log'")
            for event_id in unpack_ids(packed)
        )
    journal.close()
    assert not [event_id for event_id, times in ids.items() if times > 1], seed
    assert len(ids) == len(written), seed


async def test_poison_events_become_dead_letters_and_can_be_replayed(tmp_path: Path) -> None:
    """P3: of 4,000 events the two that are refused with 400 become dead letters; later `replay` delivers them."""
    lines = list(make_lines(4_000, seed=11))
    poison = [json.loads(lines[at][lines[at].index(b"{") :])["correlationId"] for at in (7, 3_456)]
    write_log(tmp_path, lines)
    async with MoesifLookalike(key=KEY) as moesif:
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["correlationId"] in poison else None
        async with Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon:
            status = await daemon.until(lambda now: done(now, 4_000))
            assert balanced(status)
            assert status["sinks"]["moesif"]["dead_letters"] == 2
            letters = (await daemon.ask("dead-letters"))["letters"]
            assert sorted(letter["event"]["correlationId"] for letter in letters) == sorted(poison)
            assert {letter["reason"] for letter in letters} == {"refused"}
            assert {letter["status"] for letter in letters} == {400}
            # While Moesif still refuses, a replay changes nothing but the count of attempts.
            code, output, _ = await daemon.command("replay", "--sink", "moesif", "--all")
            assert code == 1
            assert "0 delivered, 2 refused again" in output
            moesif.knobs.status_for = None
            code, output, _ = await daemon.command("replay", "--sink", "moesif", "--all")
            assert (code, output.strip()) == (0, "2 delivered, 0 refused again")
            code, output, _ = await daemon.command("replay", "--sink", "moesif", "--all")
            assert (code, output.strip()) == (0, "0 delivered, 0 refused again")
            assert balanced(await daemon.ask("status"))
        assert moesif.unique == 4_000
        assert moesif.duplicates == 0


async def test_replay_without_a_daemon(tmp_path: Path) -> None:
    """The command line takes the state folder itself and runs the same code."""
    write_log(tmp_path, make_lines(50, seed=5))
    async with MoesifLookalike(key=KEY) as moesif:
        refused = {"left": 3}

        def refuse_three(event: dict[str, Any]) -> int | None:
            return 400 if event["metadata"]["apiName"] == first else None

        lines = list(make_lines(50, seed=5))
        first = json.loads(lines[0][lines[0].index(b"{") :])["apiName"]
        moesif.knobs.status_for = refuse_three
        assert refused
        daemon = Daemon(tmp_path, config(tmp_path, moesif.url))
        async with daemon:
            status = await daemon.until(lambda now: done(now, 50))
            dead = status["sinks"]["moesif"]["dead_letters"]
            assert dead
            assert await daemon.stop() == 0
        moesif.knobs.status_for = None
        code, output, errors = await daemon.command("replay", "--sink", "moesif", "--all")
        assert (code, output.strip()) == (0, f"{dead} delivered, 0 refused again"), errors
        code, output, _ = await daemon.command("status", "--json")
        assert code == 0
        assert balanced(json.loads(output))
        assert moesif.unique == 50


async def test_one_sink_down_changes_nothing_for_the_other(tmp_path: Path) -> None:
    """P6: with one of two sinks down the other gets everything; the first catches up when it returns."""
    write_log(tmp_path, make_lines(5_000, seed=2))
    sinks = f'[bridge.sinks.archive]\ntype = "file"\npath = "{tmp_path}/archive"'
    async with MoesifLookalike(key=KEY) as moesif:
        await moesif.refuse_connections()
        text = config(tmp_path, moesif.url, type="moesif, archive", sinks=sinks)
        async with Daemon(tmp_path, text) as daemon:
            status = await daemon.until(lambda now: now["sinks"]["archive"]["delivered"] == 5_000)
            assert status["sinks"]["moesif"]["pending"] == 5_000
            assert status["sinks"]["moesif"]["state"] == "retrying"
            assert status["taking_events"]
            await moesif.accept_connections()
            assert balanced(await daemon.until(lambda now: done(now, 5_000)))
            assert await daemon.stop() == 0
        assert moesif.unique == 5_000
    delivered = [
        json.loads(line)
        for file in sorted((tmp_path / "archive").iterdir())
        for line in file.read_bytes().splitlines()
    ]
    assert len({event["bridge"]["id"] for event in delivered}) == len(delivered) == 5_000
    assert {event["bridge"]["id"] for event in delivered} == set(moesif.copies)


async def test_rewind_delivers_again_with_the_same_ids(tmp_path: Path) -> None:
    """P5: after `rewind` every event within what is kept goes out again under its id, and the books balance."""
    write_log(tmp_path, make_lines(1_000, seed=3))
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon,
    ):
        await daemon.until(lambda now: done(now, 1_000))
        code, output, _ = await daemon.command("rewind", "--sink", "moesif", "--to", "1h")
        assert code == 0
        assert "gets 1000 events again" in output
        status = await daemon.until(lambda now: now["sinks"]["moesif"]["delivered"] == 2_000)
        assert balanced(status)
        assert moesif.unique == moesif.duplicates == 1_000


async def test_memory_is_bounded_whatever_the_backlog(tmp_path: Path, full: bool) -> None:
    """P8: under 80 MB are resident while a backlog of 50,000 events (a million in the long form) drains."""
    events = 1_000_000 if full else 50_000
    write_log(tmp_path, make_lines(events, seed=1))
    async with MoesifLookalike(key=KEY, keep="ids") as moesif:
        await moesif.refuse_connections()
        async with Daemon(tmp_path, config(tmp_path, moesif.url), fresh=True) as daemon:
            peak = 0

            def look(now: dict[str, Any]) -> bool:
                nonlocal peak
                peak = max(peak, daemon.resident_bytes())
                return bool(now["books"]["journalled"] == events)

            await daemon.until(look, seconds=600)
            await moesif.accept_connections()
            status = await daemon.until(lambda now: look(now) and done(now, events), seconds=600)
            assert balanced(status)
            assert await daemon.stop() == 0
        assert moesif.unique == events
    assert peak < 80 * 2**20, f"{peak / 2**20:.0f} MiB"

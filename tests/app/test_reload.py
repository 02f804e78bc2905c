"""A changed configuration for a running daemon: what changes, what goes on, and what a fault leaves as it was."""

import asyncio
import contextlib
import json
import re
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes.destinations import collector
from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import KEY, config, correlation_ids, done, write_log

from bridge.demo.gateway import GatewayStandIn, make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.journal.blocks import unpack_ids

ARCHIVE = '[bridge.sinks.archive]\ntype = "file"\npath = "{folder}/archive"\n'


def archived(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in sorted((folder / "archive").glob("*.ndjson"))
        for line in file.read_bytes().splitlines()
    ]


async def metrics(daemon: Daemon) -> str:
    url = daemon.events("started")[-1]["admin"] + "/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


class Slow:
    """A destination that holds its answers until it is told to give them."""

    def __init__(self) -> None:
        self.began = 0
        self.broken = 0
        self.taken: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.url = ""

    async def take(self, request: web.BaseRequest) -> web.Response:
        events = json.loads(await request.read())
        self.began += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.broken += 1
            raise
        self.taken.update(event["bridge"]["id"] for event in events)
        return web.Response()


@asynccontextmanager
async def slow() -> AsyncIterator[Slow]:
    made = Slow()
    runner = web.ServerRunner(web.Server(made.take, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    try:
        yield made
    finally:
        made.open.set()
        await runner.cleanup()


async def test_unchanged_sink_keeps_what_is_on_its_way(tmp_path: Path) -> None:
    """A key changes, a sink is added; the batch that another sink has in flight is neither cut nor sent again."""
    write_log(tmp_path, make_lines(200, seed=1))
    async with slow() as destination, MoesifLookalike(key=KEY) as moesif:
        steady = f'[bridge.sinks.steady]\ntype = "http"\nurl = "{destination.url}"\nrequest_timeout = "60s"\n'
        before = config(tmp_path, moesif.url, type="moesif, steady", sinks=steady)
        async with Daemon(tmp_path, before) as daemon:
            await daemon.until(
                lambda now: now["sinks"]["steady"]["in_flight"] > 0 and now["sinks"]["moesif"]["pending"] == 0
            )
            moesif.keys.clear()
            moesif.keys.add("n" * 60)
            after = config(
                tmp_path,
                moesif.url,
                type="moesif, steady, archive",
                sinks=steady + ARCHIVE.format(folder=tmp_path) + 'start_at = "oldest"\n',
            ).replace(KEY, "n" * 60)
            daemon.config.write_text(after)
            code, output, errors = await daemon.command("reload")
            assert code == 0, errors
            assert output.splitlines()[:2] == ["sink archive added", "sink moesif changed"]
            assert "in force" in output
            write_log(tmp_path, make_lines(100, seed=2))
            status = await daemon.until(
                lambda now: now["sinks"]["moesif"]["delivered"] == now["sinks"]["archive"]["delivered"] == 300
            )
            assert status["sinks"]["steady"]["delivered"] == 0
            assert destination.broken == 0
            destination.open.set()
            status = await daemon.until(lambda now: done(now, 300))
            assert balanced(status)
            assert await daemon.stop() == 0
        assert destination.broken == 0
        assert set(destination.taken.values()) == {1}
        assert len(destination.taken) == len(archived(tmp_path)) == 300
        assert moesif.unique == 300


async def test_a_bad_file_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """Command, log, metrics and status tell of the fault; SIGHUP then takes the corrected file."""
    async with MoesifLookalike(key=KEY) as moesif:
        good = config(tmp_path, moesif.url)
        async with Daemon(tmp_path, good) as daemon:
            before = (await daemon.ask("status"))["configuration"]["fingerprint"]
            assert "apim_bridge_config_last_reload_successful 1.0" in await metrics(daemon)
            daemon.config.write_text(good.replace("drain =", "drian ="))
            code, _, errors = await daemon.command("reload")
            assert code == 1
            assert 'did you mean "drain"?' in errors
            assert "drian" in daemon.events("reload_refused")[0]["fault"]
            assert "apim_bridge_config_last_reload_successful 0.0" in await metrics(daemon)
            code, output, _ = await daemon.command("status")
            assert code == 1
            assert "RELOAD REFUSED" in output
            assert "`apim-bridge check` looks at it" in output
            assert before in output
            write_log(tmp_path, make_lines(20, seed=1))
            await daemon.until(lambda now: done(now, 20))
            daemon.config.write_text(good.replace('drain = "5s"', 'drain = "4s"'))
            daemon.process.send_signal(signal.SIGHUP)
            status = await daemon.until(lambda now: not now["configuration"]["reload_fault"])
            assert status["configuration"]["fingerprint"] != before
            assert daemon.events("reloaded")[0]["changes"] == ["[bridge] drain changed"]
            text = await metrics(daemon)
            assert "apim_bridge_config_last_reload_successful 1.0" in text
            assert f'apim_bridge_config_info{{hash="{status["configuration"]["fingerprint"]}"}} 1.0' in text
            assert await daemon.stop() == 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('/state"', '/elsewhere"', "state_dir"),
        ('listen = "127.0.0.1:0"', 'listen = "127.0.0.1:{port}"', "[bridge.admin]"),
    ],
)
async def test_what_takes_a_restart_is_refused_as_a_whole(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    """A reload that would need another state folder or admin address changes nothing else either."""
    async with MoesifLookalike(key=KEY) as moesif:
        good = config(tmp_path, moesif.url)
        async with Daemon(tmp_path, good) as daemon:
            bad = good.replace(old, new.format(port=free_port())).replace('drain = "5s"', 'drain = "4s"')
            daemon.config.write_text(bad)
            answer = await daemon.ask("reload")
            assert told in answer["error"]
            assert "restart" in answer["error"]
            assert (await daemon.ask("status"))["configuration"]["reload_fault"] == answer["error"]
            daemon.config.write_text(good)
            code, output, _ = await daemon.command("status")
            assert code == 1
            assert answer["error"] in output
            assert (await daemon.ask("reload"))["changes"] == []


async def test_an_address_that_cannot_be_had_changes_nothing(tmp_path: Path) -> None:
    """All or nothing: the new sink, the removed sink and the masks wait until the HTTP source can listen."""
    async with collector() as taken, MoesifLookalike(key=KEY) as moesif:
        port = int(taken.url.split(":")[2].split("/")[0])
        async with Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon:
            after = config(
                tmp_path,
                "http://127.0.0.1:9",
                type="archive",
                more=f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"\n[apim.analytics.mask]\nuserIp = "IPV4"',
                sinks=ARCHIVE.format(folder=tmp_path),
            )
            daemon.config.write_text(after)
            answer = await daemon.ask("reload")
            assert f"127.0.0.1:{port}" in answer["error"]
            write_log(tmp_path, make_lines(20, seed=1))
            status = await daemon.until(lambda now: done(now, 20))
            assert list(status["sinks"]) == ["moesif"]
            assert list(status["sources"]) == ["log"]
            assert balanced(status)
            # The address is free now.
            await taken.vanish()
            answer = await daemon.ask("reload")
            assert answer["changes"] == [
                "sink archive added",
                "sink moesif removed",
                "source http added",
                "masks changed",
            ]
            write_log(tmp_path, make_lines(20, seed=2))
            status = await daemon.until(lambda now: done(now, 40))
            assert status["journal"]["removed_sinks"] == ["moesif"]
            assert balanced(status)
            assert await daemon.stop() == 0
        assert moesif.unique == 20
        assert {"***" in event["userIp"] for event in archived(tmp_path) if "userIp" in event} == {True}


async def test_connections_to_the_http_source_outlive_a_reload(tmp_path: Path) -> None:
    """Other tokens, limits and masks count from the next request on, over the connection that is open already."""
    port = free_port()
    http = f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"\n'
    poster = GatewayStandIn(1, now_ms=lambda: 1_795_000_000_000)
    event = poster.call().event
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url, more=http)) as daemon,
    ):
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session:

            async def post(token: str = "") -> tuple[int, Any]:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                async with session.post("/events", json=event, headers=headers) as response:
                    return response.status, await response.json()

            assert (await post())[0] == 202
            first = [one for pool in connector._conns.values() for one, _ in pool]
            daemon.config.write_text(
                config(tmp_path, moesif.url, more=http + 'tokens = ["t0ken"]\ndedupe_window = "5m"')
            )
            assert (await daemon.ask("reload"))["changes"] == ["source http changed"]
            assert (await post())[0] == 401
            # What was seen before the reload is known still.
            status, receipt = await post("t0ken")
            assert status == 202
            assert (receipt["accepted"], receipt["duplicates"]) == (0, 1)
            assert [one for pool in connector._conns.values() for one, _ in pool] == first
        # Another address: the old one is closed once the new one listens.
        other = free_port()
        daemon.config.write_text(config(tmp_path, moesif.url, more=http.replace(str(port), str(other))))
        await daemon.ask("reload")
        assert (await daemon.ask("status"))["sources"]["http"]["url"].endswith(f":{other}")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"http://127.0.0.1:{other}/events", json=poster.call().event) as response:
                assert response.status == 202
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.post(f"http://127.0.0.1:{port}/events", json=poster.call().event)
        assert balanced(await daemon.until(lambda now: done(now, 2)))
        assert await daemon.stop() == 0


async def test_nothing_is_lost_or_doubled_through_reloads_and_a_kill(tmp_path: Path) -> None:
    """P2, P5, P7: reloads of every kind under load, with a `kill -9` behind the last; each line is journalled once."""
    port = free_port()
    over = asyncio.Event()
    written: set[str] = set()
    posted: set[str] = set()
    lines = make_lines(100_000, seed=3)
    poster = GatewayStandIn(4, now_ms=lambda: 1_795_000_000_000)

    async def write() -> None:
        while not over.is_set():
            some = [next(lines) for _ in range(20)]
            written.update(json.loads(line[line.index(b"{") :])["correlationId"] for line in some)
            write_log(tmp_path, some)
            await asyncio.sleep(0.01)

    async def post() -> None:
        async with aiohttp.ClientSession() as session:
            while not over.is_set():
                event = poster.call().event
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.post(f"http://127.0.0.1:{port}/events", json=event) as response:
                        if response.status == 202:
                            posted.add(str(event["correlationId"]))

    async with MoesifLookalike(key=KEY) as moesif:
        http = f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"\n'
        archive = ARCHIVE.format(folder=tmp_path)
        plain = config(tmp_path, moesif.url, more=http, type="moesif, archive", sinks=archive)
        variants = [
            plain.replace('linger = "100ms"', 'linger = "50ms"'),
            plain.replace('poll_interval = "50ms"', 'poll_interval = "30ms"'),
            plain.replace("gateway-1", "gateway-2"),
            config(tmp_path, moesif.url, more=http, type="moesif"),
            plain.replace("[bridge.admin]", '[apim.analytics.mask]\nuserIp = "IPV4"\n[bridge.admin]'),
            plain.replace("[bridge.admin]", '[bridge.journal]\nretain = "1h"\n[bridge.admin]'),
            plain,
        ]
        daemon = Daemon(tmp_path, plain)
        async with daemon:
            load = [asyncio.create_task(write()), asyncio.create_task(post())]
            for variant in variants:
                daemon.config.write_text(variant)
                assert (await daemon.ask("reload"))["changes"]
                journalled = (await daemon.ask("status"))["books"]["journalled"]
                await daemon.until(lambda now, so_far=journalled: now["books"]["journalled"] > so_far + 50)  # type: ignore[misc] # the default binds it
            daemon.config.write_text(variants[0])
            await daemon.ask("reload")
            await daemon.kill()
        over.set()
        await asyncio.gather(*load)
        async with daemon:
            status = await daemon.until(lambda now: done(now, len(written | posted)))
            assert balanced(status), status["books"]
            assert await daemon.stop() == 0
        arrived = correlation_ids(moesif)
        assert written <= set(arrived)
        assert posted <= set(arrived)
        # One id for each event, whatever was sent twice on the way.
        assert moesif.unique == len(arrived)
        ids = Counter(event["bridge"]["id"] for event in archived(tmp_path))
        assert set(ids.values()) == {1}
    with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as journal:
        blocks = journal.execute("SELECT ids FROM blocks WHERE source = 'log'").fetchall()
    ids = Counter(one for (packed,) in blocks for one in unpack_ids(packed))
    assert set(ids.values()) == {1}
    assert len(ids) == len(written)


async def test_log_level_counts_for_every_logger(tmp_path: Path) -> None:
    """Lines below the new level end at once, and come again with the old one, for loggers old and new."""
    async with MoesifLookalike(key=KEY) as moesif:
        loud = config(tmp_path, moesif.url)
        quiet = loud.replace('drain = "5s"', 'drain = "5s"\nlog_level = "ERROR"')
        async with Daemon(tmp_path, loud) as daemon:
            for text in (quiet, quiet.replace("100ms", "50ms"), loud):
                daemon.config.write_text(text)
                assert (await daemon.ask("reload"))["changes"]
            await daemon.until(lambda _: len(daemon.events("lane_started")) > 1)
            assert await daemon.stop() == 0
        # One at the start and one for the last reload; the one between was not worth an error.
        assert len(daemon.events("lane_started")) == 2
        assert len(daemon.events("reloaded")) == 1


async def test_version_and_configuration_of_instances_can_be_compared(tmp_path: Path) -> None:
    """`version`, /status, `status` and the metrics show the same version and the same hash."""
    async with MoesifLookalike(key=KEY) as moesif, Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon:
        status = await daemon.ask("status")
        fingerprint = status["configuration"]["fingerprint"]
        code, output, _ = await daemon.command("version")
        assert code == 0
        assert re.search(rf"^apim-bridge +{re.escape(status['version'])}$", output, re.MULTILINE)
        assert re.search(rf"^configuration +{fingerprint} ", output, re.MULTILINE)
        assert re.search(r"^(python|aiohttp|sqlite) ", output, re.MULTILINE)
        assert f'apim_bridge_config_info{{hash="{fingerprint}"}}' in await metrics(daemon)
        daemon.config.write_text(config(tmp_path, moesif.url).replace('drain = "5s"', 'drain = "4s"'))
        code, output, _ = await daemon.command("status")
        assert code == 0
        assert "`apim-bridge reload` puts it to work" in output

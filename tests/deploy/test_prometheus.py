"""A real Prometheus scrapes the real daemon: alerts fire and resolve, and the dashboard has data."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from fakes.analytics_processes import ServerProcess, server_process
from fakes.metric_names import queries
from fakes.prometheus import Prometheus, needs_prometheus, prometheus
from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import KEY, config, write_log

from bridge.demo.gateway import GatewayStandIn, make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike

pytestmark = needs_prometheus

# The made-up calls are of many kinds: room for all, and few lines of each, for two scrapes a second.
MORE = """
[bridge.sources.http]
listen = "127.0.0.1:{port}"
[bridge.api_metrics]
enabled = true
max_series = 5000
latency_buckets = [0.05, 0.5]
size_buckets = [4096]
"""
ARCHIVE = '[bridge.sinks.archive]\ntype = "file"\npath = "{folder}/archive"\n'


def lively(folder: Path, moesif: MoesifLookalike, http_port: int, admin_port: int, more: str = "") -> str:
    """Return a configuration with two sources and two sinks, and ports that outlive a restart."""
    text = config(
        folder,
        moesif.url,
        type="moesif, archive",
        more=MORE.format(port=http_port) + more,
        sinks=ARCHIVE.format(folder=folder),
    )
    return text.replace(
        '[bridge.admin]\nlisten = "127.0.0.1:0"', f'[bridge.admin]\nlisten = "127.0.0.1:{admin_port}"'
    )


@asynccontextmanager
async def traffic(folder: Path, *urls: str) -> AsyncIterator[None]:
    """Let a gateway write its log and post events to these addresses until the end."""

    async def flow() -> None:
        gateway = GatewayStandIn(seed=1)
        async with aiohttp.ClientSession() as session:
            while True:
                write_log(folder, [gateway.line() for _ in range(20)])
                event = gateway.call().event
                # As newer gateways tell it.
                event["properties"]["requestSize"] = 512
                for url in urls:
                    await session.post(url, json=event)
                await asyncio.sleep(0.05)

    flowing = asyncio.create_task(flow())
    try:
        yield
    finally:
        flowing.cancel()
        with suppress(asyncio.CancelledError):
            await flowing


async def answered(watch: Prometheus) -> None:
    """Return when every query of the dashboard returns data; a rate needs two scrapes of its series."""
    for query in queries():
        text = query.replace("$__rate_interval", "5s").replace("$instance", ".*").replace("$api", ".*")
        await watch.has_data(text)


async def test_an_outage_fires_the_right_alert_and_every_panel_has_data(tmp_path: Path, full: bool) -> None:
    """Moesif refuses connections: its alert fires, the archive's does not (P6); it is back: the alert resolves.

    In the end the analytics process is gone. The long form has a backlog beyond the 15 minutes, a wrong key, an event
    that Moesif refuses, a broken line and an incomplete store, too.
    """
    http_port, admin_port = free_port(), free_port()
    with server_process(tmp_path / "analytics") as analytics:
        async with (
            MoesifLookalike(key=KEY) as moesif,
            Daemon(tmp_path, lively(tmp_path, moesif, http_port, admin_port)) as daemon,
            prometheus(tmp_path, f"127.0.0.1:{admin_port}", analytics.url.removeprefix("http://")) as watch,
        ):
            async with traffic(tmp_path, f"http://127.0.0.1:{http_port}/events", f"{analytics.url}/ingest"):
                await answered(watch)
                assert await watch.firing() == []

                await moesif.refuse_connections()
                alert = await watch.fires("ApimBridgeSinkStalled", sink="moesif")
                assert "events wait." in alert["annotations"]["description"]
                if full:
                    await watch.fires("ApimBridgeSinkBehind", sink="moesif")
                named = {
                    (alert["labels"]["alertname"], alert["labels"].get("sink"))
                    for alert in await watch.firing()
                }
                assert named <= {("ApimBridgeSinkStalled", "moesif"), ("ApimBridgeSinkBehind", "moesif")}
                await moesif.accept_connections()
                await watch.resolves("ApimBridgeSinkStalled")
                await watch.resolves("ApimBridgeSinkBehind")

                if full:
                    await _trouble_with_events_and_keys(tmp_path, moesif, watch)
                assert await watch.firing() == []
            await _analytics_gone(analytics, watch, full=full)
            assert balanced(await daemon.until(lambda now: now["sinks"]["moesif"]["pending"] == 0))


async def _analytics_gone(analytics: ServerProcess, watch: Prometheus, *, full: bool) -> None:
    if full:
        # A bridge that says that it has taken more than the store has.
        async with aiohttp.ClientSession() as session:
            account = {"sender": "gateway-2", "instance": "b", "taken": 10**9}
            await session.post(f"{analytics.url}/account", json=account)
        await watch.fires("ApimBridgeAnalyticsIncomplete", seconds=120)
    analytics.kill()
    await watch.fires("ApimBridgeAnalyticsDown")


async def _trouble_with_events_and_keys(folder: Path, moesif: MoesifLookalike, watch: Prometheus) -> None:
    moesif.knobs.status_for = lambda event: 400 if "poison" in json.dumps(event) else None
    gateway = GatewayStandIn(seed=2)
    write_log(folder, [gateway.line().replace(b'"apiName":"', b'"apiName":"poison ') for _ in range(3)])
    write_log(folder, [b'x apimMetrics: apim:response, properties :{"a"'])
    alert = await watch.fires("ApimBridgeDeadLettersGrow", sink="moesif", reason="refused")
    assert "are kept now" in alert["annotations"]["description"]
    await watch.fires("ApimBridgeEventsRejected", source="log", reason="not_json")

    moesif.keys.clear()
    await watch.fires("ApimBridgeSinkPaused", sink="moesif", reason="credentials")
    moesif.keys.add(KEY)
    # A probe finds the right key out: the first one comes within 5 seconds, each later one in up to twice the time.
    await watch.resolves("ApimBridgeSinkPaused", seconds=120)
    await watch.resolves("ApimBridgeDeadLettersGrow")
    await watch.resolves("ApimBridgeEventsRejected")
    await watch.resolves("ApimBridgeSinkBehind")


async def test_a_bridge_that_is_killed_and_one_that_has_no_room(tmp_path: Path, full: bool) -> None:
    """Prometheus tells that the bridge is gone, and that it is back.

    The long form fills its journal while the log grows, takes the log away before it was read, and kills the
    bridge again and again.
    """
    admin_port = free_port()
    small = '[bridge.journal]\nmax_bytes = "512KiB"\n'
    async with MoesifLookalike(key=KEY) as moesif:
        daemon = Daemon(tmp_path, lively(tmp_path, moesif, free_port(), admin_port, small))
        async with daemon, prometheus(tmp_path, f"127.0.0.1:{admin_port}") as watch:
            await watch.has_data("apim_bridge_ready == 1")
            if full:
                await _no_room(tmp_path, moesif, watch)
            for _ in range(2 if full else 1):
                await daemon.kill()
                await watch.fires("ApimBridgeDown")
                await daemon.start()
                await watch.resolves("ApimBridgeDown")
            if full:
                await watch.fires("ApimBridgeRestarts")


async def _no_room(folder: Path, moesif: MoesifLookalike, watch: Prometheus) -> None:
    async def grow() -> None:
        for seed in itertools.count():
            write_log(folder, make_lines(200, seed=seed))
            await asyncio.sleep(0.1)

    await moesif.refuse_connections()
    growing = asyncio.create_task(grow())
    alert = await watch.fires("ApimBridgeJournalNearlyFull")
    assert "% full" in alert["annotations"]["description"]
    await watch.fires("ApimBridgeJournalFull")
    await watch.fires("ApimBridgeLogLagGrows")
    growing.cancel()
    (folder / "logs" / "apim_metrics.log").write_bytes(b"")
    # For a minute the bridge looks whether the rest of the log comes back under another name.
    await watch.fires("ApimBridgeLogLost", seconds=120, reason="truncated")
    await moesif.accept_connections()
    for name in ("JournalNearlyFull", "JournalFull", "LogLagGrows", "LogLost"):
        await watch.resolves(f"ApimBridge{name}")

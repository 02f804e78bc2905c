"""Scenes in which time passes: an outage and the drain after it, live events, and nothing at all."""

import asyncio
import sys
from array import array
from pathlib import Path

from bench import gateway_log
from bench.destination import BENCH, counting_sink
from bench.plan import Plan
from bench.report import Figure
from bench.running import bridge, http_source, log_source
from rigs.daemon import free_port

_LIVE_RATE = 1000


def outage(plan: Plan) -> None:
    """A destination that refuses connections until the whole log is journalled, while new events go on arriving."""
    asyncio.run(_outage(plan))


def latency(plan: Plan) -> None:
    """From a line being written to its arrival at the sink, at 1,000 lines a second."""
    asyncio.run(_latency(plan))


def idle(plan: Plan) -> None:
    """Both sources open, a log followed, nothing to do."""
    asyncio.run(_idle(plan))


async def _outage(plan: Plan) -> None:
    events = 1_000_000 if plan.full else 200_000
    live = _LIVE_RATE * (40 if plan.full else 7)
    folder, port = plan.fresh(), free_port()
    log = folder / "logs" / "apim_metrics.log"
    gateway_log.write(log, events, seed=3)
    tables = (
        log_source(log, folder / "live.log"),
        # What is measured is the drain, not how long the lane waits before it finds the destination back.
        '[bridge.delivery]\nretry_max = "1s"\n',
    )
    async with bridge(folder, f"http://127.0.0.1:{port}", *tables) as running:
        await running.journalled(events)
        writer = await _start_writing(folder, live, seed=4)
        before = running.used().cpu_seconds
        with counting_sink(folder / "sink", port=port) as sink:
            await running.delivered(events + live)
            cpu_us = (running.used().cpu_seconds - before) / (events + live) * 1e6
            plan.report.peak("drain after an outage", running.peak_bytes())
        await writer.wait()
    backlog = set(gateway_log.ids(log))
    seen: set[str] = set()
    first = last = 0.0
    for body in sink.bodies():
        first = first or body.at
        ids = body.ids()
        if not backlog.isdisjoint(ids):
            last = body.at
        seen.update(ids)
    plan.report.arrived("drain after an outage", backlog | set(gateway_log.ids(folder / "live.log")), seen)
    plan.done(folder)
    plan.report.figures += [
        Figure(
            f"drain of {events:,} events, {_LIVE_RATE:,} a second arriving",
            [events / (last - first)],
            "events/s",
            at_least=80_000,
        ),
        Figure("drain: CPU", [cpu_us], "µs/event"),
    ]


async def _latency(plan: Plan) -> None:
    seconds = 30 if plan.full else 5
    folder = plan.fresh()
    tables = (
        log_source(folder / "live.log", more='poll_interval = "50ms"'),
        '[bridge.delivery]\nlinger = "100ms"\n',
    )
    with counting_sink(folder / "sink") as sink:
        async with bridge(folder, sink.url, *tables) as running:
            # The first second is for connections and caches; it is neither timed nor counted.
            writer = await _start_writing(folder, _LIVE_RATE * (seconds + 1), seed=5)
            while not (folder / "live.log").exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
            before = running.used().cpu_seconds
            await writer.wait()
            share = (running.used().cpu_seconds - before) / seconds * 100
            await running.delivered(_LIVE_RATE * (seconds + 1))
            plan.report.peak("1,000 events/s", running.peak_bytes())
    times = array("q")
    times.frombytes((folder / "times").read_bytes())
    written = dict(zip(gateway_log.ids(folder / "live.log"), times, strict=True))
    arrived = {name: body.at for body in sink.bodies() for name in body.ids()}
    plan.report.arrived("1,000 events/s", set(written), set(arrived))
    timed = list(written.items())[_LIVE_RATE:]
    took = sorted((arrived[name] - at / 1e9) * 1000 for name, at in timed if name in arrived)
    plan.done(folder)
    plan.report.figures += [
        Figure("line written to delivered, 1,000/s: p50", [took[len(took) // 2]], "ms", at_most=100),
        Figure("line written to delivered, 1,000/s: p99", [took[len(took) * 99 // 100]], "ms", at_most=200),
        Figure("CPU at 1,000 events/s", [share], "% of a core", at_most=4),
    ]


async def _idle(plan: Plan) -> None:
    seconds = 30 if plan.full else 5
    folder = plan.fresh()
    log = folder / "logs" / "apim_metrics.log"
    gateway_log.write(log, 1000, seed=6)
    with counting_sink(folder / "sink") as sink:
        async with bridge(folder, sink.url, log_source(log), http_source(free_port())) as running:
            await running.delivered(1000)
            # What the last batch leaves to do is no idling.
            await asyncio.sleep(2)
            before = running.used().cpu_seconds
            await asyncio.sleep(seconds)
            share = (running.used().cpu_seconds - before) / seconds * 100
            plan.report.peak("idle", running.peak_bytes())
    plan.report.arrived("idle", set(gateway_log.ids(log)), sink.arrived().ids)
    plan.done(folder)
    plan.report.figures.append(Figure("idle", [share], "% of a core", at_most=0.5))


async def _start_writing(folder: Path, events: int, seed: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        BENCH / "gateway_log.py",
        *map(str, (folder / "live.log", events, _LIVE_RATE, seed, folder / "times")),
    )

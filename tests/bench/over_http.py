"""Scenes over HTTP: arrays of events, and requests of one event, each answered after its fsync."""

import asyncio
import json
import sys
from dataclasses import dataclass

from bench import http_load
from bench.destination import BENCH, counting_sink
from bench.plan import Plan
from bench.report import Figure
from bench.running import Running, bridge, http_source
from rigs.daemon import free_port


@dataclass(frozen=True, slots=True)
class Sent:
    """What the sender saw."""

    began: float
    seconds: float
    cpu_share: float
    refused: int
    p50_ms: float
    p99_ms: float


def arrays(plan: Plan) -> None:
    """Arrays of 100 events over 4 connections, delivered."""
    asyncio.run(_arrays(plan))


def posts(plan: Plan) -> None:
    """Requests of one event from 16 and 64 connections, as fast as they go and then at half that rate."""
    for connections in (16, 64):
        asyncio.run(_posts(plan, connections))


async def _arrays(plan: Plan) -> None:
    rates, shares = [], []
    events = 1_000_000 if plan.full else 200_000
    for _ in range(plan.rounds if plan.full else 1):
        folder, port = plan.fresh(), free_port()
        with counting_sink(folder / "sink") as sink:
            async with bridge(folder, sink.url, http_source(port)) as running:
                sent = await send(port, events // 100, 100, connections=4)
                await running.delivered(events)
                plan.report.peak("arrays over HTTP", running.peak_bytes())
                cpu_us = running.used().cpu_seconds / events * 1e6
        arrived = sink.arrived()
        plan.report.arrived("arrays over HTTP", _ids(0, events), arrived.ids)
        plan.done(folder)
        rates.append(arrived.rate(sent.began))
        shares.append((cpu_us, sent.cpu_share * 100))
    plan.report.figures += [
        Figure("HTTP, arrays of 100: delivered", rates, "events/s", at_least=60_000),
        Figure("HTTP, arrays of 100: CPU", [cpu for cpu, _ in shares], "µs/event"),
        Figure("HTTP, arrays of 100: the sender's own CPU", [share for _, share in shares], "% of a core"),
    ]


async def _posts(plan: Plan, connections: int) -> None:
    seconds = 20 if plan.full else 3
    folder, port = plan.fresh(), free_port()
    name = f"HTTP, one event a request, {connections} connections"
    with counting_sink(folder / "sink") as sink:
        async with bridge(folder, sink.url, http_source(port)) as running:
            # Some, to know about how many requests fill the time.
            first = await send(port, 4000, 1, connections=connections)
            count = int(4000 / first.seconds * seconds)
            fast, cpu_us = await _measured(running, port, count, connections, 4000)
            rate = count / fast.seconds
            half = int(rate / 2 * seconds)
            calm = await send(port, half, 1, connections=connections, rate=rate / 2, first=4000 + count)
            await running.delivered(4000 + count + half)
            plan.report.peak(name, running.peak_bytes())
    plan.report.arrived(name, _ids(0, 4000 + count + half), sink.arrived().ids)
    plan.done(folder)
    plan.report.figures += [
        Figure(name, [rate], "requests/s", at_least=10_000),
        Figure(f"{connections} connections: CPU", [cpu_us], "µs/request"),
        Figure(f"{connections} connections, at half that rate: p50", [calm.p50_ms], "ms"),
        Figure(f"{connections} connections, at half that rate: p99", [calm.p99_ms], "ms", at_most=50),
        Figure(f"{connections} connections: the sender's own CPU", [fast.cpu_share * 100], "% of a core"),
    ]


async def _measured(
    running: Running, port: int, count: int, connections: int, first: int
) -> tuple[Sent, float]:
    """Return what the sender saw, and the bridge's CPU microseconds a request."""
    before = running.used().cpu_seconds
    sent = await send(port, count, 1, connections=connections, first=first)
    return sent, (running.used().cpu_seconds - before) / count * 1e6


async def send(
    port: int, count: int, events: int, *, connections: int, rate: float = 0, first: int = 0
) -> Sent:
    """Send from a process of its own; raises RuntimeError unless every request was answered 202."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        BENCH / "http_load.py",
        *map(str, (port, count, events, connections, rate, first)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the sender failed; what it said stands above")
    sent = Sent(**json.loads(printed))
    if sent.refused:
        raise RuntimeError(f"{sent.refused} requests were not answered 202")
    return sent


def _ids(first: int, count: int) -> set[str]:
    return {http_load.event_id(number) for number in range(first, first + count)}

"""Whether the ten-millionth event costs what the hundred-thousandth did."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import gateway_log
from bench.destination import counting_sink
from bench.plan import Plan
from bench.report import Figure
from bench.running import bridge, log_source

_SMALL = 100_000
_PART = 500_000


def linear(plan: Plan) -> None:
    """CPU for each event of ten million (two in the quick form) against that of a hundred thousand.

    The large log comes in parts, each written when the one before was delivered, so that neither the disk must
    hold it nor anything else runs while the bridge works. After each part a fresh bridge takes a small log: both
    see the same machine, however warm it is.
    """
    asyncio.run(_linear(plan, 20 if plan.full else 4))


async def _linear(plan: Plan, parts: int) -> None:
    large, small = [], []
    async with _fed(plan, _PART, f"{parts * _PART:,} events") as costs:
        for _ in range(parts):
            large.append(await anext(costs))
            async with _fed(plan, _SMALL, f"{_SMALL:,} events") as fresh:
                small.append(await anext(fresh))
    growth = statistics.fmean(large) / statistics.fmean(small) - 1
    plan.report.figures += [
        Figure(f"CPU, {_SMALL:,} events", small, "µs/event"),
        Figure(f"CPU, {parts * _PART:,} events, part by part", large, "µs/event"),
        Figure("growth of the CPU for each event", [growth * 100], "%", at_most=5),
    ]


@asynccontextmanager
async def _fed(plan: Plan, events: int, what: str) -> AsyncIterator[AsyncIterator[float]]:
    """Run a bridge; each step gives it a log of so many events and returns CPU microseconds an event."""
    folder = plan.fresh()
    logs = folder / "logs"

    async def costs() -> AsyncIterator[float]:
        part = 0
        while True:
            log, there = logs / f"apim_metrics-{part}.log", sink.size()
            gateway_log.write(log, events, seed=part)
            before = running.used().cpu_seconds
            part += 1
            await running.delivered(part * events)
            used = running.used().cpu_seconds - before
            plan.report.arrived(what, set(gateway_log.ids(log)), sink.arrived(there).ids)
            log.unlink()
            yield used / events * 1e6

    with counting_sink(folder / "sink") as sink:
        async with bridge(folder, sink.url, log_source(logs / "apim_metrics*.log")) as running:
            yield costs()
            plan.report.peak(what, running.peak_bytes())
    plan.done(folder)

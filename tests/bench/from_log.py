"""Scenes from a log to Moesif: cost beside the floor, a second sink, a far destination."""

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
from bench.destination import BENCH, counting_sink
from bench.plan import Plan
from bench.report import Figure, Run
from bench.running import bridge, log_source

_FILE_SINK = '[bridge.sinks.archive]\ntype = "file"\npath = "{folder}/archive"\n'


def log(plan: Plan) -> None:
    """The floor, the bridge, and the bridge with a file sink, in turn."""
    starts = []
    for _ in range(plan.rounds):
        plan.report.ran("floor", _floor(plan))
        run, start = asyncio.run(_bridge(plan, "log to Moesif"))
        plan.report.ran("bridge", run)
        starts.append(start)
        run, _ = asyncio.run(_bridge(plan, "log to Moesif and file", with_file=True))
        plan.report.ran("bridge, with a file sink", run)
    floor, alone, both = list(plan.report.runs.values())[:3]
    plan.report.figures += [
        Figure(
            "log to Moesif: CPU",
            [a.cpu_us / f.cpu_us for a, f in zip(alone, floor, strict=True)],
            "floors",
            at_most=1.3,
        ),
        Figure(
            "log to Moesif: throughput",
            [run.events / run.seconds for run in alone],
            "events/s",
            at_least=80_000,
        ),
        Figure(
            "a file sink beside it: extra CPU",
            [(b.cpu_us - a.cpu_us) / f.cpu_us for b, a, f in zip(both, alone, floor, strict=True)],
            "floors",
            at_most=0.5,
        ),
        Figure("start to first delivery, a full batch waits", starts, "s", at_most=1),
    ]


def api_metrics(plan: Plan) -> None:
    """The bridge without and with the metrics of APIs, in turn."""
    extra = []
    for _ in range(plan.rounds if plan.full else 2):
        without, _ = asyncio.run(_bridge(plan, "without API metrics"))
        run, _ = asyncio.run(_bridge(plan, "with API metrics", "[bridge.api_metrics]\nenabled = true\n"))
        extra.append(run.cpu_us - without.cpu_us)
    plan.report.figures.append(Figure("API metrics: extra CPU", extra, "µs/event"))


def far(plan: Plan) -> None:
    """A destination that answers after 100 ms."""
    rates = []
    for _ in range(plan.rounds if plan.full else 1):
        run, _ = asyncio.run(_bridge(plan, "100 ms to the destination", delay_ms=100))
        rates.append(run.events / run.seconds)
    plan.report.figures.append(
        Figure("throughput, 100 ms to the destination", rates, "events/s", at_least=60_000)
    )


def _floor(plan: Plan) -> Run:
    folder = plan.fresh()
    with counting_sink(folder / "sink") as sink:
        printed = subprocess.run(
            [sys.executable, BENCH / "floor.py", sink.url, plan.log],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        cpu, seconds, events, peak = map(float, printed.split())
    arrived = sink.arrived()
    plan.report.arrived("floor", plan.ids, arrived.ids)
    plan.done(folder)
    return Run(int(events), cpu, seconds, int(peak), arrived.bytes, 0)


async def _bridge(
    plan: Plan, what: str, *tables: str, with_file: bool = False, delay_ms: float = 0
) -> tuple[Run, float]:
    """Return what a run took, and seconds from the start of the process to the first delivery."""
    folder, log = plan.fresh(), plan.log
    sinks = "moesif"
    if with_file:
        sinks, tables = "moesif, archive", (*tables, _FILE_SINK.format(folder=folder))
    with counting_sink(folder / "sink", delay_ms=delay_ms) as sink:
        async with bridge(folder, sink.url, log_source(log), *tables, sinks=sinks) as running:
            await running.delivered(plan.events)
            used, peak = running.used(), running.peak_bytes()
    arrived = sink.arrived()
    plan.report.arrived(what, plan.ids, arrived.ids)
    plan.report.peak(what, peak)
    if with_file:
        plan.report.arrived(f"{what} (the file)", plan.ids, _in_files(folder / "archive"))
    plan.done(folder)
    seconds = plan.events / arrived.rate(running.healthy_at)
    run = Run(plan.events, used.cpu_seconds, seconds, peak, arrived.bytes, used.disk_bytes)
    return run, arrived.first - running.launched_at


class _Line(msgspec.Struct):
    correlationId: str


def _in_files(archive: Path) -> set[str]:
    decode = msgspec.json.Decoder(_Line).decode
    found: set[str] = set()
    for path in archive.glob("*.ndjson"):
        with path.open("rb") as file:
            found.update(decode(line).correlationId for line in file)
    return found

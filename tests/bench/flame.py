"""Where the time goes: the bridge under py-spy, from a log and over HTTP, as a table of its own functions.

    python tests/bench --profile

Samples are taken of all threads that run. What a function calls outside of the bridge (the standard library,
msgspec, SQLite) counts as its own; what has none of the bridge's functions above it (compression in a worker
thread) stands under the name of its innermost function. Microseconds are a function's share of the CPU that the
bridge took, which is somewhat more under the profiler than without it.
"""

import asyncio
import os
import re
import shutil
import sys
import sysconfig
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.destination import counting_sink
from bench.over_http import send
from bench.plan import Plan
from bench.running import Running, bridge, http_source, log_source
from rich.console import Console
from rich.table import Table
from rigs.daemon import free_port

_SAMPLES_PER_SECOND: Final = 250
_MOST_ROWS: Final = 25
_OURS: Final = f"{os.sep}bridge{os.sep}"
_IMPORTING: Final = "_find_and_load"
# What is innermost when a worker of concurrent.futures, or the journal's writer, has nothing to do.
_WAITING: Final = re.compile(r"_worker \(.*/futures/thread\.py|wait \(.*/threading\.py")


@dataclass(frozen=True, slots=True)
class Profile:
    """Samples of one run."""

    samples: int
    own: Counter[str]
    """By function: it, or what it had called outside of the bridge, was running."""
    total: Counter[str]
    """By function: it was anywhere on the stack."""


def main(plan: Plan, kept: Path) -> None:
    """Profile each way in, print its table, and keep the samples in a folder for a flame graph."""
    kept.mkdir(parents=True, exist_ok=True)
    for way, work in _WAYS.items():
        raw = kept / f"{way}.raw"
        events, cpu_seconds = asyncio.run(work(plan, raw))
        show(way, read(raw), events, cpu_seconds)
        print(f"for a flame graph (flamegraph.pl, speedscope.app): {raw}\n")


def read(raw: Path) -> Profile:
    """Return what py-spy has written: a line a stack, `frame;frame;… count`, outermost first."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    samples = 0
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        # The start is not what an event costs; an empty stack is one that could not be read.
        if not stack or _IMPORTING in stack:
            continue
        stacked = stack.split(";")
        # A thread between two pieces of work, caught as it falls asleep.
        if _WAITING.match(stacked[-1]):
            continue
        frames = [_name(frame) for frame in stacked if _OURS in frame] or [f"({_name(stacked[-1])})"]
        samples += int(count)
        own[frames[-1]] += int(count)
        total.update(dict.fromkeys(frames, int(count)))
    return Profile(samples, own, total)


def show(way: str, profile: Profile, events: int, cpu_seconds: float) -> None:
    """Print functions by what they take themselves."""
    us = cpu_seconds / events * 1e6 / profile.samples
    table = Table(title=f"{way}: {events:,} events, {profile.samples * us:.1f} µs of CPU an event")
    table.add_column("function")
    for name in ("self %", "self µs/event", "total %", "total µs/event"):
        table.add_column(name, justify="right")
    for name, count in profile.own.most_common(_MOST_ROWS):
        total = profile.total[name]
        table.add_row(
            name,
            f"{count / profile.samples:.1%}",
            f"{count * us:.2f}",
            f"{total / profile.samples:.1%}",
            f"{total * us:.2f}",
        )
    Console(width=132, highlight=False).print(table)


def _name(frame: str) -> str:
    # `function (/path/bridge/sinks/moesif.py:12)`, less the path before the package.
    function, _, place = frame.partition(" (")
    module = place.rpartition(_OURS)[2] if _OURS in place else "/".join(Path(place).parts[-2:])
    return f"{module.partition(':')[0]}  {function}"


async def _from_log(plan: Plan, raw: Path) -> tuple[int, float]:
    folder = plan.fresh()
    async with _profiled(folder, raw, log_source(plan.log)) as running:
        await running.delivered(plan.events)
        cpu_seconds = running.used().cpu_seconds
    plan.done(folder)
    return plan.events, cpu_seconds


async def _arrays(plan: Plan, raw: Path) -> tuple[int, float]:
    return await _over_http(plan, raw, plan.events // 100, 100, connections=4)


async def _posts(plan: Plan, raw: Path) -> tuple[int, float]:
    return await _over_http(plan, raw, plan.events // 3, 1, connections=16)


async def _over_http(
    plan: Plan, raw: Path, requests: int, events: int, connections: int
) -> tuple[int, float]:
    folder, port = plan.fresh(), free_port()
    async with _profiled(folder, raw, http_source(port)) as running:
        await send(port, requests, events, connections=connections)
        await running.delivered(requests * events)
        cpu_seconds = running.used().cpu_seconds
    plan.done(folder)
    return requests * events, cpu_seconds


@asynccontextmanager
async def _profiled(folder: Path, raw: Path, source: str) -> AsyncIterator[Running]:
    spy = shutil.which("py-spy", path=os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])))
    if spy is None:
        sys.exit("py-spy is not installed; it comes with requirements-dev.lock")
    # Stopping the process for each sample would make waiting threads look busy.
    options = f"--nonblocking --function --full-filenames --format raw --rate {_SAMPLES_PER_SECOND}"
    under = (spy, "record", *options.split(), "--output", str(raw), "--")
    with counting_sink(folder / "sink") as sink:
        async with bridge(folder, sink.url, source, under=under) as running:
            yield running


_WAYS: Final[Mapping[str, Callable[[Plan, Path], Coroutine[None, None, tuple[int, float]]]]] = {
    "log": _from_log,
    "http-arrays": _arrays,
    "http-posts": _posts,
}

"""Scenes of the analytics: what an event costs its store, and a question; memory, and the page's first view."""

import asyncio
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import duckdb
from bench.analytics_calls import bodies
from bench.analytics_fill import DAYS, fill
from bench.analytics_running import Analytics, analytics
from bench.destination import BENCH
from bench.plan import Plan
from bench.report import Figure

from bridge.analytics.store.people import FACTS_NAME, FILE_NAME

OVERVIEW: Final = BENCH / "overview.json"
"""The questions of the dashboard's overview, by its period; a browser test compares."""
_RATE: Final = 1_000
_WARM: Final = 20_000
_ASKED_AT_ONCE: Final = 4
_ROUNDS: Final = 5
# As `make bench` finds the page's log: failed calls of one API, of all thirty days.
_FILTERS: Final = [{"field": "api", "is": ["API 180"]}, {"field": "status_class", "is": ["5xx"]}]


def analytics_ingest(plan: Plan) -> None:
    """Batches of events into the analytics process, as a bridge sends them."""
    asyncio.run(_ingest(plan))


def analytics_questions(plan: Plan) -> None:
    """A store of thirty days: its size, what the overview's questions cost, the first view, memory under load."""
    asyncio.run(_questions(plan))


async def _ingest(plan: Plan) -> None:
    count = 200_000 if plan.full else 40_000
    first_ms = int(time.time() * 1000) - count - _WARM
    for batch in (1_000, 4_000):
        folder = plan.fresh()
        async with analytics(folder, folder / "store") as process:
            # Until most users and addresses are known; then batch by batch, at a steady rate.
            coming = bodies(count + _WARM, batch, first_ms.__add__)
            for body in itertools.islice(coming, _WARM // batch):
                await process.ingest(body)
            before, last = process.cpu_seconds(), b""
            for body in coming:
                await process.ingest(body)
                last = body
            used = process.cpu_seconds() - before
            before = process.cpu_seconds()
            for _ in range(_ROUNDS):
                await process.ingest(last)
            again = process.cpu_seconds() - before
            _count(plan, f"{batch:,} a batch", count + _WARM, json.loads(await process.get("/api/state")))
        plan.done(folder)
        name = f"analytics, batches of {batch:,}"
        plan.report.figures += [
            Figure(f"{name}: CPU", [used / count * 1e6], "µs/event", at_most=30),
            Figure(f"{name}: CPU of one that comes again", [again / batch / _ROUNDS * 1e6], "µs/event"),
        ]


async def _questions(plan: Plan) -> None:
    folder, events = plan.fresh(), 10_000_000 if plan.full else 1_000_000
    store, end_ms = folder / "store", int(time.time() * 1000)
    await fill(store, events, end_ms)
    _sizes(plan, folder, store)
    name = f"analytics, {events:,} events"
    async with analytics(folder, store) as process:
        for period, most in (("24h", 0.3), ("30d", 0.8)):
            asked = _overview(period)
            await _asked(process, asked)
            costs = [await _asked(process, asked) for _ in range(_ROUNDS)]
            plan.report.figures.append(
                Figure(f"{name}: the overview's questions, {period}: CPU", costs, "s", at_most=most)
            )
        page = f"/api/events?{urlencode({'from': '-30d', 'filters': json.dumps(_FILTERS), 'limit': 50})}"
        costs = [await _spent(process, page) for _ in range(_ROUNDS)]
        views = [await _first_view(process) for _ in range(_ROUNDS)]
        plan.report.figures += [
            Figure(f"{name}: a filtered page of events: CPU", costs, "s", at_most=0.1),
            Figure(f"{name}: all that the first view asks", views, "s", at_most=1),
        ]
        await _under_load(plan, process, name)
    plan.done(folder)


def _sizes(plan: Plan, folder: Path, store: Path) -> None:
    """Add what the facts take, and all of the store: both in files of their own, without room that is free again."""
    sizes = []
    for number, tables in enumerate((("facts",), ("facts", "details"))):
        path = folder / f"copy-{number}.duckdb"
        with duckdb.connect(path) as copy:
            copy.execute(f"ATTACH '{store / FACTS_NAME}' AS whole (READ_ONLY)")
            for table in tables:
                copy.execute(f"CREATE TABLE {table} AS FROM whole.{table} ORDER BY time")
            ((events,),) = copy.execute("SELECT count(*) FROM facts").fetchall()
        sizes.append(path.stat().st_size / events)
        path.unlink()
    facts, both = sizes
    # Only one event in 90 came by the real way and has left something there.
    personal = (store / FILE_NAME).stat().st_size / (events / (DAYS * 3))
    plan.report.figures += [
        Figure("analytics, on disk: facts", [facts], "B/event", at_most=60),
        Figure("analytics, on disk: with the rest of the event", [both + personal], "B/event", at_most=200),
    ]


def _overview(period: str) -> Sequence[Mapping[str, Any]]:
    questions = json.loads(OVERVIEW.read_text())[period]
    return [{**question, "from": f"-{period}", "to": "now", "time_zone": "UTC"} for question in questions]


async def _asked(process: Analytics, questions: Sequence[Mapping[str, Any]]) -> float:
    """Ask one after the other; returns the CPU seconds of all."""
    before = process.cpu_seconds()
    for question in questions:
        await process.ask(question)
    return process.cpu_seconds() - before


async def _spent(process: Analytics, path: str) -> float:
    before = process.cpu_seconds()
    for _ in range(_ROUNDS):
        await process.get(path)
    return (process.cpu_seconds() - before) / _ROUNDS


async def _first_view(process: Analytics) -> float:
    """Ask for all that the page needs at first, as it does: its files, then four questions at a time; the seconds."""
    turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def ask(question: Mapping[str, Any]) -> None:
        async with turns:
            await process.ask(question)

    began = time.monotonic()
    for file in await process.page_files():
        await process.get(file)
    await asyncio.gather(
        process.get("/api/state"), process.get("/api/annotations"), *map(ask, _overview("24h"))
    )
    return time.monotonic() - began


async def _under_load(plan: Plan, process: Analytics, name: str) -> None:
    """A thousand events a second come in, while the questions of both periods are asked again and again."""
    seconds = 60 if plan.full else 10
    over = asyncio.Event()
    taken: list[float] = []

    async def send() -> None:
        began_ms = int(time.time() * 1000)
        began = time.monotonic()
        for number, body in enumerate(
            bodies(seconds * _RATE, _RATE, lambda each: began_ms + each * 1000 // _RATE, seed=2)
        ):
            await asyncio.sleep(max(0.0, began + number + 1 - time.monotonic()))
            sent = time.monotonic()
            await process.ingest(body)
            taken.append(time.monotonic() - sent)
        over.set()

    async def look() -> None:
        for period in itertools.cycle(("24h", "30d")):
            for question in _overview(period):
                if over.is_set():
                    return
                await process.ask(question)

    await asyncio.gather(send(), look())
    plan.report.figures += [
        Figure(
            f"{name}, 1,000 a second and questions: most memory",
            [process.peak_bytes() / 1e6],
            "MB",
            at_most=400,
        ),
        Figure(f"{name}, 1,000 a second and questions: a batch is on disk after", taken, "s"),
    ]


def _count(plan: Plan, what: str, expected: int, state: Mapping[str, Any]) -> None:
    if lost := expected - state["events"]:
        plan.report.missing[f"analytics, {what}"] = lost

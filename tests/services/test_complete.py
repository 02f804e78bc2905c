"""The dashboard is complete: whatever was killed meanwhile, every figure is what the lines say, to the event."""

import asyncio
import csv
import io
import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import duckdb
import pytest
from rigs.analytics_calls import Values, millis
from rigs.analytics_comparing import compare, compare_order
from rigs.analytics_counts import counted, passes, value_of
from rigs.daemon import Daemon, free_port
from rigs.recorded_lines import values_of, varied, with_repeats
from rigs.scenes import config
from services.complete_run import CompleteRun
from services.dashboard_questions import HAS_BROWSER, PAGES, answered
from soak.chaos import Hook

CALLS = 100_000
SHORT_KILLS, LONG_KILLS = 5, 20
CONFIG = """
[bridge.analytics]
listen = "127.0.0.1:{port}"
# The recorded year may be long ago.
retain = "36500d"
[bridge.sources.http]
listen = "127.0.0.1:{events}"
[bridge.sinks.analytics]
retry_max = "200ms"
[bridge.sinks.hook]
type = "http"
url = "{hook}"
"""
# Nights in which clocks are changed, days of 23 and 25 hours, weeks around them, and a zone with half an hour.
PERIODS = (
    ("2026-10-24", "2026-10-26", "Europe/Berlin"),
    ("2026-10-25", "2026-10-26", "Europe/Berlin"),
    ("2026-10-25T01:30", "2026-10-25T03:15", "Europe/Berlin"),
    ("2026-03-29", "2026-03-30", "Europe/Berlin"),
    ("2026-10-20", "2026-11-03", "Asia/Colombo"),
    ("2026-10-24T18:30", "2026-10-25T18:30", "Asia/Colombo"),
    ("2026-10-31", "2026-11-02", "America/New_York"),
    ("2026-10-03T12:15:00Z", "2026-10-03T17:45:00Z", "Australia/Lord_Howe"),
    ("2026-01-01", "2027-01-01", "UTC"),
)
INTERVALS = ("15m", "1h", "3h", "1d", "1w")
MEASURES = (
    *("calls", "errors", "error_rate", "throttled", "users", "applications", "cache_hit_rate"),
    *("latency_avg", "latency_p50", "latency_p95", "latency_p99", "latency_max", "latency_histogram"),
    *("backend_latency_p95", "request_mediation_latency_p50", "response_bytes", "response_bytes_p75"),
    *("ai_prompt_tokens", "ai_total_tokens", "first_seen", "last_seen"),
)
DIMENSIONS = (
    *("api", "version", "api_type", "context", "method", "resource", "status", "status_class", "kind"),
    *("target_status", "error_type", "error_code", "application", "application_owner", "user", "tenant"),
    *("key_type", "region", "instance", "backend", "browser", "os", "bot", "cache_hit", "ai_model"),
    *("ai_vendor", "graphql_operation", "hostname", "path", "ip", "user_agent", "api_creator", "hour"),
    "weekday",
)
FILES = sorted({*DIMENSIONS, "correlation_id"} - {"hour", "weekday", "status_class"})
QUESTIONS = 40
# What stands in an address beside the page.
VIEWS = (
    "zone=Europe/Berlin&from=2026-10-24&to=2026-10-26",
    "zone=Asia/Colombo&from=2026-10-20&to=2026-11-03&api.not=Orders&bot.not=true&latency.from=5",
)


@pytest.mark.timeout(1500)
async def test_every_figure_is_complete_whatever_is_killed(tmp_path: Path, *, full: bool) -> None:
    """P1 to P7: kill -9 of each process, rewinds, an outage with dead letters; all counts equal the lines' own."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(seed)
    lines = varied(seed, CALLS)
    half = CALLS // 2
    calls = [values_of(one.event, "gateway-1") for one in lines]
    ports = free_port(), free_port()
    url, events_url = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}/events"
    (tmp_path / "logs").mkdir()
    async with Hook() as hook:
        sinks = CONFIG.format(port=ports[0], events=ports[1], hook=hook.url)
        async with Daemon(tmp_path, config(tmp_path, "", type="analytics, hook", sinks=sinks)) as daemon:
            run = CompleteRun(daemon, hook, events_url, seed)
            logged = with_repeats(chance, lines[:half], 0.01)
            # Some calls come both ways.
            posted = with_repeats(chance, lines[half:], 0.01) + [
                one for one in chance.sample(lines[:half], 300) if one.has_own_id
            ]
            await run.run(LONG_KILLS if full else SHORT_KILLS, logged, posted, tmp_path / "logs")
            assert run.faults == []
            # Enough came again that a store which counts twice would be seen.
            assert run.done["events sent again"] > CALLS / 2
            assert run.done["posted again"] > 0
            await _settled(daemon)
            assert hook.copies.total() > len(hook.copies) == CALLS
            async with aiohttp.ClientSession(url) as session:
                state = await _balanced(session)
                assert state["books"] == {
                    "taken": CALLS,
                    "shown": CALLS,
                    "let_go": 0,
                    "too_old": 0,
                    "erased": 0,
                    "records": 0,
                    "missing": 0,
                }
                await _compare_exports(session, calls)
                for _ in range(QUESTIONS):
                    await _ask(session, _question(chance, calls), calls)
            if not HAS_BROWSER:
                pytest.skip("no browser to look at the pages with: all but their own questions was compared")
            asked_by_pages = await answered(url, VIEWS)
            assert len(asked_by_pages) > 5 * len(PAGES)
            for asked, answer in asked_by_pages:
                check(asked, answer, calls)


async def _settled(daemon: Daemon) -> None:
    """Return when every destination has everything."""
    while True:
        status = await daemon.until(_nothing_waits, 300)
        if not status["sinks"]["hook"]["dead_letters"]:
            return
        await daemon.replay("hook")


def _nothing_waits(status: dict[str, Any]) -> bool:
    lag_bytes = status["sources"]["log"]["lag_bytes"]
    return lag_bytes == 0 and not any(sink["pending"] for sink in status["sinks"].values())


async def _balanced(session: aiohttp.ClientSession) -> dict[str, Any]:
    """Return the state once the bridge's account says that nothing is on its way."""
    while True:
        async with session.get("/api/state") as answer:
            state: dict[str, Any] = await answer.json()
        if all(sender["taken"] == CALLS and not sender["pending"] for sender in state["senders"]):
            return state
        await asyncio.sleep(0.2)


async def _ask(session: aiohttp.ClientSession, asked: dict[str, Any], calls: Sequence[Values]) -> None:
    async with session.post("/api/query", json=asked) as answer:
        assert answer.status == 200, (asked, await answer.text())
        check(asked, await answer.json(), calls)


def check(asked: dict[str, Any], answer: dict[str, Any], calls: Sequence[Values]) -> None:
    expected = counted(asked, calls)
    compare(asked, answer, expected)
    compare_order(asked, answer, expected)


def _question(chance: random.Random, calls: Sequence[Values]) -> dict[str, Any]:
    start, end, zone = chance.choice(PERIODS)
    asked: dict[str, Any] = {
        "measures": chance.sample(MEASURES, chance.randint(1, 5)),
        "by": chance.sample(DIMENSIONS, chance.choice([0, 0, 1, 1, 1, 2])),
        "filters": [_filter(chance, calls) for _ in range(chance.choice([0, 1, 1, 2]))],
        "from": start,
        "to": end,
        "time_zone": zone,
        "limit": 10_000,
    }
    if chance.random() < 0.4:
        asked |= {"interval": chance.choice(INTERVALS[3:] if start[:4] != end[:4] else INTERVALS)}
        asked["limit"] = 10 if asked["by"] else 10_000
    if chance.random() < 0.4:
        asked["compare"] = "previous"
    return asked


def _filter(chance: random.Random, calls: Sequence[Values]) -> dict[str, Any]:
    """Return a filter that some calls pass and others do not."""
    name = chance.choice([one for one in FILES if one != "kind"])
    value = chance.choice(calls)[name]
    if isinstance(value, str) and chance.random() < 0.4:
        return {"field": name, chance.choice(["contains", "contains_not"]): value[:6]}
    if name == "status" and value is not None and chance.random() < 0.5:
        return {"field": name, chance.choice(["at_least", "above", "at_most", "below"]): value}
    return {"field": name, chance.choice(["is", "is_not"]): [value, chance.choice(calls)[name]]}


async def _compare_exports(session: aiohttp.ClientSession, calls: Sequence[Values]) -> None:
    """Assert that files of events hold what the lines say, each call once, in every form."""
    filters: list[dict[str, Any]] = [
        {"field": "api", "is_not": ["Orders", None]},
        {"field": "status", "below": 500},
    ]
    zone = ZoneInfo("Europe/Berlin")
    asked = {"filters": filters, "from": "2026-10-25", "to": "2026-10-26", "time_zone": zone.key}
    first, last = (millis(datetime(2026, 10, day, tzinfo=zone)) for day in (25, 26))
    wanted = [one for one in calls if first <= one["time_ms"] < last and passes(one, filters, zone)]
    expected = Counter(_row(one | {"kind": value_of(one, "kind", zone)}) for one in wanted)
    assert 1000 < len(wanted) < len(calls)
    ndjson = [json.loads(line) for line in (await _exported(session, asked, "ndjson")).splitlines()]
    assert Counter(_row(one) for one in ndjson) == expected
    assert {one["id"] for one in ndjson} >= {one["id"] for one in wanted} - {None}
    table = csv.DictReader(io.StringIO((await _exported(session, asked, "csv")).decode()))
    assert Counter(_row({name: _read(value) for name, value in one.items()}) for one in table) == expected
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(await _exported(session, asked, "parquet"))
        file.flush()
        with duckdb.connect() as connection:
            names = ", ".join(f'"{name}"' for name in FILES)
            found = connection.execute(f"SELECT epoch_ms(time), {names} FROM '{file.name}'").fetchall()
    assert Counter(_row(dict(zip(("time_ms", *FILES), row, strict=True))) for row in found) == expected


async def _exported(session: aiohttp.ClientSession, asked: dict[str, Any], form: str) -> bytes:
    question = {"question": json.dumps(asked), "format": form}
    async with session.get("/api/export", params=question) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


def _row(call: dict[str, Any]) -> tuple[Any, ...]:
    at = call.get("time_ms")
    if at is None:
        at = millis(datetime.fromisoformat(call["time"]))
    return (at, *(None if call.get(name) is None else str(call[name]).lower() for name in FILES))


def _read(cell: str) -> str | None:
    return cell or None

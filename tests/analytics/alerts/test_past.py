"""A rule tried on the past says what watching it would have said."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rigs.alerts import START, WatchedStore, watched
from rigs.analytics_calls import Values, made_up

from bridge.analytics.alerts.figures import RuleFigures
from bridge.analytics.alerts.past import try_past
from bridge.analytics.alerts.rules import read_rule
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.intervals import microseconds

_MINUTES = 30
_RULES: tuple[dict[str, Any], ...] = (
    {"measure": "error_rate", "above": 0.5, "window": "5m", "least_calls": 3},
    {"measure": "error_rate", "above": 0.6, "window": "10m", "by": ["api"], "for": "3m"},
    {"measure": "latency_p95", "above": 9000, "window": "5m", "by": ["api"]},
    {"measure": "users", "below": 4, "window": "5m"},
    {"measure": "silence", "window": "2m", "by": ["api", "instance"]},
    {"measure": "silence", "window": "5m", "filters": [{"field": "api", "is": ["PizzaShack"]}]},
    {"measure": "calls", "below": 3, "window": "5m", "by": "application", "per_minute": False},
    {"measure": "calls", "above": 4, "window": "2m", "per_minute": True, "quiet": "10m"},
    {"measure": "calls", "above": 0.5, "against": "week_before", "window": "10m", "by": ["api"]},
    {"measure": "latency_avg", "below": -0.3, "against": "week_before", "window": "30m"},
    {"measure": "ai_total_tokens", "above": 5000, "window": "10m", "by": ["ai_model"]},
)


def _uneven(seed: int) -> list[Values]:
    """Return calls of a while with gaps in it, and of the same while a week before."""
    end = START + timedelta(minutes=_MINUTES)
    chance = random.Random(seed)
    gaps = [(gap, gap + chance.randrange(2, 12)) for gap in chance.sample(range(_MINUTES), 5)]
    calls = made_up(seed, 700, START - timedelta(hours=1), end)
    calls += made_up(seed + 1, 500, START - timedelta(days=7, hours=1), end - timedelta(days=7))
    first = START.timestamp()
    return [
        call
        for call in calls
        if not any(low <= (call["time_ms"] / 1000 - first) / 60 < high for low, high in gaps)
    ]


async def _tried(store: WatchedStore, rule: dict[str, Any]) -> list[tuple[str, Any, float]]:
    served, start = store.served, microseconds(START)
    figures = RuleFigures(Answerer(served.store), served.zone, 60)
    trial = await try_past(
        read_rule({"name": "x", **rule}), figures, start, start + _MINUTES * 60_000_000, ZoneInfo("UTC")
    )
    happened = []
    for alert in trial.alerts:
        happened.append(("fired", alert.group, (alert.start - start) / 60e6))
        if alert.end is not None:
            happened.append(("resolved", alert.group, (alert.end - start) / 60e6))
    assert trial.tried == trial.groups
    return happened


async def test_the_past_says_what_watching_said(tmp_path: Path, full: bool) -> None:
    """Minute by minute, and all at once, the same groups fire and resolve in the same minutes, whatever the rule."""
    for seed in range(1, 6 if full else 2):
        await _compare(tmp_path / str(seed), seed)


async def _compare(folder: Path, seed: int) -> None:
    async with watched(folder) as store:
        await store.take(_uneven(seed))
        for number, rule in enumerate(_RULES):
            await store.rule(f"r{number}", **rule)
        for minute in range(_MINUTES + 1):
            await store.look(minute)
        fired = 0
        for number, rule in enumerate(_RULES):
            live = sorted(await store.happened(f"r{number}"), key=str)
            assert sorted(await _tried(store, rule), key=str) == live, rule
            fired += bool(live)
        # A test in which nothing happens would show nothing.
        assert fired >= len(_RULES) - 2

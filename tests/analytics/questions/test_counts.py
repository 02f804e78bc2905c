"""Every figure is what an independent count over the same events gives."""

import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from fakes.tagged_events import received
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_comparing import compare
from rigs.analytics_counts import counted
from rigs.analytics_questions import VALUES, random_filter, random_rolled_question

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.fields import DIMENSIONS, MEASURES
from bridge.analytics.questions.intervals import INTERVALS
from bridge.analytics.questions.question import read_question
from bridge.analytics.store import ReceivedEvent, Store
from bridge.analytics.store.cubes import LATENCIES

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NOW: Final = datetime(2026, 4, 2, 12, tzinfo=UTC)
_ZONES: Final = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "UTC",
)
_PERIODS: Final = (
    ("2026-03-29", "2026-03-30"),
    ("2026-03-28", "2026-03-30"),
    ("2026-03-29T00:30", "2026-03-29T04:45"),
    ("2026-03-01", "2026-04-01"),
    ("2026-03-28T03:15", "2026-03-29T03:15"),
    ("2026-03-08", "2026-03-09"),
    ("2026-04-04", "2026-04-06"),
    ("2026-04-05T00:00", "2026-04-05T04:00"),
    ("2026-03-23", "2026-03-30"),
    ("2026-03-30T00:00:00Z", "2026-03-31T06:00:00Z"),
    ("2025-10-25", "2025-10-27"),
    ("2025-10-26T00:10", "2025-10-26T05:20"),
    ("2025-11-02", "2025-11-03"),
    ("2025-10-20", "2025-11-10"),
)


@pytest.fixture(scope="module")
def calls() -> list[Values]:
    spring = made_up(1, 900, datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 4, 8, tzinfo=UTC))
    dense = made_up(2, 900, datetime(2026, 3, 27, 20, tzinfo=UTC), datetime(2026, 3, 30, 20, tzinfo=UTC))
    autumn = made_up(3, 700, datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 11, 12, tzinfo=UTC))
    night = made_up(4, 500, datetime(2025, 10, 25, 20, tzinfo=UTC), datetime(2025, 10, 26, 6, tzinfo=UTC))
    half_hour = made_up(5, 200, datetime(2026, 4, 4, 13, tzinfo=UTC), datetime(2026, 4, 4, 17, tzinfo=UTC))
    return spring + dense + autumn + night + half_hour


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


_ROLLED_MEASURES: Final = (
    *(
        "calls",
        "errors",
        "error_rate",
        "throttled",
        "users",
        "applications",
        "cache_hit_rate",
        "response_bytes",
    ),
    *(f"{name}_{of}" for name in LATENCIES for of in ("avg", "max", "p25", "p50", "p95", "p99")),
)


async def _roll_up(store: Store, events: list[ReceivedEvent], *, everything: bool) -> None:
    """Take all events and roll them up; or roll some up, between others that come late and are left for later."""
    late = [] if everything else events[:30]
    until = _NOW + timedelta(days=30) if everything else datetime(2026, 3, 29, 1, tzinfo=UTC)
    await store.append(events[len(late) :])
    for _ in range(2):
        await store.roll_up(millis(until))
    for start in range(0, len(late), 10):
        await store.append(late[start : start + 10])
        await store.roll_up(millis(until))


@pytest.fixture(scope="module")
def events(calls: list[Values]) -> list[ReceivedEvent]:
    events = [received(event_of(call)) for call in calls]
    random.Random(9).shuffle(events)
    return events


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(
    events: list[ReceivedEvent], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path_factory.mktemp("store")) as store:
        await store.append(events)
        yield store


@pytest.fixture(scope="module")
def answers(store: Store) -> Answerer:
    return Answerer(store)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["whole", "here and there"])
async def rolled(
    events: list[ReceivedEvent], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path_factory.mktemp("store")) as store:
        await _roll_up(store, events, everything=request.param == "whole")
        yield store


@pytest.mark.parametrize("seed", range(30))
async def test_any_question_gives_what_an_independent_count_gives(
    seed: int, calls: list[Values], answers: Answerer
) -> None:
    """Measures by dimensions with filters, over changes of the clock: equal to the event."""
    chance = random.Random(seed)
    for _ in range(8):
        asked = _question(chance)
        question = read_question(asked, now=_NOW, zone=ZoneInfo("UTC"))
        answer = await answers.answer(question, 10)
        compare(asked, answer, counted(asked, calls))


@pytest.mark.parametrize("seed", range(16))
async def test_a_question_that_the_rollup_can_answer_gives_the_same(
    seed: int, calls: list[Values], rolled: Store
) -> None:
    """What is asked of a cube's columns is equal to the event, whatever is rolled up and what has changed since."""
    chance = random.Random(seed)
    for _ in range(8):
        asked = _rolled_question(chance)
        question = read_question(asked, now=_NOW, zone=ZoneInfo("UTC"))
        compare(asked, await Answerer(rolled).answer(question, 10), counted(asked, calls))


@pytest.mark.parametrize("seed", range(16))
async def test_quantiles_of_many_calls_are_within_the_stated_error(
    seed: int, calls: list[Values], rolled: Store
) -> None:
    """Beyond the stated number of calls quantiles come from the rollup: within 2.2 %, and the answer says so."""
    chance = random.Random(seed)
    for _ in range(8):
        asked = _rolled_question(chance)
        question = read_question(asked, now=_NOW, zone=ZoneInfo("UTC"))
        answer = await Answerer(rolled, exact_calls=0).answer(question, 10)
        assert answer["exact"] == ("approximate" not in answer)
        if "approximate" in answer:
            assert answer["approximate"]["error"] == 0.022
            assert all(re.search(r"latency_p\d+$", name) for name in answer["approximate"]["measures"])
        compare(asked, answer, counted(asked, calls))


@pytest.mark.parametrize("measure", MEASURES)
async def test_each_measure_is_counted(measure: str, calls: list[Values], answers: Answerer) -> None:
    """No measure is left out of the comparison."""
    await _ask({"measures": [measure], "by": ["api", "status_class"], "compare": "previous"}, calls, answers)


@pytest.mark.parametrize("dimension", DIMENSIONS)
async def test_each_dimension_is_counted(dimension: str, calls: list[Values], answers: Answerer) -> None:
    """No dimension is left out of the comparison."""
    await _ask({"measures": ["calls", "users"], "by": [dimension]}, calls, answers)


async def test_a_call_that_the_clock_would_carry_past_the_end_counts(
    calls: list[Values], answers: Answerer
) -> None:
    """A call of 02:30 the day before has no counterpart on the day of the change; it counts in the last bucket."""
    asked: dict[str, Any] = {
        "measures": ["calls"],
        "interval": "15m",
        "compare": "previous",
        "from": "2026-03-28T03:15",
        "to": "2026-03-29T03:15",
        "time_zone": "Europe/Berlin",
    }
    question = read_question(asked, now=_NOW, zone=ZoneInfo("UTC"))
    answer = await answers.answer(question, 10)
    compare(asked, answer, counted(asked, calls))
    assert {row["time"] for row in answer["rows"]} <= {*answer["period"]["times"]}


async def _ask(asked: dict[str, Any], calls: list[Values], answers: Answerer) -> None:
    asked |= {"from": "2026-03-01", "to": "2026-04-01", "time_zone": "Europe/Berlin", "limit": 10_000}
    question = read_question(asked, now=_NOW, zone=ZoneInfo("UTC"))
    compare(asked, await answers.answer(question, 10), counted(asked, calls))


def _question(chance: random.Random) -> dict[str, Any]:
    start, end = chance.choice(_PERIODS)
    asked: dict[str, Any] = {
        "measures": chance.sample([*MEASURES], chance.randint(1, 5)),
        "by": chance.sample([*VALUES], chance.choice([0, 0, 1, 1, 2])),
        "filters": [random_filter(chance) for _ in range(chance.choice([0, 0, 1, 1, 2]))],
        "from": start,
        "to": end,
        "time_zone": chance.choice(_ZONES),
        "limit": 10_000,
    }
    if chance.random() < 0.5:
        asked["interval"] = chance.choice(
            [*INTERVALS][2:] if end[:7] == start[:7] else ["1h", "1d", "1w", "1M"]
        )
        asked["limit"] = 50 if asked["by"] else 10_000
    if chance.random() < 0.4:
        asked["compare"] = "previous"
    return asked


def _rolled_question(chance: random.Random) -> dict[str, Any]:
    asked = _question(chance)
    asked["by"], asked["filters"] = random_rolled_question(chance)
    asked["measures"] = chance.sample(_ROLLED_MEASURES, chance.randint(1, 5))
    asked["limit"] = 50 if asked["by"] and asked.get("interval") else 10_000
    return asked

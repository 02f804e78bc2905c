"""Every figure is what an independent count over the same events gives."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from fakes.tagged_events import received
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_comparing import compare
from rigs.analytics_counts import counted
from rigs.analytics_questions import VALUES, random_filter

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.fields import DIMENSIONS, MEASURES
from bridge.analytics.questions.intervals import INTERVALS
from bridge.analytics.questions.question import read_question
from bridge.analytics.store import Store

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answers(calls: list[Values], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Answerer]:
    async with Store.opened(tmp_path_factory.mktemp("store")) as store:
        for start in range(0, len(calls), 1000):
            await store.append([received(event_of(call)) for call in calls[start : start + 1000]])
        yield Answerer(store)


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

"""In a sandbox every figure and list is what a store would give that has the sandbox's calls alone."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from fakes.tagged_events import received
from rigs.analytics_calls import Values, event_of, made_up, millis
from rigs.analytics_comparing import compare
from rigs.analytics_counts import counted, passes
from rigs.analytics_questions import VALUES, random_filter, random_rolled_question

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.events import EventListing, Events
from bridge.analytics.questions.fields import FIELDS, MEASURES
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.periods import read_period
from bridge.analytics.questions.question import read_question
from bridge.analytics.questions.sandbox import Sandbox, default_fields
from bridge.analytics.store import Store
from bridge.errors import Unanswerable

pytestmark = pytest.mark.asyncio(loop_scope="module")

_UTC: Final = ZoneInfo("UTC")
_NOW: Final = datetime(2026, 4, 2, 12, tzinfo=UTC)
_FIRST: Final = datetime(2026, 3, 26, tzinfo=UTC)
_LAST: Final = datetime(2026, 4, 1, tzinfo=UTC)
_HOLDING: Final = ("user", "company", "application", "api", "tenant", "status", "ip", "kind", "method")
_MEASURES: Final = ("calls", "errors", "users", "applications", "latency_p50", "latency_avg", "last_seen")


@pytest.fixture(scope="module")
def calls() -> list[Values]:
    return made_up(21, 1500, _FIRST, _LAST)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["facts", "rolled up"])
async def store(
    calls: list[Values], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path_factory.mktemp("store")) as store:
        await store.append([received(event_of(call)) for call in calls])
        if request.param == "rolled up":
            for _ in range(2):
                await store.roll_up(millis(_NOW))
        yield store


class Made:
    """A sandbox, and the calls that are in it, found without the product."""

    def __init__(self, chance: random.Random, calls: list[Values], fields: frozenset[str] | None) -> None:
        self.given = [_holding(chance) for _ in range(chance.choice([0, 1, 1, 1, 2]))]
        earliest = chance.choice([None, _FIRST + timedelta(days=2, minutes=chance.randrange(600))])
        latest = chance.choice([None, _LAST - timedelta(days=1, minutes=chance.randrange(600))])
        self.calls = [
            call
            for call in calls
            if passes(call, self.given, _UTC)
            and (earliest is None or call["time_ms"] >= millis(earliest))
            and (latest is None or call["time_ms"] < millis(latest))
        ]
        self.sandbox = Sandbox(
            read_filters(self.given),
            fields,
            None if earliest is None else millis(earliest) * 1000,
            None if latest is None else millis(latest) * 1000,
        )


def _holding(chance: random.Random) -> dict[str, Any]:
    name = chance.choice(_HOLDING)
    values = [value for value in VALUES[name] if value is not None]
    if chance.random() < 0.2 and name in {"user", "api", "application"}:
        return {"field": name, "contains": chance.choice(["o", "1", "user1"])}
    return {"field": name, chance.choice(["is", "is", "is", "is_not"]): chance.sample(values, 1)}


def _question(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.4:
        by, filters = random_rolled_question(chance)
    else:
        by = chance.sample(
            ["api", "application", "user", "ip", "status", "country", "hour"], chance.choice([0, 1, 2])
        )
        filters = [random_filter(chance) for _ in range(chance.choice([0, 1, 1, 2]))]
    start, end = chance.choice(
        [("2026-03-25", "2026-04-02"), ("2026-03-29", "2026-03-31"), ("2026-03-28T03:15", "2026-03-31T04:00")]
    )
    asked: dict[str, Any] = {
        "measures": chance.sample(_MEASURES, 3),
        "by": by,
        "filters": filters,
        "from": start,
        "to": end,
        "time_zone": chance.choice(["UTC", "Europe/Berlin"]),
        "limit": 200,
    }
    if chance.random() < 0.3:
        asked["interval"] = chance.choice(["1h", "1d"])
    if chance.random() < 0.3:
        asked["compare"] = "previous"
    return asked


@pytest.mark.parametrize("seed", range(20))
async def test_an_answer_is_that_of_a_filtered_copy(seed: int, calls: list[Values], store: Store) -> None:
    """Any question within any sandbox gives what an independent count over its calls alone gives."""
    chance = random.Random(seed)
    for _ in range(6):
        made, asked = Made(chance, calls, None), _question(chance)
        question = read_question(asked, now=_NOW, zone=_UTC).within(made.sandbox)
        answer = await Answerer(store, exact_calls=chance.choice([10, 1_000_000])).answer(question, 10)
        compare(asked, answer, counted(asked, made.calls))


@pytest.mark.parametrize("seed", range(8))
async def test_a_list_is_that_of_a_filtered_copy(seed: int, calls: list[Values], store: Store) -> None:
    """Pages within a sandbox have its events and no others, whatever is filtered by."""
    chance = random.Random(seed)
    period = read_period("2026-03-25", "2026-04-02", _UTC, _NOW)
    for _ in range(6):
        made = Made(chance, calls, None)
        asked = [random_filter(chance) for _ in range(chance.choice([0, 1, 2]))]
        listing = EventListing(period, read_filters(asked), 100).within(made.sandbox)
        found = [event async for page in Events(store).pages(listing, 37, 10) for event in page]
        wanted = [call for call in made.calls if passes(call, asked, _UTC)]
        wanted.sort(key=lambda call: (call["time_ms"], call["id"]), reverse=True)
        assert [event["id"] for event in found] == [call["id"] for call in wanted[:100]], (made.given, asked)


async def test_an_event_outside_is_one_that_does_not_exist(calls: list[Values], store: Store) -> None:
    """One event is there in a sandbox if it is in it, and not else."""
    chance, events = random.Random(5), Events(store)
    for _ in range(10):
        made = Made(chance, calls, None)
        inside = {call["id"] for call in made.calls}
        for call in chance.sample(calls, 10):
            found = await events.one(call["id"], _UTC, 10, made.sandbox)
            assert (found is not None) is (call["id"] in inside)


async def test_what_is_not_shown_is_nowhere(calls: list[Values], store: Store) -> None:
    """Lists and events have the fields that are shown alone, also the event as it came."""
    chance, events = random.Random(6), Events(store)
    period = read_period("2026-03-25", "2026-04-02", _UTC, _NOW)
    for _ in range(10):
        fields = frozenset(chance.sample([*FIELDS], chance.randint(0, 30)))
        made = Made(chance, calls, fields)
        found, _ = await events.page(EventListing(period, (), 20).within(made.sandbox), 10)
        for event in found:
            assert event.keys() <= fields | {"id", "time", "received"}
            call = next(one for one in calls if one["id"] == event["id"])
            assert {name: event[name] for name in fields & call.keys() if call[name] is not None} == {
                name: call[name] for name in fields & call.keys() if call[name] is not None
            }
            raw = await store.event(event["id"], fields) or {}
            shown = {str(value) for value in _leaves(raw)} - {"Other"}
            known = {str(call[name]) for name in fields & call.keys()}
            known |= {f"{call['user']}@carbon.super"} if "user" in fields else set()
            assert shown - known <= {raw["bridge"]["received"], event["id"], raw["requestTimestamp"]}


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    return [value]


@pytest.mark.parametrize("name", ["user", "ip", "application", "correlation_id"])
async def test_what_is_not_shown_cannot_be_asked_for(name: str) -> None:
    """Neither to group by, nor to filter by, in a question or a list: the same error, whatever the calls have."""
    sandbox = Sandbox(
        read_filters([{"field": "api", "is": "Orders"}]),
        default_fields(read_filters([{"field": "api", "is": "Orders"}])),
    )
    for asked in ({"by": [name]}, {"filters": [{"field": name, "is_not": ["x"]}]}):
        question = read_question({"measures": ["calls"], **asked}, now=_NOW, zone=_UTC)
        with pytest.raises(Unanswerable, match=f"{name} is not shown here"):
            question.within(sandbox)
    listing = EventListing(
        read_period("-1d", "now", _UTC, _NOW), read_filters([{"field": name, "contains": "x"}]), 1
    )
    with pytest.raises(Unanswerable, match=f"{name} is not shown here"):
        listing.within(sandbox)


async def test_a_quantity_that_is_not_shown_is_in_no_figure() -> None:
    """Without a field, none of its measures can be asked for; those of others can."""
    sandbox = Sandbox((), frozenset(FIELDS) - {"latency", "cache_hit"})
    hidden = {name for name, measure in MEASURES.items() if not sandbox.shows_measure(measure)}
    assert hidden == {name for name in MEASURES if name.startswith("latency_")} | {"cache_hit_rate"}
    with pytest.raises(Unanswerable, match="latency_p95 is not shown here"):
        read_question({"measures": ["latency_p95"]}, now=_NOW, zone=_UTC).within(sandbox)


@pytest.mark.parametrize("name", ["correlation_id", "hour", "weekday"])
async def test_a_sandbox_is_not_held_by_what_the_caller_can_change(name: str) -> None:
    """Local time is the caller's, so that it holds nothing."""
    value = "c-5" if name == "correlation_id" else 5
    with pytest.raises(Unanswerable, match="cannot be held by"):
        Sandbox(read_filters([{"field": name, "is": value}]))


@pytest.mark.parametrize(
    ("given", "shown", "hidden"),
    [
        (
            {"user": "alice"},
            {"user", "application", "path", "correlation_id", "api"},
            {"company", "ip", "user_agent"},
        ),
        ({"company": "acme"}, {"company", "application", "path"}, {"user", "ip", "tenant", "backend"}),
        (
            {"api": "Orders"},
            {"api", "country", "latency"},
            {"user", "application", "company", "path", "correlation_id"},
        ),
        ({"tenant": "acme.com"}, {"tenant", "api"}, {"user", "application", "instance"}),
    ],
)
async def test_a_customer_is_shown_what_names_nobody_else(
    given: dict[str, str], shown: set[str], hidden: set[str]
) -> None:
    """What is shown by default: what is not personal, what the sandbox settles, and what its caller sent."""
    fields = default_fields(read_filters([{"field": name, "is": value} for name, value in given.items()]))
    assert shown <= fields
    assert not hidden & fields

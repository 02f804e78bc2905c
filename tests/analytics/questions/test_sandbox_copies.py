"""Any question and any list in a sandbox is answered as by a store that has the calls of the sandbox alone."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from fakes.tagged_events import received
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs.analytics_calls import Values, event_of, made_up, millis
from rigs.analytics_counts import passes
from rigs.analytics_questions import VALUES

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.events import EventListing, Events, read_cursor
from bridge.analytics.questions.fields import DIMENSIONS, MEASURES, FieldKind
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.periods import read_period
from bridge.analytics.questions.question import read_question
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.store import Store
from bridge.errors import Unanswerable

_UTC: Final = ZoneInfo("UTC")
_NOW: Final = datetime(2026, 4, 2, 12, tzinfo=UTC)
_FIRST: Final = datetime(2026, 3, 27, tzinfo=UTC)
_LAST: Final = datetime(2026, 3, 31, tzinfo=UTC)
_EARLIEST: Final = datetime(2026, 3, 28, 7, 41, tzinfo=UTC)
_HELD: Final[dict[str, list[dict[str, Any]]]] = {
    "user": [{"field": "user", "is": ["user1@acme.com"]}],
    "company": [{"field": "company", "is": ["acme"]}],
    "API": [{"field": "api", "is": ["Orders", "PizzaShack"]}],
    "tenant": [{"field": "tenant", "is_not": ["carbon.super"]}],
    "pattern": [{"field": "user", "matches": "^user1"}, {"field": "api", "contains_not": "pizza"}],
    "nobody": [{"field": "user", "is": ["nobody@acme.com"]}],
    "no user": [{"field": "user", "is": [None]}, {"field": "kind", "is": ["response"]}],
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A sandbox over all calls, and a store that has its calls alone."""

    sandbox: Sandbox
    copy: Store


@dataclass(frozen=True, slots=True)
class Stores:
    """All of them, and the loop that they live on."""

    runner: asyncio.Runner
    whole: Store
    pairs: Mapping[str, Pair] = field(repr=False)
    calls: list[Values] = field(repr=False)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    calls = made_up(44, 700, _FIRST, _LAST)
    stack = AsyncExitStack()

    async def opened(wanted: list[Values]) -> Store:
        store = await stack.enter_async_context(Store.opened(tmp_path_factory.mktemp("store"), readers=1))
        await store.append([received(event_of(call)) for call in wanted])
        # Half of it is answered from the rollup.
        for _ in range(2):
            await store.roll_up(millis(datetime(2026, 3, 29, 12, tzinfo=UTC)))
        return store

    async def made() -> tuple[Store, dict[str, Pair]]:
        pairs = {}
        for bounded, (name, held) in enumerate(_HELD.items()):
            earliest = _EARLIEST if bounded % 2 else _FIRST
            mine = [one for one in calls if passes(one, held, _UTC) and one["time_ms"] >= millis(earliest)]
            sandbox = Sandbox(read_filters(held), None, millis(earliest) * 1000, None)
            pairs[name] = Pair(sandbox, await opened(mine))
        return await opened(calls), pairs

    with asyncio.Runner() as runner:
        whole, pairs = runner.run(made())
        yield Stores(runner, whole, pairs, calls)
        runner.run(stack.aclose())


_SETS: Final = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(
        lambda test, values: {"field": name, test: values},
        st.sampled_from(["is", "is_not"]),
        st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=3, unique=True),
    )
)
_TEXTS: Final = st.builds(
    lambda name, test, text: {"field": name, test: text},
    st.sampled_from(["api", "application", "user", "ip", "user_agent", "correlation_id", "path", "kind"]),
    st.sampled_from(["contains", "contains_not", "matches", "matches_not"]),
    st.sampled_from(["o", "user1", "ORD", "^O", "[0-9]$", "c-1", "/", ".*", "ä"]),
)
_RANGES: Final = st.builds(
    lambda name, test, bound: {"field": name, test: bound},
    st.sampled_from(["status", "latency", "response_bytes", "hour", "weekday"]),
    st.sampled_from(["at_least", "above", "at_most", "below"]),
    st.sampled_from([1, 5, 200, 404, 1500, 100_000]),
)
_FILTERS: Final = st.lists(st.one_of(_SETS, _TEXTS, _RANGES), max_size=3)
_TIMES: Final = st.sampled_from(
    [
        ("2026-03-26", "2026-04-01"),
        ("2026-03-28", "2026-03-30"),
        ("2026-03-28T06:00", "2026-03-28T09:10"),
        ("-10d/d", "now"),
    ]
)


@st.composite
def _questions(draw: st.DrawFn) -> dict[str, Any]:
    by = draw(st.lists(st.sampled_from(sorted(DIMENSIONS)), max_size=2, unique=True))
    measures = draw(st.lists(st.sampled_from(sorted(MEASURES)), min_size=1, max_size=4, unique=True))
    start, end = draw(_TIMES)
    asked: dict[str, Any] = {
        "measures": measures,
        "by": by,
        "filters": draw(_FILTERS),
        "from": start,
        "to": end,
    }
    asked["time_zone"] = draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
    # Of people who tie, the one that was numbered first comes first, and a copy numbers them anew.
    asked["limit"] = 100 if _PEOPLE & {*by} else draw(st.sampled_from([1, 3, 20]))
    asked |= draw(st.sampled_from([{}, {}, {"compare": "previous"}]))
    return asked | draw(st.sampled_from([{}, {}, {"interval": "1h"}, {"interval": "1d"}]))


_PEOPLE: Final = {name for name, one in DIMENSIONS.items() if one.kind is FieldKind.PERSON}
_NAMES: Final = st.sampled_from(sorted(_HELD))
_UNHURRIED: Final = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(name=_NAMES, asked=_questions())
@_UNHURRIED
def test_a_question_is_answered_as_by_a_filtered_copy(
    stores: Stores, name: str, asked: dict[str, Any]
) -> None:
    """Rows, their order, how many there are, buckets and what was before: all the same."""
    pair = stores.pairs[name]
    try:
        question = read_question(asked, now=_NOW, zone=_UTC)
    except Unanswerable:
        return
    inside = stores.runner.run(Answerer(stores.whole).answer(question.within(pair.sandbox), 20))
    copied = stores.runner.run(Answerer(pair.copy).answer(question, 20))
    people = bool(_PEOPLE & {*asked["by"]})
    assert _told(inside, ordered=not people) == _told(copied, ordered=not people)


def _told(answer: dict[str, Any], *, ordered: bool) -> dict[str, Any]:
    # Sums of floats differ in their last digit by the order of rows.
    told = {name: _rounded(value) for name, value in answer.items() if name != "took_ms"}
    return told if ordered else told | {"rows": sorted(map(repr, told["rows"]))}


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.12g}")
        case dict():
            return {name: _rounded(one) for name, one in value.items()}
        case list():
            return [_rounded(one) for one in value]
        case _:
            return value


@given(name=_NAMES, filters=_FILTERS, times=_TIMES, limit=st.integers(1, 30), foreign=st.integers(0, 699))
@_UNHURRIED
def test_a_list_is_that_of_a_filtered_copy(
    stores: Stores, name: str, filters: list[dict[str, Any]], times: tuple[str, str], limit: int, foreign: int
) -> None:
    """Pages and their cursors are the same, also behind a cursor that another list gave; so is each event."""
    pair, call = stores.pairs[name], stores.calls[foreign]
    period = read_period(*times, _UTC, _NOW)
    listing = EventListing(period, read_filters(filters), limit, (call["time_ms"] * 1000, call["id"]))
    for one in (listing, EventListing(period, read_filters(filters), limit)):
        inside, after = stores.runner.run(Events(stores.whole).page(one.within(pair.sandbox), 20))
        copied, then = stores.runner.run(Events(pair.copy).page(one, 20))
        assert (inside, after) == (copied, then)
        assert after is None or read_cursor(after)
    alone = stores.runner.run(Events(stores.whole).one(call["id"], _UTC, 20, pair.sandbox))
    assert alone == stores.runner.run(Events(pair.copy).one(call["id"], _UTC, 20))

"""Lists of events, and the live stream's filters: they pass what an independent look at the same events passes."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fakes.tagged_events import received
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_counts import passes
from rigs.analytics_questions import random_filter

from bridge.analytics.questions.events import EventListing, Events, read_cursor
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.live import LiveFilters, live_values
from bridge.analytics.questions.periods import Period, read_period
from bridge.analytics.store import Store

_ZONE: Final = ZoneInfo("Europe/Berlin")
_NOW: Final = datetime(2026, 4, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def calls() -> list[Values]:
    calls = made_up(7, 300, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))
    # Several at one moment: the cursor has to tell them apart.
    for call in calls[:60]:
        call["time_ms"] = calls[0]["time_ms"]
    return calls


@pytest.fixture
async def store(tmp_path: Path, calls: list[Values]) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path) as store:
        await store.append([received(event_of(call)) for call in calls])
        yield store


def _period() -> Period:
    return read_period("2026-03-01", "2026-04-01", _ZONE, _NOW)


async def test_filters_of_lists_and_of_the_live_stream_pass_the_same(
    store: Store, calls: list[Values]
) -> None:
    """A filter means in memory and in SQL what it means to an independent look at the event."""
    chance = random.Random(11)
    with store.watching() as watcher:
        copies = {str(UUID(int=number)): call for number, call in enumerate(calls)}
        fresh = [call | {"id": number} for number, call in copies.items()]
        await store.append([received(event_of(call)) for call in fresh])
        fed = await watcher.take(5)
    values = [live_values(one) for one in fed]
    assert len(values) == len(calls)
    for _ in range(30):
        asked = [random_filter(chance) for _ in range(chance.choice([1, 1, 2]))]
        filters = read_filters(asked)
        expected = {call["id"] for call in calls if passes(call, asked, _ZONE)}
        live = await LiveFilters(filters, _ZONE, store).passing(values, 10)
        assert {copies[one["id"]]["id"] for one in live} == expected, asked
        listed, _ = await Events(store).page(EventListing(_period(), filters, 10_000), 10)
        assert {event["id"] for event in listed} - copies.keys() == expected, asked
        assert {copies[event["id"]]["id"] for event in listed if event["id"] in copies} == expected, asked


async def test_pages_hold_every_event_once_newest_first(store: Store, calls: list[Values]) -> None:
    """A cursor goes on behind the last event, though others are of the same moment, and though new ones come."""
    events, found = Events(store), []
    cursor: str | None = None
    while True:
        before = None if cursor is None else read_cursor(cursor)
        page, cursor = await events.page(EventListing(_period(), (), 23, before), 10)
        found += page
        if cursor is None:
            break
    expected = sorted(calls, key=lambda call: (call["time_ms"], call["id"]), reverse=True)
    assert [event["id"] for event in found] == [call["id"] for call in expected]


async def test_an_event_shows_what_it_says(store: Store, calls: list[Values]) -> None:
    """A row of the list has every field that the call has, under its name, and none that it has not."""
    found, _ = await Events(store).page(EventListing(_period(), (), 1000), 10)
    by_id = {event["id"]: event for event in found}
    for call in calls:
        event = by_id[call["id"]]
        own: dict[str, Any] = {
            name: value
            for name, value in call.items()
            if value is not None and name not in {"time_ms", "faulty", "id"}
        }
        assert {name: event[name] for name in own} == own
        assert event["kind"] == ("fault" if call["faulty"] else "response")
        assert event.keys() - own.keys() <= {"id", "time", "received", "kind", "status_class"}

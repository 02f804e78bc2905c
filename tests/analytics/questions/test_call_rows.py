"""Calls as API Analytics' rows: each call once, in order, whatever the page and the number that are read at a time."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from fakes.tagged_events import received
from rigs.analytics_calls import Values, event_of, made_up, millis
from rigs.analytics_counts import passes

from bridge.analytics.questions.call_rows import MEMBERS, CallRows, WantedRows
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.sandbox import NOT_PERSONAL, Sandbox
from bridge.analytics.store import Store
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.formats.api_analytics import METHODS

pytestmark = pytest.mark.asyncio(loop_scope="module")

_UTC: Final = ZoneInfo("UTC")
_FIRST: Final = datetime(2026, 3, 26, tzinfo=UTC)
_LAST: Final = datetime(2026, 4, 1, tzinfo=UTC)
_ALL: Final = Period(millis(_FIRST) * 1000, millis(_LAST) * 1000, _UTC)


@pytest.fixture(scope="module")
def calls() -> list[Values]:
    return sorted(made_up(5, 700, _FIRST, _LAST), key=lambda call: (call["time_ms"], call["id"]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(calls: list[Values], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path_factory.mktemp("store")) as store:
        await store.append([received(event_of(call)) for call in calls])
        yield store


async def rows_of(store: Store, wanted: WantedRows, page_rows: int, some: int) -> list[dict[str, Any]]:
    return [row async for rows in CallRows(store, page_rows, some).some(wanted, 10) for row in rows]


def row_of(call: Values) -> dict[str, Any]:
    method = call.get("method")
    return {
        "hostname": call.get("hostname") or "",
        "ip_address": call.get("ip") or "",
        "user_agent": call.get("user_agent") or "",
        "method": METHODS.index(method) if method in METHODS else None,
        "status": call.get("status"),
        "response_time": call.get("latency"),
        "location": call.get("country") or "",
        "user_id": call.get("user") or "",
        "created_at": format_ms(call["time_ms"]),
    }


@pytest.mark.parametrize("seed", range(6))
async def test_pages_have_every_call_once(store: Store, calls: list[Values], seed: int) -> None:
    """All pages together are all calls that pass the filters, the oldest first, and each has the ten members."""
    chance = random.Random(seed)
    asked: list[list[dict[str, Any]]] = [
        [],
        [{"field": "method", "is": ["GET"]}],
        [{"field": "status", "at_least": 400}],
    ]
    given = chance.choice(asked)
    filters = read_filters(given)
    page_rows, some = chance.choice([(100, 30), (64, 64), (1000, 7)])
    found: list[dict[str, Any]] = []
    for page in range(1, 1000):
        more = await rows_of(store, WantedRows(_ALL, filters, page), page_rows, some)
        found += more
        if len(more) < page_rows:
            break
    expected = [row_of(call) for call in calls if passes(call, given, _UTC)]
    assert expected
    assert [{name: row[name] for name in MEMBERS if name != "path"} for row in found] == expected


async def test_beyond_the_last_page_is_nothing(store: Store) -> None:
    """A page after the last is empty, as there."""
    assert await rows_of(store, WantedRows(_ALL, (), 9), 100, 100) == []


async def test_a_sandbox_holds(store: Store, calls: list[Values]) -> None:
    """Only its calls are there, without what it does not show; a filter on that is refused."""
    given = [{"field": "method", "is": ["GET"]}]
    sandbox = Sandbox(read_filters(given), NOT_PERSONAL)
    rows = await rows_of(store, WantedRows(_ALL, (), sandbox=sandbox), 1000, 100)
    assert len(rows) == sum(passes(call, given, _UTC) for call in calls)
    assert {(row["user_id"], row["ip_address"], row["user_agent"]) for row in rows} == {("", "", "")}
    wanted = WantedRows(_ALL, read_filters([{"field": "user", "is": ["a"]}]), sandbox=sandbox)
    with pytest.raises(Unanswerable, match="user is not shown here"):
        await rows_of(store, wanted, 10, 10)


async def test_paths(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A call's own path counts, else what its gateway says: context and template."""
    said: dict[str, dict[str, Any]] = {
        "/shop/1/orders/7": {
            "apiContext": "/shop/1",
            "properties": {"x-original-gw-url": "https://gw.example/shop/1/orders/7?q=1"},
        },
        "/shop/1/orders/{id}": {"apiContext": "/shop/1", "apiResourceTemplate": "/orders/{id}"},
        "": {},
    }
    async with Store.opened(tmp_path_factory.mktemp("paths")) as store:
        for number, members in enumerate(said.values()):
            name = f"00000000-0000-4000-8000-00000000000{number}"
            event = {
                "bridge": {"id": name},
                "requestTimestamp": f"2026-03-27T00:00:0{number}.000Z",
                **members,
            }
            await store.append([received(event)])
        rows = await rows_of(store, WantedRows(_ALL, ()), 10, 10)
    assert [row["path"] for row in rows] == [*said]
    assert rows[0]["hostname"] == "gw.example"

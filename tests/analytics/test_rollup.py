"""The rollup never has a call twice and never lacks one, whatever happens to the facts while and after it is made."""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from fakes.analytics_processes import server_process
from fakes.tagged_events import FIRST_MS, calls, received
from rigs.analytics_erasing import erase

from bridge.analytics.store import Snapshot, Store, opening
from bridge.analytics.store.cubes import CUBES, DAY, HALF_HOUR, differing
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.rollup import Roller, RollupAccount

HOUR_MS: Final = 3_600_000
LATER_MS: Final = FIRST_MS + 400 * HOUR_MS
"""After all calls of these tests."""


async def roll_up(store: Store, until_ms: int = LATER_MS) -> None:
    """Roll up everything: what has just come is left in peace by the first look."""
    await store.roll_up(until_ms)
    await store.roll_up(until_ms)


async def rolled(store: Store) -> list[tuple[int, int, int]]:
    return await store.ask("SELECT length, start, until FROM rolled ORDER BY ALL", (), 5)


async def assert_true(store: Store) -> None:
    """Assert that every cube has, where it counts, what is counted now."""

    def wrong(snapshot: Snapshot) -> list[Any]:
        return [
            (cube.name, row)
            for cube in CUBES
            for span in snapshot.rolled(cube, 0, 2 * LATER_MS * 1000)
            for row in snapshot.ask(differing(cube, span), ())
        ]

    assert await store.look(wrong, 60) == []


def spread_calls(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return calls of several days, of some people."""
    events = [
        *calls(
            count,
            start,
            userName="zebulon@carbon.super",
            applicationOwner="olga",
            responseLatency=17,
        )
    ]
    for number, event in enumerate(events):
        at = FIRST_MS + (start + number) * HOUR_MS // 3
        event["requestTimestamp"] = at
        if number % 3:
            event["userName"] = f"user{number % 5}@carbon.super"
    return events


async def test_what_has_ended_and_is_quiet_is_rolled_up(tmp_path: Path) -> None:
    """What is young is left; what is rolled up stays so over a restart, and is what the facts say."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(150)])
        # The first look finds nothing but the time without calls.
        await store.roll_up(LATER_MS)
        assert await store.ask("SELECT sum(calls) FROM rollup_ended", (), 5) == [(None,)]
        await store.roll_up(FIRST_MS + 30 * HOUR_MS)
        first = FIRST_MS * 1000 // DAY * DAY
        assert {(length, until) for length, start, until in await rolled(store) if start == 0} == {
            (HALF_HOUR, first + 60 * HALF_HOUR),
            (DAY, first + DAY),
        }
        await assert_true(store)
        ((rows,),) = await store.ask("SELECT sum(calls) FROM rollup_ended", (), 5)
        assert rows == 90
    async with Store.opened(tmp_path) as store:
        await roll_up(store)
        assert [length for length, _, _ in await rolled(store)] == [HALF_HOUR, DAY]
        assert await store.ask("SELECT sum(calls) FROM rollup_callers", (), 5) == [(150,)]
        await assert_true(store)


async def test_a_call_that_comes_late_is_counted_with_the_others(tmp_path: Path) -> None:
    """Its half hour and its day are out of the rollup at once, and in it again when they are quiet."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(150)])
        await roll_up(store)
        before = await rolled(store)
        at = {"requestTimestamp": FIRST_MS + 30 * HOUR_MS}
        late = [received(one | at) for one in spread_calls(1, 100_000)]
        await store.append(late)
        assert len(await rolled(store)) == 4
        await assert_true(store)
        # The same again changes nothing.
        await store.append(late)
        await roll_up(store)
        assert await rolled(store) == before
        assert await store.ask("SELECT sum(calls) FROM rollup_ended", (), 5) == [(151,)]
        await assert_true(store)


async def test_an_erased_person_is_in_no_cube(tmp_path: Path) -> None:
    """Times of their calls are rolled up anew, without them."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(40)])
        await roll_up(store)
        (number,) = await store.people.find("user", ["zebulon"])
        await erase(store, "user", "zebulon", keeps_counts=True)
        await assert_true(store)
        await roll_up(store)
        await assert_true(store)
        assert await store.ask('SELECT count(*) FROM rollup_callers WHERE "user" = ?', (number,), 5) == [(0,)]
        assert await store.ask("SELECT sum(calls) FROM rollup_callers", (), 5) == [(40,)]


async def test_what_retention_lets_go_of_leaves_the_rollup(tmp_path: Path) -> None:
    """The half hour and the day that are cut stay with the facts, and are never rolled up again."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(150)])
        await roll_up(store)
        cut_ms = FIRST_MS + 30 * HOUR_MS + 1_000
        assert await store.keep_until(cut_ms) == 91
        await assert_true(store)
        await roll_up(store)
        starts = {length: start for length, start, _ in await rolled(store)}
        assert all(cut_ms * 1000 <= start < cut_ms * 1000 + length for length, start in starts.items())
        assert await store.ask(
            "SELECT min(time) >= make_timestamp(?) FROM rollup_ended", (cut_ms * 1000,), 5
        ) == [(True,)]
        await assert_true(store)


async def test_events_that_come_while_they_are_rolled_up(tmp_path: Path) -> None:
    """However the rollup and late events meet, no call is missing and none is twice."""
    chance = random.Random(3)
    events = [received(one) for one in spread_calls(90)]
    chance.shuffle(events)
    async with Store.opened(tmp_path) as store:
        await store.append(events[:60])
        done = asyncio.Event()

        async def always() -> None:
            while not done.is_set():
                await store.roll_up(LATER_MS)

        rolling = asyncio.create_task(always())
        for start in range(60, 90, 6):
            await store.append(events[start : start + 6])
            await assert_true(store)
        done.set()
        await rolling
        await roll_up(store)
        assert await store.ask("SELECT sum(calls) FROM rollup_ended", (), 5) == [(90,)]
        await assert_true(store)


@pytest.mark.parametrize("late", ["before it is counted", "after it is counted"])
async def test_a_chunk_that_has_changed_does_not_count(tmp_path: Path, late: str) -> None:
    """What was begun before facts of its time changed is not counted on, and is begun again."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(10)])
    connection = opening.open_file(tmp_path, memory_bytes=64 * 2**20, threads=1)
    facts = FactsConnection(connection)
    account, roller = RollupAccount(facts), Roller(facts)
    chunk = account.begin(HALF_HOUR, LATER_MS * 1000, 0)
    assert chunk is not None
    if late == "after it is counted":
        roller.roll(chunk)
    connection.begin()
    account.change([FIRST_MS * 1000])
    connection.commit()
    if late == "before it is counted":
        roller.roll(chunk)
    assert not account.end(chunk)
    assert connection.execute("SELECT count(*) FROM rolled").fetchall() == [(0,)]
    for _ in range(2):
        account.look()
    assert account.begin(HALF_HOUR, LATER_MS * 1000, 0) == chunk
    roller.roll(chunk)
    assert account.end(chunk)
    assert connection.execute("SELECT sum(calls) FROM rollup_ended").fetchall() == [(10,)]
    connection.close()


async def test_kill_9_while_it_rolls_up(tmp_path: Path, *, full: bool) -> None:
    """After any kill -9 the rollup is what the facts say, and it is finished later."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(100)])
    chance = random.Random(5)
    for number in range(20 if full else 4):
        with server_process(tmp_path) as process:
            # A server looks at once; one late call for each day makes work again.
            asyncio.get_running_loop().call_later(chance.uniform(0, 0.3), process.kill)
            async with aiohttp.ClientSession(process.url) as session:
                with contextlib.suppress(aiohttp.ClientError):
                    while True:
                        async with session.get("/health") as answer:
                            await answer.read()
        async with Store.opened(tmp_path) as store:
            await assert_true(store)
            await store.append([received(one) for one in spread_calls(5, 1000 + 5 * number)])
    async with Store.opened(tmp_path) as store:
        await roll_up(store)
        ((there, facts),) = await store.ask(
            "SELECT (SELECT sum(calls) FROM rollup_ended), count(*) FROM facts", (), 5
        )
        assert there == facts
        await assert_true(store)


async def test_a_question_sees_one_moment(tmp_path: Path) -> None:
    """What is said to be rolled up and what is read is of the same moment, whatever is committed in between."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in spread_calls(10)])
        await roll_up(store)

        def look(snapshot: Snapshot) -> tuple[int, int, int]:
            spans = snapshot.rolled(CUBES[0], 0, LATER_MS * 1000)
            asyncio.run_coroutine_threadsafe(
                store.append([received(one) for one in spread_calls(5, 2)]), loop
            ).result()
            ((facts, there),) = snapshot.ask(
                "SELECT count(*), (SELECT sum(calls) FROM rollup_ended) FROM facts", ()
            )
            return len(spans), facts, there

        loop = asyncio.get_running_loop()
        assert await store.look(look, 10) == (1, 10, 10)

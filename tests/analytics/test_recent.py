"""What is remembered of the latest ids: no id that is in the store is ever taken for a new one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import duckdb
from fakes.tagged_events import RECEIVED_MS, calls, received
from hypothesis import given
from hypothesis import strategies as st

from bridge.analytics.store import Store
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.recent import STEP, RecentIds
from bridge.analytics.store.times import moment

SECOND = 1_000_000
NOW = RECEIVED_MS * 1000
# Seconds from now, by the number of an event; a clock may be ahead, or absurd.
TIMES = (-90_000, -41, -40, -11, -2, -1, 0, 1, 2, 3, 4, 5, 15, 16, 90_000, 9_000_000_000)


@contextmanager
def tables() -> Iterator[FactsConnection]:
    with closing(duckdb.connect()) as connection:
        connection.execute("CREATE TABLE facts (id UUID, time TIMESTAMP, received TIMESTAMP)")
        connection.execute("CREATE TABLE untimed (id UUID)")
        yield FactsConnection(connection)


def time_of(number: int) -> int:
    return NOW + TIMES[number % len(TIMES)] * SECOND


def name_of(number: int) -> str:
    return str(UUID(int=number))


batches = st.lists(st.integers(0, 47), min_size=1, max_size=6, unique=True)


@given(
    st.lists(st.tuples(batches, st.booleans()), max_size=20),
    st.integers(1, 12),
    st.sets(st.integers(0, 47), max_size=3),
)
def test_what_is_stored_is_never_taken_for_new(
    steps: list[tuple[list[int], bool]], most: int, untimed: set[int]
) -> None:
    """Whatever comes in which order, however little is remembered, and wherever the process starts again."""
    stored: set[int] = set()
    with tables() as facts:
        recent = RecentIds(facts, most)
        for numbers, starts_again in steps:
            if starts_again:
                recent = RecentIds(facts, most)
            names, times = [*map(name_of, numbers)], [*map(time_of, numbers)]
            if not recent.may_have(names, times):
                assert stored.isdisjoint(numbers)
            new = [number for number in numbers if number not in stored]
            if not new:
                continue
            stored.update(new)
            without_time = {name_of(number) for number in untimed.intersection(new)}
            recent.add([*map(name_of, new)], [*map(time_of, new)], without_time)
            for number in new:
                row = (name_of(number), moment(time_of(number)), moment(NOW))
                facts.execute("INSERT INTO facts VALUES (?, ?, ?)", row)
            for name in without_time:
                facts.execute("INSERT INTO untimed VALUES (?)", (name,))


def test_the_file_is_not_asked_for_new_events() -> None:
    """What is asked after all that was received is known to be new: at once, and when the process has begun again."""
    with tables() as facts:
        recent = RecentIds(facts)
        first, second = ["a", "b"], ["c", "d"]
        assert not recent.may_have(first, [NOW, NOW])
        recent.add(first, [NOW, NOW], ())
        assert recent.may_have(first, [NOW, NOW])
        assert not recent.may_have(second, [NOW, NOW + SECOND])
        facts.execute("INSERT INTO facts VALUES (?, ?, ?)", (name_of(1), moment(NOW), moment(NOW)))
        recent = RecentIds(facts)
        assert recent.may_have([name_of(1)], [NOW])
        assert not recent.may_have([name_of(2)], [NOW + SECOND])


def test_what_is_forgotten_is_asked_for() -> None:
    """Of more ids than are remembered, those of the earliest times are forgotten; the file is asked for such times."""
    begin = NOW // STEP * STEP
    with tables() as facts:
        recent = RecentIds(facts, 2)
        recent.add(["a", "b", "c"], [begin, begin + SECOND, begin + 2 * STEP], ())
        for forgotten, time in (("a", begin), ("b", begin + SECOND), ("unknown", begin + 2)):
            assert recent.may_have([forgotten], [time])
        assert recent.may_have(["c"], [begin + 2 * STEP])
        assert not recent.may_have(["d"], [begin + STEP])


async def test_the_id_decides_after_a_start_too(tmp_path: Path) -> None:
    """Events of now, of long ago and of a clock that is ahead, sent again before and after a start, are there once."""
    sent = [
        received(event)
        for some in (
            calls(20),
            calls(5, 20, requestTimestamp="2020-01-01T00:00:00.000Z"),
            calls(5, 25, requestTimestamp="2099-01-01T00:00:00.000Z"),
            calls(5, 30, requestTimestamp="no time"),
        )
        for event in some
    ]
    for start in range(3):
        async with Store.opened(tmp_path) as store:
            for _ in range(2):
                for some in (sent[:12], sent, sent[25:]):
                    appended = await store.append(some)
                    assert start == 0 or appended.new == 0
            assert await store.ask("SELECT count(*), count(DISTINCT id) FROM facts", (), 5) == [(35, 35)]

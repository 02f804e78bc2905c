"""The ids of the last minutes: known for the window, bounded, and put back at start."""

import uuid
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rigs.clock import FakeClock
from rigs.rig import opened

from bridge.events.ids import format_id
from bridge.journal.blocks import pack_ids, unpack_ids
from bridge.journal.seen_ids import SeenIds


def name(number: int) -> str:
    return format_id(uuid.uuid5(uuid.NAMESPACE_OID, str(number)).bytes)


def seen_ids(clock: FakeClock, *, window_seconds: float = 600, max_ids: int = 1_000_000) -> SeenIds:
    return SeenIds(window_seconds=window_seconds, max_ids=max_ids, clock=clock)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 30), max_size=6)), max_size=40))
def test_behaves_as_a_set(steps: list[tuple[bool, list[int]]]) -> None:
    """P5: within the window an id is known from when it was added until it is taken out, twice in one go too."""
    seen, model = seen_ids(FakeClock(hasty=True)), set[int]()
    for adding, numbers in steps:
        if adding:
            known = seen.add_all([name(number) for number in numbers])
            expected = []
            for index, number in enumerate(numbers):
                if number in model:
                    expected.append(index)
                model.add(number)
            assert known == expected
        else:
            for number in numbers:
                seen.discard(name(number))
                model.discard(number)


def test_grows() -> None:
    """Many ids stay known while the table grows, also behind ids that were taken out."""
    seen = seen_ids(FakeClock(hasty=True))
    assert all(seen.add(name(number)) for number in range(20_000))
    for number in range(0, 20_000, 3):
        seen.discard(name(number))
    assert [number for number in range(20_000) if seen.add(name(number))] == list(range(0, 20_000, 3))


def test_large_arrivals() -> None:
    """P8: however many ids come at once, no more than about `max_ids` are remembered; repeats take no room."""
    seen = seen_ids(FakeClock(hasty=True), max_ids=10_000)
    ids = [name(number) for number in range(20_000)]
    assert seen.add_all(ids) == []
    for _ in range(3):
        assert seen.add_all(ids[-4000:]) == [*range(4000)]
    assert len(seen._young.slots) + len(seen._old.slots) <= 4 * 2**14
    assert seen.add(ids[0])
    small = seen_ids(FakeClock(hasty=True), max_ids=10)
    assert small.add_all(ids[:100]) == []
    for _ in range(3):
        assert small.add_all(ids[:100]) == [*range(100)]


def test_known_for_the_window_and_then_forgotten() -> None:
    """An id is known for at least the window, and forgotten once two of them went by with traffic."""
    clock = FakeClock(hasty=True)
    seen = seen_ids(clock, window_seconds=600)
    seen.add(name(0))
    clock.now += 600
    seen.add(name(1))
    assert not seen.add(name(0))
    clock.now += 599
    assert not seen.add(name(1))
    assert not seen.add(name(0))
    clock.now += 1
    seen.add(name(2))
    assert seen.add(name(0))
    assert not seen.add(name(1))


def test_bounded() -> None:
    """P8: no more than about `max_ids` are remembered, the youngest half of them for certain."""
    seen = seen_ids(FakeClock(hasty=True), max_ids=10_000)
    for number in range(50_000):
        seen.add(name(number))
    assert not any(seen.add(name(number)) for number in range(45_000, 50_000))
    slots = len(seen._young.slots) + len(seen._old.slots)
    assert slots <= 4 * 2**14
    assert seen.add(name(0))


def test_packed_ids_are_the_same_ids() -> None:
    """Ids as the journal keeps them are known as the ids that they are."""
    seen = seen_ids(FakeClock(hasty=True))
    seen.add_all(unpack_ids(pack_ids([name(number) for number in range(100)])))
    assert not any(seen.add(name(number)) for number in range(100))
    assert seen.add(name(100))


async def test_put_back_from_the_journal(tmp_path: Path) -> None:
    """P5: after a restart the ids of the window's blocks are known again, older ones are not."""
    clock = FakeClock(hasty=True)
    async with opened(tmp_path, clock=clock) as rig:
        await rig.append(5)
        clock.now += 700
        await rig.append(5)
        clock.now += 10
        await rig.append(5)
        await rig.again()
        seen = seen_ids(clock)
        async for ids in rig.journal.recent_ids(int((clock.time() - 600) * 1000), 1_000_000):
            seen.add_all(ids)
        blocks = [await rig.journal.next_block(seq) for seq in (1, 2, 3)]
        assert all(seen.add(known) for known in blocks[0].ids)
        assert not any(seen.add(known) for block in blocks[1:] for known in block.ids)
        only_last = [len(ids) async for ids in rig.journal.recent_ids(0, 3)]
        assert only_last == [5]


async def test_put_back_after_the_clock_went_back(tmp_path: Path) -> None:
    """P5: a block written while the clock was two hours back is known like those around it: their order decides."""
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as rig:
        await rig.append(5)
        clock.now += 7200
        await rig.append(5)
        clock.epoch -= 7200
        await rig.append(5)
        clock.epoch += 7200
        await rig.again()
        since_ms = int((clock.time() - 600) * 1000)
        known = [list(ids) async for ids in rig.journal.recent_ids(since_ms, 1_000_000)]
        blocks = [await rig.journal.next_block(seq) for seq in (3, 2)]
        assert known == [list(block.ids) for block in blocks]

"""Up to which of its positions every sink has dealt with a source's events (P3), as a source is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rigs.events import event
from rigs.rig import Rig, accepted, opened, writer_held
from rigs.waiting import until

from bridge.journal import Advance, Letter, Selection

PARKED = Letter("id", event(1), 1000, "parked", 401, "no", "acme")
DEAD = Letter("id", event(1), 1000, "refused", 400, "no")


@asynccontextmanager
async def asking(rig: Rig, source: str = "hub") -> AsyncIterator[dict[str, bytes]]:
    """Ask as a source does; yields what it was told, which grows."""
    told: dict[str, bytes] = {}
    begun = asyncio.Event()

    async def listen() -> None:
        positions = rig.journal.settled(source)
        begun.set()
        async for news in positions:
            told.update(news)

    task = asyncio.create_task(listen())
    await begun.wait()
    # Its first question is in the journal before anything that comes now.
    await asyncio.sleep(0)
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def took(rig: Rig, value: str, key: str = "p0", events: int = 2) -> int:
    """Take an arrival of the hub's that ends at a position."""
    return await rig.append(events, source="hub", **{key: value.encode()})  # type: ignore[arg-type] # only positions


async def test_settled_once_every_sink_is_past(tmp_path: Path) -> None:
    """A position is settled when the slowest sink has dealt with its block, not before, and not in part."""
    async with opened(tmp_path, "moesif", "archive") as rig, asking(rig) as told:
        await took(rig, "10")
        await took(rig, "20")
        await rig.deliver("moesif", 3, 4)
        await rig.deliver("archive", 1, 1, at=1)
        assert told == {}
        await rig.deliver("archive", 2, 1)
        await until(lambda: told == {"p0": b"10"})
        await rig.deliver("archive", 3, 2)
        await until(lambda: told == {"p0": b"20"})
        assert rig.rows("SELECT * FROM reached") == []


async def test_keys_are_settled_each_for_itself(tmp_path: Path) -> None:
    """A partition whose events are delivered is settled, though another one's wait; a forgotten one is not reported."""
    async with opened(tmp_path, "moesif") as rig, asking(rig) as told:
        await took(rig, "1", "p1")
        await took(rig, "2", "p2")
        await rig.deliver("moesif", 2, 2)
        await until(lambda: told == {"p1": b"1"})
        await rig.journal.append(accepted([100], source="hub", p1=None, p2=b"3"))
        await rig.deliver("moesif", 4, 3)
        await until(lambda: told == {"p1": b"1", "p2": b"3"})
        assert rig.rows("SELECT key, value FROM settled") == [("p2", b"3")]


async def test_parked_is_not_dealt_with(tmp_path: Path) -> None:
    """A parked event holds its block and all behind it, until it is delivered; a dead one holds nothing."""
    async with opened(tmp_path, "moesif", "archive") as rig, asking(rig) as told:
        for value in ("10", "20", "30"):
            await took(rig, value)
        await rig.deliver("archive", 4, 6)
        await rig.deliver("moesif", 2, 1, letters=[DEAD])
        await until(lambda: told == {"p0": b"10"})
        await rig.deliver("moesif", 4, 3, letters=[PARKED])
        await rig.deliver("archive", 4, 0)
        assert told == {"p0": b"10"}
        (letter,) = await rig.journal.dead.select(Selection(tenant="acme"))
        # Its key is refused once more, and then it is delivered.
        await rig.journal.advance(Advance("moesif", 4, 0, refused_again=[(letter.number, PARKED)]))
        assert told == {"p0": b"10"}
        await rig.journal.advance(Advance("moesif", 4, 0, replayed=[letter.number]))
        await until(lambda: told == {"p0": b"30"})


async def test_parked_events_end_as_dead_letters_or_are_purged(tmp_path: Path) -> None:
    """What was parked and is refused for good is dealt with, and so is what an operator purges."""
    async with opened(tmp_path, "moesif") as rig, asking(rig) as told:
        await took(rig, "10")
        await rig.deliver("moesif", 2, 1, letters=[PARKED])
        (letter,) = await rig.journal.dead.select(Selection(tenant="acme"))
        await rig.journal.advance(Advance("moesif", 2, 0, refused_again=[(letter.number, DEAD)]))
        await until(lambda: told == {"p0": b"10"})
        # A dead letter that is parked by its replay was dealt with before.
        await rig.journal.advance(Advance("moesif", 2, 0, refused_again=[(letter.number, PARKED)]))
        await took(rig, "20")
        await rig.deliver("moesif", 3, 2)
        await until(lambda: told == {"p0": b"20"})
        await took(rig, "30")
        await rig.deliver("moesif", 4, 1, letters=[PARKED])
        assert told == {"p0": b"20"}
        await rig.journal.dead.purge(Selection(tenant="acme"))
        await until(lambda: told == {"p0": b"30"})


async def test_a_rewind_changes_nothing(tmp_path: Path) -> None:
    """What a sink has dealt with stays so: neither a rewind, nor what is parked then, holds other positions."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        async with asking(rig) as told:
            for value in ("10", "20", "30"):
                await took(rig, value)
            await rig.deliver("moesif", 4, 6)
            await rig.deliver("archive", 2, 2)
            await until(lambda: told == {"p0": b"10"})
            await rig.journal.rewind("moesif", 0)
        await rig.again("moesif", "archive")
        async with asking(rig) as told:
            await until(lambda: told == {"p0": b"10"})
            await rig.deliver("moesif", 2, 1, letters=[PARKED])
            await rig.deliver("archive", 3, 2)
            await until(lambda: told == {"p0": b"20"})
            await rig.deliver("archive", 4, 2)
            await until(lambda: told == {"p0": b"30"})


async def test_sinks_that_come_and_go(tmp_path: Path) -> None:
    """A new sink takes nothing back and counts from then on; one that was removed counts no more."""
    async with opened(tmp_path, "moesif") as rig:
        async with asking(rig) as told:
            await took(rig, "10")
            await took(rig, "20")
            await rig.deliver("moesif", 2, 2)
            await until(lambda: told == {"p0": b"10"})
        await rig.again("moesif", "archive")
        async with asking(rig) as told:
            await until(lambda: told == {"p0": b"10"})
            # It starts behind everything that is there.
            await rig.deliver("moesif", 3, 2)
            await until(lambda: told == {"p0": b"20"})
            await took(rig, "30")
            await rig.deliver("moesif", 4, 2)
            assert told == {"p0": b"20"}
        await rig.again("moesif")
        async with asking(rig) as told:
            await until(lambda: told == {"p0": b"30"})


async def test_an_arrival_without_events_counts_at_once(tmp_path: Path) -> None:
    """With nothing of its key before it a position is settled at once; else with the block before it."""
    async with opened(tmp_path, "moesif") as rig, asking(rig) as told:
        await rig.append(1)  # another source's backlog is none of its business
        await rig.journal.append(accepted([], source="hub", p0=b"5"))
        await until(lambda: told == {"p0": b"5"})
        await took(rig, "10")
        await rig.journal.append(accepted([], source="hub", p0=b"15", p1=b"1"))
        await until(lambda: told == {"p0": b"5", "p1": b"1"})
        await rig.deliver("moesif", 3, 3)
        await until(lambda: told == {"p0": b"15", "p1": b"1"})


async def test_who_does_not_ask_costs_nothing(tmp_path: Path) -> None:
    """Nothing is written for a source that does not ask; when it does, its last block stands for all before it."""
    async with opened(tmp_path, "moesif") as rig:
        await took(rig, "10")
        await took(rig, "20")
        await rig.deliver("moesif", 2, 2)
        assert rig.rows("SELECT * FROM reached") == rig.rows("SELECT * FROM settled") == []
        async with asking(rig) as told:
            await rig.journal.append(accepted([], source="hub", p0=b"25"))
            assert told == {}
            await rig.deliver("moesif", 3, 2)
            await until(lambda: told == {"p0": b"25"})
        # Not asked for a while: then it holds again from its last position on.
        await took(rig, "30")
        await rig.deliver("moesif", 4, 2)
        async with asking(rig) as told:
            await until(lambda: told == {"p0": b"30"})
            await took(rig, "40")
            await rig.deliver("moesif", 5, 2)
            await until(lambda: told == {"p0": b"40"})


async def test_who_goes_while_it_asks_asks_no_more(tmp_path: Path) -> None:
    """A reader that has gone leaves nothing behind: rows are written only while somebody reads."""
    async with opened(tmp_path, "moesif") as rig:
        async with writer_held(rig):
            question = asyncio.ensure_future(anext(rig.journal.settled("hub")))
            await asyncio.sleep(0)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
        await took(rig, "10")
        assert rig.rows("SELECT * FROM reached WHERE value = x'3130'") == []


async def test_a_large_backlog_is_settled_in_steps(tmp_path: Path) -> None:
    """P8: when thousands of positions are settled at once no transaction takes them all; a source gets the newest."""
    async with opened(tmp_path, "moesif", "archive") as rig, asking(rig) as told:
        many = {f"m{number}": b"1" for number in range(2_500)}
        await rig.journal.append(accepted([1], source="hub", **many))  # type: ignore[arg-type] # only positions
        for number in range(2, 6):
            block = {f"k{number}-{key}": b"1" for key in range(600)}
            await rig.journal.append(accepted([number], source="hub", p0=str(number).encode(), **block))  # type: ignore[arg-type] # as above
        await rig.deliver("archive", 6, 5)
        await rig.deliver("moesif", 6, 5)
        assert rig.value("SELECT count(*) FROM reached") > 1_000
        await rig.journal.tidy()
        await until(lambda: len(told) == 2_500 + 4 * 600 + 1)
        assert told["p0"] == b"5"
        assert rig.rows("SELECT * FROM reached") == []

"""One contract for every source: what it acknowledged is on disk, and nothing that it was offered is lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pytest
from rigs.clock import FakeClock
from rigs.events import event
from rigs.rig import Rig, journalling

from bridge.app.supervise import keep_running
from bridge.contracts import ListeningSource, Source
from bridge.errors import JournalError
from bridge.journal import Advance, SinkStart
from bridge.sources import SOURCES


class Sender(Protocol):
    """Who offers events to a source under test, and knows when it acknowledged them."""

    source: Source

    async def offer(self, bodies: Sequence[bytes]) -> None:
        """Leave these with the source; returns when it may look at them."""
        ...

    async def acknowledged(self) -> None:
        """Return when the source has acknowledged all that was offered."""
        ...

    async def close(self) -> None: ...


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Rig]:
    async with journalling(tmp_path) as opened:
        opened.gate.retry_after_seconds = 0
        yield opened


@pytest.fixture(params=[*sorted(SOURCES), "hub"])
async def sender(request: pytest.FixtureRequest, tmp_path: Path, behind: Rig) -> AsyncIterator[Sender]:
    """Every source of the table has a sender, in a file of its name; a hub's is the one that asks what is settled."""
    kind: str = request.param
    try:
        driver = import_module(f"fakes.sources.{kind}")
    except ModuleNotFoundError:
        pytest.fail(f"a new source needs tests/fakes/sources/{kind}.py with a `sender`", pytrace=False)
    made: Sender = driver.sender(tmp_path, behind)
    assert made.source.name == kind
    if isinstance(made.source, ListeningSource):
        await made.source.bind()
    yield made
    behind.gate.open.set()
    await made.source.finish()
    await made.close()


@asynccontextmanager
async def running(source: Source) -> AsyncIterator[None]:
    """Run a source as the application does: started again when it crashes, cancelled at the end."""
    task = asyncio.create_task(keep_running(source.run, crashed=lambda *_: None, clock=FakeClock(hasty=True)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


GOOD = [event(number) for number in range(5)]


async def test_what_is_acknowledged_is_on_disk(sender: Sender, behind: Rig, tmp_path: Path) -> None:
    """After the acknowledgement the events are in the file, and the next one to open it finds them (P1)."""
    async with running(sender.source):
        await sender.offer(GOOD)
        await sender.acknowledged()
        assert await behind.journalled() == GOOD
    await behind.journal.close()
    async with journalling(tmp_path) as reopened:
        assert await reopened.journalled() == GOOD
        assert reopened.journal.totals.sum("events_journalled", sender.source.name) == len(GOOD)


async def test_nothing_is_acknowledged_before_it_is_on_disk(sender: Sender, behind: Rig) -> None:
    """While the journal takes its time the source keeps the acknowledgement back (P1)."""
    behind.gate.open.clear()
    async with running(sender.source):
        await sender.offer(GOOD)
        await behind.gate.entered.wait()
        acknowledged = asyncio.create_task(sender.acknowledged())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not acknowledged.done()
        behind.gate.open.set()
        await acknowledged
    assert await behind.journalled() == GOOD


async def test_a_full_journal_is_survived(sender: Sender, behind: Rig) -> None:
    """While there is no room nothing is acknowledged, and then every event is taken once (P4)."""
    behind.gate.full_calls = 3
    async with running(sender.source):
        await sender.offer(GOOD)
        await sender.acknowledged()
    assert behind.gate.calls > 3
    assert await behind.journalled() == GOOD


@pytest.mark.parametrize("failure", [JournalError("disk"), ValueError("a slip")], ids=["journal", "slip"])
async def test_a_failure_loses_nothing(sender: Sender, behind: Rig, failure: Exception) -> None:
    """When intake fails for whatever reason, the events come again and are taken once."""
    behind.gate.fail_call, behind.gate.failure = 1, failure
    async with running(sender.source):
        await sender.offer(GOOD)
        await sender.acknowledged()
    assert await behind.journalled() == GOOD


async def test_the_books_balance(sender: Sender, behind: Rig) -> None:
    """Whatever is offered is counted as what became of it, to the event (P7)."""
    damaged = b'{"apiName":"a","correlationId":}'
    async with running(sender.source):
        await sender.offer([*GOOD[:3], damaged])
        await sender.acknowledged()
        await sender.offer([damaged])
        await sender.acknowledged()
    totals, name = behind.journal.totals, sender.source.name
    assert totals.sum("events_received", name) == 5
    assert totals.sum("events_journalled", name) == 3
    assert totals.sum("events_rejected", name) == 2
    assert totals.intake_difference() == 0


async def test_finish_takes_what_is_there(sender: Sender, behind: Rig) -> None:
    """What was offered before the stop is on disk when `finish` returns."""
    behind.gate.open.clear()
    async with running(sender.source):
        await sender.offer(GOOD)
        await behind.gate.entered.wait()
    finishing = asyncio.create_task(sender.source.finish())
    behind.gate.open.set()
    await finishing
    assert await behind.journalled() == GOOD
    await sender.acknowledged()


async def test_finish_takes_nothing_more(sender: Sender, behind: Rig) -> None:
    """What is offered after the stop is not taken, and stays with its sender."""
    async with running(sender.source):
        await sender.offer(GOOD[:2])
        await sender.acknowledged()
    await sender.source.finish()
    await sender.offer(GOOD[2:])
    assert await behind.journalled() == GOOD[:2]


async def test_positions_are_settled_when_every_sink_is_past(sender: Sender, behind: Rig) -> None:
    """A source that asks learns of its positions when each sink has dealt with all before them, not sooner (P3)."""
    journal, name = behind.journal, sender.source.name
    await journal.register([SinkStart("one", "oldest"), SinkStart("other", "oldest")])
    positions = behind.settled(name)()
    news = asyncio.ensure_future(anext(positions))
    async with running(sender.source):
        await sender.offer(GOOD)
        await sender.acknowledged()
        await journal.advance(Advance("one", journal.last_seq + 1, 0, delivered=len(GOOD)))
        assert not news.done()
        await journal.advance(Advance("other", journal.last_seq + 1, 0, delivered=len(GOOD)))
        reached = await journal.positions(name)
        settled: dict[str, bytes] = {}
        while settled != reached:
            settled |= await news
            news = asyncio.ensure_future(anext(positions))
    news.cancel()
    await asyncio.gather(news, return_exceptions=True)


async def test_a_source_that_was_given_nothing_ends(sender: Sender, behind: Rig) -> None:
    """`finish` returns when there is nothing to take, also when the source never ran."""
    await sender.source.finish()
    assert await behind.journalled() == []

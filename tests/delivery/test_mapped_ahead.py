"""Events that intake maps while it has them decoded, for the sinks that keep up."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import fittings
from rigs.delivery import moesif_settings
from rigs.events import events
from rigs.rig import Rig, delivering, opened
from rigs.waiting import until

from bridge.batches import WARM_EVENTS, Batch
from bridge.contracts import Arrival, Payload
from bridge.delivery.ahead import MappedAhead, forms_of
from bridge.delivery.feed import Feed
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.events.event import Event
from bridge.intake import Intake
from bridge.journal import Accepted
from bridge.journal.happenings import JournalHappenings
from bridge.settings import SinkSettings
from bridge.sinks.moesif.sink import MoesifSink


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike() as lookalike:
        yield lookalike


class Watched(MoesifSink):
    """The sink to Moesif; knows which events it got mapped, and which it has mapped itself."""

    def __init__(self, moesif: MoesifLookalike, **changes: Any) -> None:
        self.settings = moesif_settings(moesif, **changes)
        super().__init__("moesif", self.settings, fittings())
        self.ahead: list[str] = []
        self.itself: list[str] = []

    async def encode(self, batch: Batch) -> Payload:
        (self.ahead if batch.mapped else self.itself).extend(batch.ids)
        return await super().encode(batch)


async def test_lane_that_keeps_up_gets_events_mapped(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """What comes while the lane waits for it is mapped once, by intake, and arrives under its id (P5)."""
    sink = Watched(moesif)
    async with delivering(tmp_path) as made:
        lane = made.start(sink, sink.settings)
        await until(lambda: lane.mapper is not None)
        for first in range(0, 300, 60):
            await made.ingest(*events(60, first=first))
        await made.delivered()
    assert sink.itself == []
    assert sorted(sink.ahead) == sorted(event["transaction_id"] for event in moesif.events)
    assert moesif.unique == 300


async def test_lane_that_is_behind_maps_what_it_reads(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """While the destination is down intake stops mapping for it; everything arrives, and then it keeps up again."""
    moesif.knobs.status = 503
    sink = Watched(moesif, batch_max_events=WARM_EVENTS, concurrency=1)
    async with delivering(tmp_path) as made:
        lane = made.start(sink, sink.settings)
        await until(lambda: lane.mapper is not None)
        blocks = 0
        while lane.mapper is not None or blocks < 20:
            await made.ingest(*events(WARM_EVENTS, first=blocks * WARM_EVENTS, userAgent="x" * 2000))
            blocks += 1
        moesif.knobs.status = None
        await made.delivered()
        assert lane.mapper is not None
    assert len(sink.itself) >= WARM_EVENTS
    assert moesif.unique == blocks * WARM_EVENTS
    assert moesif.duplicates == 0


async def test_poison_among_mapped_events_is_found(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A mapped batch that is refused is searched in halves, which are mapped from their bytes (P3)."""
    moesif.knobs.status_for = lambda event: 400 if event["metadata"]["userAgent"] == "bad" else None
    sink = Watched(moesif)
    async with delivering(tmp_path) as made:
        lane = made.start(sink, sink.settings)
        await until(lambda: lane.mapper is not None)
        await made.ingest(*events(70, userAgent="good"), *events(1, first=70, userAgent="bad"))
        await made.delivered()
        assert [letter.reason for letter in await made.letters()] == ["refused"]
    assert len(sink.ahead) == 71
    assert moesif.unique == 70


class TripsOver:
    """A sink that intake maps for, and which trips over one event."""

    def __init__(self, correlation: str) -> None:
        self._correlation = correlation

    def ahead(self, _arrival: Arrival, received_ms: int) -> MappedAhead:
        return MappedAhead([self], received_ms)

    async def in_step(self) -> None:
        """Nobody is waited for."""

    def __call__(self, events: Sequence[Event], ids: Sequence[str], _received_ms: int) -> bytes:
        if any(event.correlationId == self._correlation for event in events):
            raise ValueError("cannot be mapped")
        return b"".join(name.encode() for name in ids)


async def test_fault_of_a_mapping_does_not_stop_intake(tmp_path: Path) -> None:
    """An arrival with an event that a sink cannot map is journalled, not mapped: the lane finds that event."""
    async with opened(tmp_path, "moesif") as made:
        intake = Intake(made.journal, None)
        intake.followers = trips = TripsOver("00000000-0000-0000-0000-00000000003c")
        for first in (0, 120):
            await intake(Arrival("log", events(120, first=first), [None] * 120, range(120), b"file"))
        tripped, well = [await made.journal.next_block(seq) for seq in (1, 2)]
        assert (len(tripped.ids), forms_of(tripped.ahead, trips)) == (120, ())
        forms = forms_of(well.ahead, trips)
        assert [events for events, _ in forms] == [WARM_EVENTS, WARM_EVENTS, 20]
        assert b"".join(form for _, form in forms) == "".join(well.ids).encode()


def spell(_events: Sequence[Event], ids: Sequence[str], _received_ms: int) -> bytes:
    """The simplest form of events: their ids."""
    return " ".join(ids).encode()


def block_of(numbers: range, *, mapped: bool) -> Accepted:
    """Return events as intake hands them to the journal; their ids count up."""
    ids = [f"00000000-0000-8000-a000-{number:012x}" for number in numbers]
    accepted = Accepted("log", ids, [b"{}"] * len(ids), raw_bytes=3 * len(ids))
    accepted.totals["events_journalled", "log", ""] = len(ids)
    if mapped:
        accepted.ahead = ahead = MappedAhead([spell], 0)
        for at in range(0, len(ids), WARM_EVENTS):
            cut = ids[at : at + WARM_EVENTS]
            ahead.add([Event()] * len(cut), cut)
    return accepted


async def test_lane_that_does_not_run_is_not_mapped_for(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Nothing is mapped for a lane that was stopped or has crashed, and nobody waits for it (P6)."""
    sink = Watched(moesif)
    async with delivering(tmp_path) as made:
        lane = made.start(sink, sink.settings)
        await until(lambda: lane.mapper is not None)
        await made.stop("moesif")
        assert lane.mapper is None
        await lane.in_step()


async def test_recent_blocks_of_single_events_take_little_memory(tmp_path: Path) -> None:
    """However small its events are, a block in memory counts with everything that it takes (P8)."""
    async with opened(tmp_path, "sink") as made:
        for number in range(3_000):
            await made.journal.append(block_of(range(number, number + 1), mapped=True))
        kept = sum(made.journal.in_memory(seq) for seq in range(1, made.journal.last_seq + 1))
        assert 1_000 < kept < 2_100


def feed_of(made: Rig, settings: SinkSettings) -> Feed:
    """Return a feed for a sink that maps by `spell`."""
    happenings = JournalHappenings(made.metrics, made.said, made.clock)
    return Feed(made.journal, made.sinks["sink"], settings, happenings, takes_records=True, mapper=spell)


@pytest.mark.parametrize("seed", range(20))
async def test_batches_are_mapped_as_a_whole_or_not_at_all(tmp_path: Path, seed: int) -> None:
    """Whatever the sizes of blocks and batches, batches bring each event once, in order, and their forms the same."""
    chance = random.Random(seed)
    settings = SinkSettings(type="file", linger=0, batch_max_events=chance.randint(WARM_EVENTS, 300))
    sizes = [chance.randint(1, 250) for _ in range(20)]
    async with opened(tmp_path, "sink") as made:
        for number, size in enumerate(sizes):
            first = sum(sizes[:number])
            await made.journal.append(block_of(range(first, first + size), mapped=chance.random() < 0.8))
        feed = feed_of(made, settings)
        read: list[str] = []
        whole = 0
        while len(read) < sum(sizes):
            batch, step = await feed.next()
            assert 0 < len(batch) == step.events <= settings.batch_max_events
            read += batch.ids
            if batch.mapped:
                whole += len(batch)
                assert " ".join(form.decode() for form in batch.mapped) == " ".join(batch.ids)
        assert [int(name[-12:], 16) for name in read] == list(range(sum(sizes)))
        # What was journalled mapped is sent mapped, but for the block in which the feed was out of step.
        assert whole >= sum(sizes) / 3


async def test_source_that_can_wait_is_held_up_for_a_block(tmp_path: Path) -> None:
    """A caller waits while a feed is two blocks behind, until it has taken one, but not for one that stands still."""
    async with opened(tmp_path, "sink") as made:
        feed = feed_of(made, SinkSettings(type="file", linger=0, batch_max_events=WARM_EVENTS))
        await made.journal.append(block_of(range(WARM_EVENTS), mapped=True))
        await feed.in_step()
        await made.journal.append(block_of(range(WARM_EVENTS, 2 * WARM_EVENTS), mapped=True))
        asked = asyncio.create_task(feed.in_step())
        await asyncio.sleep(0)
        assert not asked.done()
        await feed.next()
        await asked
        await made.journal.append(block_of(range(2 * WARM_EVENTS, 3 * WARM_EVENTS), mapped=True))
        # Nobody reads on: the answer comes all the same.
        await feed.in_step()


def test_part_that_is_the_whole_is_still_mapped_and_no_other() -> None:
    """A part has the events between its ends, even if it is the whole batch."""
    batch = Batch(["1", "2", "3"], [b"1", b"2", b"3"], [1, 2, 3], mapped=[b"1 2 3"])
    assert batch.part(0, 5) is batch
    assert batch.part(2, 5) == Batch(["3"], [b"3"], [3])

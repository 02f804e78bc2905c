"""Dead letters, sent again through their lane."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import fittings
from rigs.delivery import moesif_settings, start_moesif
from rigs.events import event, events
from rigs.rig import Rig, delivering
from rigs.waiting import until

from bridge.batches import Batch
from bridge.contracts import Payload
from bridge.delivery.lane import Lane
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import ControlError
from bridge.events.times import format_ms
from bridge.journal import Selection
from bridge.sinks.moesif.sink import MoesifSink

ALL = Selection("moesif")


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike() as lookalike:
        lookalike.knobs.status_for = poison
        lookalike.knobs.answer = "no poison"
        yield lookalike


def poison(event: dict[str, Any]) -> int | None:
    return 400 if event["metadata"]["apiName"].startswith("Poison") else None


async def with_letters(made: Rig, moesif: MoesifLookalike, count: int = 10, **settings: Any) -> Lane:
    """Deliver some events and have so many refused."""
    await made.ingest(*events(count, apiName="Poison"), *events(count, first=count))
    lane = start_moesif(made, moesif, **settings)
    await made.delivered()
    assert len(await made.letters()) == count
    return lane


async def replayed(lane: Lane, selection: Selection = ALL) -> Sequence[tuple[int, int]]:
    return [progress async for progress in lane.replay(selection)]


async def test_delivered_letters_leave(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """What the destination takes now leaves the table, with the id that it always had (P5)."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        ids = {letter.event_id for letter in await made.letters()}
        moesif.knobs.status_for = None
        assert (await replayed(lane))[-1] == (10, 0)
        assert not await made.letters()
        assert ids <= moesif.copies.keys()
        assert moesif.unique == 20
        assert made.journal.totals.sum("dead_letters_replayed", "moesif") == 10


async def test_refused_again_stays_with_its_new_reason(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Letters that are refused again are kept, with the new answer and one attempt more; the lane does not pause."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        moesif.knobs.status_for = lambda _event: 413
        moesif.knobs.answer = "too big now"
        assert (await replayed(lane))[-1] == (0, 10)
        letters = await made.letters()
        assert {(letter.reason, letter.status, letter.answer, letter.attempts) for letter in letters} == {
            ("too_large", 413, "too big now", 1)
        }
        assert lane.status().state == "idle"
        assert made.journal.totals.sum("events_dead", "moesif") == 10


async def test_rewound_event_that_is_refused_again_keeps_its_one_letter(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """P7: after a rewind the letters of refused events have the new answer, none comes twice, and the books balance."""
    async with delivering(tmp_path) as made:
        await with_letters(made, moesif)
        before = await made.letters()
        for times in (1, 2):
            await made.stop("moesif")
            moesif.knobs.answer = f"refused {times} times more"
            assert (await made.journal.rewind("moesif", 0))[0] == 20
            made.check_books()
            start_moesif(made, moesif)
            await made.delivered()
            letters = await made.letters()
            assert [(it.number, it.event_id, it.event) for it in letters] == [
                (it.number, it.event_id, it.event) for it in before
            ]
            assert {(it.answer, it.attempts) for it in letters} == {(f"refused {times} times more", times)}
            assert made.journal.totals.sum("events_dead", "moesif") == 10
            assert made.journal.totals.sum("events_dead_again", "moesif") == 10 * times
            made.check_books()
        moesif.knobs.status_for = None
        lane = made.lanes["moesif"]
        assert (await replayed(lane))[-1] == (10, 0)


async def test_letter_keeps_when_its_event_was_received(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An event without a time of its own goes out with its time of receipt, in a replay, too."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(1, apiName="Poison", requestTimestamp=None), *events(1, first=1))
        received_ms = (await made.journal.next_block(1)).received_ms
        lane = start_moesif(made, moesif)
        await made.delivered()
        moesif.knobs.status_for = None
        assert (await replayed(lane))[-1] == (1, 0)
        times = {event["metadata"]["apiName"]: event["request"]["time"] for event in moesif.events}
        assert times["Poison"] == format_ms(received_ms)


async def test_replay_maps_anew(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """The kept event is mapped again: what the mapping could not do before, it can do after a fix."""

    class Unfinished(MoesifSink):
        fixed = False

        async def encode(self, batch: Batch) -> Payload:
            if self.fixed:
                return await super().encode(batch)
            raise ValueError("not yet")

    async with delivering(tmp_path) as made:
        settings = moesif_settings(moesif)
        sink = Unfinished("moesif", settings, fittings())
        await made.ingest(*events(3))
        lane = made.start(sink, settings)
        await made.delivered()
        assert {letter.reason for letter in await made.letters()} == {"unmappable"}
        sink.fixed = True
        assert (await replayed(lane))[-1] == (3, 0)
        assert moesif.unique == 3


async def test_repeating_sends_nothing_twice(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A second replay sends only what the first could not deliver."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(6, apiName="Poison"), *events(4, first=6, apiName="Poison bad"), event(10))
        lane = start_moesif(made, moesif)
        await made.delivered()
        moesif.knobs.status_for = lambda event: 400 if "bad" in event["metadata"]["apiName"] else None
        assert (await replayed(lane))[-1] == (6, 4)
        moesif.knobs.status_for = None
        assert (await replayed(lane))[-1] == (4, 0)
        assert await replayed(lane) == []
        assert moesif.unique == 11
        assert moesif.duplicates == 0


async def test_two_replays_at_once_send_nothing_twice(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Two operators who replay the same letters share the work."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif, 30, batch_max_events=7)
        moesif.knobs.status_for = None
        first, second = await asyncio.gather(replayed(lane), replayed(lane))
        assert sum(progress[-1][0] for progress in (first, second) if progress) == 30
        assert moesif.unique == 60
        assert moesif.duplicates == 0


async def test_selection_is_obeyed(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Only the chosen letters are sent, and only those of this lane's sink."""
    async with delivering(tmp_path, "moesif", "second") as made:
        lane = await with_letters(made, moesif)
        start_moesif(made, moesif, "second")
        await made.delivered("second")
        moesif.knobs.status_for = None
        numbers = [letter.number for letter in await made.letters()][2:5]
        assert (await replayed(lane, Selection(numbers=numbers)))[-1] == (3, 0)
        assert (await replayed(lane, Selection()))[-1] == (7, 0)
        assert len(await made.letters("second")) == 10


async def test_replay_is_cut_into_batches(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Letters go in batches of at most `batch_max_events` and `batch_max_bytes`, and progress is told after each."""
    async with delivering(tmp_path) as made:
        size = len(event(0, apiName="Poison"))
        lane = await with_letters(made, moesif, 20, batch_max_bytes=8 * size)
        moesif.knobs.status_for = None
        before = len(moesif.requests)
        assert await replayed(lane) == [(8, 0), (16, 0), (20, 0)]
        assert [request.count for request in moesif.requests[before:]] == [8, 8, 4]


async def test_replay_while_events_flow(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """New events and letters share the lane; each gets there, and the cursor's books are not mixed up."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif, 40, batch_max_events=5)
        moesif.knobs.status_for = None
        task = asyncio.create_task(replayed(lane))
        for block in range(10):
            await made.ingest(*events(10, first=1000 + 10 * block))
        assert (await task)[-1] == (40, 0)
        await made.delivered()
        assert moesif.unique == 180
        assert moesif.duplicates == 0


async def test_ordered_sink_gets_a_replay_between_two_batches(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """One at a time: no encoding or sending overlaps, and what the last one left behind is what is kept (P3)."""

    class Ordered(MoesifSink):
        busy = 0
        count = 0

        async def encode(self, batch: Batch) -> Payload:
            self.busy += 1
            await asyncio.sleep(0)
            return await super().encode(batch)

        async def send(self, payload: Payload) -> bytes:
            assert self.busy == 1
            await super().send(payload)
            self.busy -= 1
            self.count += 1
            return str(self.count).encode()

    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif, 40)
        await made.stop("moesif")
        moesif.knobs.status_for = None
        made.lanes.clear()
        await lane.sink.close()
        settings = moesif_settings(moesif, batch_max_events=5, concurrency=4)
        sink = Ordered("moesif", settings, fittings())
        sink.traits = replace(sink.traits, ordered=True)
        lane = made.start(sink, settings)
        task = asyncio.create_task(replayed(lane))
        for block in range(10):
            await made.ingest(*events(10, first=1000 + 10 * block))
        assert (await task)[-1] == (40, 0)
        await made.delivered()
        assert sink.count == 8 + 20
        assert (await made.journal.cursor("moesif")).state == b"28"
        assert made.counted("lane_restarts", "moesif") == 0


async def test_replay_waits_while_the_destination_is_down(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A replay waits for a destination that is down, like everything else."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        moesif.knobs.status_for = None
        await moesif.refuse_connections()
        task = asyncio.create_task(replayed(lane))
        await until(lambda: lane.status().state == "retrying")
        assert len(await made.letters()) == 10
        await moesif.accept_connections()
        assert (await task)[-1] == (10, 0)


async def test_crash_in_between_loses_nothing(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """The lane ends between delivery and commit: the command says so, the letters are there, a repeat ends it."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        moesif.knobs.status_for = None
        moesif.knobs.fail_next = ["hang_body"]
        before = moesif.unique
        task = asyncio.create_task(replayed(lane))
        await moesif.received(before + 10)
        await made.stop("moesif")
        with pytest.raises(ControlError, match="replay again"):
            await task
        moesif.release()
        assert len(await made.letters()) == 10
        lane = start_moesif(made, moesif)
        assert (await replayed(lane))[-1] == (10, 0)
        assert moesif.unique == 20
        # At least once: the copies carry the same ids (P5).
        assert moesif.duplicates == 10


async def test_replay_that_nobody_waits_for_ends_well(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """When the operator goes away, the batch under way is still finished."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        moesif.knobs.status_for = None
        moesif.knobs.fail_next = ["hang"]
        count = len(moesif.requests)
        task = asyncio.create_task(replayed(lane))
        await moesif.wait_for(lambda: len(moesif.requests) > count)
        task.cancel()
        moesif.release()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: made.journal.totals.sum("dead_letters_replayed", "moesif") == 10)
        assert not await made.letters()


async def test_purged_meanwhile(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Letters that are purged while a replay has them on their way are counted once."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        moesif.knobs.status_for = None
        moesif.knobs.fail_next = ["hang"]
        count = len(moesif.requests)
        task = asyncio.create_task(replayed(lane))
        await moesif.wait_for(lambda: len(moesif.requests) > count)
        assert await made.journal.dead.purge(ALL) == 10
        moesif.release()
        await task
        assert made.journal.totals.sum("dead_letters_purged", "moesif") == 10
        assert made.journal.totals.sum("dead_letters_replayed", "moesif") == 0


async def test_replay_without_following(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A lane that does not follow the journal sends the letters and leaves what waits alone."""
    async with delivering(tmp_path) as made:
        lane = await with_letters(made, moesif)
        await made.stop("moesif")
        await made.ingest(*events(5, first=500))
        moesif.knobs.status_for = None
        task = asyncio.create_task(lane.run(follow=False))
        assert (await replayed(lane))[-1] == (10, 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert made.journal.pending["moesif"] == 5
        assert moesif.unique == 20

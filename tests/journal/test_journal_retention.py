"""What the journal keeps, for how long, and when it is full."""

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest
from rigs.events import event
from rigs.rig import Rig, accepted, opened

from bridge.errors import JournalFull
from bridge.journal import Advance, Letter, Selection, SinkStart

DAY = 86400.0


def kept(rig: Rig) -> list[int]:
    return [seq for (seq,) in rig.rows("SELECT seq FROM blocks ORDER BY seq")]


async def nudge(rig: Rig) -> None:
    """Commit something that is no event: deletes ride along with any commit."""
    rig.clock.now += 1
    await rig.append(0, nudge=b"1")


async def test_delivered_blocks_stay_for_retain(tmp_path: Path) -> None:
    """P4: a block that every sink has is kept for `retain`, and deleted by a later commit."""
    async with opened(tmp_path, "moesif", "archive", retain=DAY) as rig:
        for _ in range(3):
            await rig.append(2)
            rig.clock.now += 100
        for sink in ("moesif", "archive"):
            await rig.deliver(sink, 4, 6)
        await nudge(rig)
        assert kept(rig) == [1, 2, 3]
        rig.clock.now += DAY - 250
        await nudge(rig)
        assert kept(rig) == [2, 3]
        rig.clock.now += 200
        await nudge(rig)
        assert kept(rig) == []
        assert await rig.append(1) == 4
        rig.check_books()


async def test_the_slowest_sink_decides(tmp_path: Path) -> None:
    """P4, J3: however old, a block is not deleted while one configured sink has not dealt with all of it."""
    async with opened(tmp_path, "moesif", "archive", retain=0) as rig:
        for _ in range(4):
            await rig.append(2)
        rig.clock.now += 10 * DAY
        await rig.deliver("moesif", 5, 8)
        await nudge(rig)
        assert kept(rig) == [1, 2, 3, 4]
        await rig.deliver("archive", 2, 3, at=1)
        await nudge(rig)
        assert kept(rig) == [2, 3, 4]
        rig.check_books()


async def test_without_a_sink_everything_is_kept(tmp_path: Path) -> None:
    """P4: before any sink is configured no block may be deleted."""
    async with opened(tmp_path, retain=0) as rig:
        await rig.append(2)
        rig.clock.now += DAY
        await nudge(rig)
        assert kept(rig) == [1]
        assert rig.journal.sizes()["used_bytes"] == rig.value("SELECT sum(stored_bytes) FROM blocks")


async def test_delivered_blocks_give_way_to_new_ones(tmp_path: Path) -> None:
    """P4: delivered blocks go before their time when their room is needed, oldest first, and only as many as needed."""
    async with opened(tmp_path, "moesif", max_bytes=20_000, retain=DAY) as rig:
        for number in range(60):
            # Together, because a cursor alone would wait for company.
            await asyncio.gather(rig.append(3), rig.deliver("moesif", number + 1, 3 if number else 0))
            total = rig.value("SELECT sum(stored_bytes) FROM blocks")
            assert total == rig.journal.sizes()["blocks_bytes"]
            assert total < 20_000 + 1_000, number
        assert kept(rig)[-1] == 60
        assert 60 > len(kept(rig)) > 10
        rig.check_books()


async def test_one_large_block_pushes_many_small_ones_out(tmp_path: Path) -> None:
    """P4: room that is needed at once is made at once, however small the blocks are that hold it."""
    async with opened(tmp_path, "moesif", max_bytes=60_000) as rig:
        for _ in range(100):
            seq = await rig.append(1)
        await rig.deliver("moesif", seq + 1, 100)
        await rig.append(1200)
        await nudge(rig)
        assert rig.journal.sizes()["blocks_bytes"] < 60_000


async def test_full_and_room_again(tmp_path: Path) -> None:
    """P4: full is when undelivered blocks reach `max_bytes`; what is delivered makes room again."""
    async with opened(tmp_path, "moesif", max_bytes=10_000) as rig:
        while rig.journal.obstacle() is None:
            await rig.append(5)
            assert rig.journal.last_seq < 1000
        with pytest.raises(JournalFull) as caught:
            await rig.append(5)
        assert "max_bytes" in str(caught.value)
        assert caught.value.retry_after_seconds > 0
        sizes = rig.journal.sizes()
        assert sizes["used_bytes"] >= sizes["max_bytes"] == 10_000
        blocks = rig.journal.last_seq
        assert kept(rig) == list(range(1, blocks + 1))
        assert len(rig.said_of("journal_full")) == 1
        with pytest.raises(JournalFull):
            await rig.append(1)
        assert len(rig.said_of("journal_full")) == 1
        await rig.deliver("moesif", 3, 10)
        await rig.append(1)
        assert len(rig.said_of("journal_has_room_again")) == 1
        rig.check_books()


async def test_a_full_journal_is_full_after_a_restart(tmp_path: Path) -> None:
    """P4: the room is worked out from the file at the start."""
    async with opened(tmp_path, "moesif", max_bytes=10_000) as rig:
        await rig.append(600)
        await rig.deliver("moesif", 1, 5, at=5)
        sizes = rig.journal.sizes()
        await rig.again("moesif")
        assert rig.journal.sizes()["used_bytes"] == sizes["used_bytes"] >= 10_000
        with pytest.raises(JournalFull):
            await rig.append(1)


async def test_dead_letters_take_room(tmp_path: Path) -> None:
    """P4: dead letters count against `max_bytes` until they are purged or replayed."""
    async with opened(tmp_path, "moesif", max_bytes=10_000) as rig:
        await rig.append(100)
        letters = [Letter(f"id-{number}", event(number), 1000, "refused", 400, "") for number in range(100)]
        await rig.deliver("moesif", 2, 0, letters=letters)
        assert rig.journal.sizes()["used_bytes"] == sum(len(letter.event) for letter in letters)
        with pytest.raises(JournalFull):
            await rig.append(1)
        numbers = [letter.number for letter in await rig.journal.dead.select(Selection())]
        await rig.journal.advance(Advance("moesif", 2, 0, replayed=numbers[:50]))
        await rig.journal.dead.purge(Selection(numbers=numbers[50:]))
        assert rig.journal.sizes()["used_bytes"] == 0
        await rig.append(1)
        rig.check_books()


async def test_nearly_full_disk(tmp_path: Path) -> None:
    """Events are refused while the disk has too little room, so that cursors and deletes can still commit."""
    async with opened(tmp_path, "moesif", retain=DAY) as rig:
        await rig.append(3)
        await rig.again("moesif")
        rig.settings = rig.settings.model_copy(update={"min_free_bytes": 2**62})
        await rig.again("moesif")
        with pytest.raises(JournalFull, match="min_free_bytes"):
            await rig.append(1)
        await rig.append(0, place=b"7")
        await rig.deliver("moesif", 2, 3)
        await nudge(rig)
        assert kept(rig) == []
        rig.check_books()


async def test_a_rewind_keeps_what_it_goes_back_to(tmp_path: Path) -> None:
    """P4, J3: blocks older than `retain` that are still there are not deleted by the rewind's own commit."""
    async with opened(tmp_path, "moesif", retain=0) as rig:
        start_ms = int(rig.clock.time() * 1000)
        for _ in range(30):
            await rig.append(2)
        await rig.deliver("moesif", 31, 60)
        rig.clock.now += 10
        # Each commit deletes a few: some are still there, and all of them are old.
        events, _ = await rig.journal.rewind("moesif", start_ms)
        assert events == rig.journal.pending["moesif"] > 0
        assert rig.value("SELECT sum(count) FROM blocks") == events
        rig.check_books()
        for _ in range(5):
            await nudge(rig)
        assert rig.value("SELECT sum(count) FROM blocks") == events
        rig.check_books()


async def test_corrupt_blocks_are_kept(tmp_path: Path) -> None:
    """A block that could not be read is never deleted, and keeps no other from being deleted."""
    async with opened(tmp_path, "moesif", retain=0) as rig:
        for _ in range(20):
            await rig.append(1)
        bad = [(seq, "crc") for seq in range(1, 11)]
        await rig.deliver("moesif", 21, 10, corrupt=10, corrupt_blocks=bad)
        rig.clock.now += 10
        for _ in range(4):
            await nudge(rig)
        assert kept(rig) == list(range(1, 11))
        rig.check_books()


async def test_upkeep_deletes_and_shrinks(tmp_path: Path) -> None:
    """When nothing else commits, `tidy` deletes all that need not be kept and gives the room back."""
    async with opened(tmp_path, "moesif", retain=DAY) as rig:
        for number in range(60):
            job = accepted([number])
            # What gzip cannot make smaller.
            job.bodies[0] = event(number, userAgent=random.Random(number).randbytes(200_000).hex())
            await rig.journal.append(job)
        await rig.deliver("moesif", 61, 60)
        rig.clock.now += 2 * DAY
        before = rig.value("PRAGMA page_count")
        await rig.journal.tidy()
        assert kept(rig) == []
        # The first time blocks had come in since: one step. Now all of it.
        after = rig.value("PRAGMA page_count")
        await rig.journal.tidy()
        assert before > after > rig.value("PRAGMA page_count")
        assert rig.value("PRAGMA freelist_count") <= 1024
        rig.check_books()


async def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    """A cursor stays valid when all blocks are gone: an emptied table goes on counting, after a restart too."""
    async with opened(tmp_path, "moesif", retain=0) as rig:
        for _ in range(3):
            await rig.append(1)
        await rig.deliver("moesif", 4, 3)
        rig.clock.now += 10
        await rig.journal.tidy()
        assert kept(rig) == []
        await rig.again("moesif")
        assert rig.journal.last_seq == 3
        assert await rig.append(1) == 4
        assert (await rig.journal.next_block(rig.sinks["moesif"].seq)).seq == 4


async def test_where_new_sinks_start(tmp_path: Path) -> None:
    """The first sink ever starts at the oldest block, later ones at the newest, unless they are told; skips count."""
    async with opened(tmp_path) as rig:
        await rig.append(5)
        await rig.again("moesif")
        assert rig.journal.pending == {"moesif": 5}
        await rig.again("moesif", "late", SinkStart("greedy", "oldest"))
        assert rig.journal.pending == {"moesif": 5, "late": 0, "greedy": 5}
        assert rig.journal.totals.sum("events_skipped", "late") == 5
        assert rig.said_of("sink_starts_at_newer_events") == [{"sink": "late", "skipped": 5}]
        await rig.append(2)
        assert rig.journal.pending == {"moesif": 7, "late": 2, "greedy": 7}
        rig.check_books()
    other = tmp_path / "other"
    other.mkdir()
    async with opened(other) as rig:
        await rig.append(5)
        await rig.again(SinkStart("moesif", "newest"))
        assert rig.journal.pending == {"moesif": 0}
        rig.check_books()


async def test_a_removed_sink_that_returns(tmp_path: Path) -> None:
    """A removed sink that comes back within a week goes on where it was; its events are kept meanwhile."""
    async with opened(tmp_path, "moesif", "archive", retain=0) as rig:
        await rig.append(4)
        await rig.deliver("moesif", 2, 4)
        await rig.again("moesif")
        assert rig.journal.pending == {"moesif": 0}
        assert list(rig.journal.removed) == ["archive"]
        await rig.append(3)
        await rig.deliver("moesif", 3, 3)
        rig.clock.now += 6 * DAY
        await rig.journal.tidy()
        await rig.again("moesif", "archive")
        assert rig.journal.removed == {}
        assert rig.journal.pending == {"moesif": 0, "archive": 7}
        assert rig.journal.totals.sum("events_skipped") == 0
        rig.check_books()


async def test_a_removed_sink_holds_no_room(tmp_path: Path) -> None:
    """P4: what only a removed sink has not had goes when its room is needed, and is counted when it returns."""
    async with opened(tmp_path, "moesif", "archive", max_bytes=20_000) as rig:
        await rig.append(100)
        await rig.deliver("moesif", 2, 100)
        await rig.again("moesif")
        assert rig.journal.sizes()["used_bytes"] == 0
        for _ in range(8):
            seq = await rig.append(100)
            await rig.deliver("moesif", seq + 1, 100)
        assert kept(rig)[0] > 1
        await rig.again("moesif", "archive")
        lost = rig.journal.totals.sum("events_skipped", "archive")
        assert lost > 0
        assert rig.journal.pending["archive"] == 900 - lost
        rig.check_books()


@pytest.mark.parametrize("by_restart", [True, False])
async def test_a_removed_sink_is_let_go(tmp_path: Path, by_restart: bool) -> None:
    """After a week a removed sink is forgotten, logged and counted, with or without a restart; it may return as new."""
    async with opened(tmp_path, "moesif", "archive", retain=0) as rig:
        await rig.append(4)
        await rig.deliver("moesif", 2, 4)
        await rig.deliver("archive", 1, 1, at=1)
        await rig.again("moesif")
        rig.clock.now += 7 * DAY
        if by_restart:
            await rig.again("moesif")
        else:
            await rig.journal.tidy()
        assert rig.said_of("sink_let_go") == [{"sink": "archive", "pending": 3}]
        assert rig.journal.removed == {}
        assert rig.journal.totals.sum("events_skipped", "archive") == 3
        assert rig.rows("SELECT sink FROM cursors") == [("moesif",)]
        await rig.journal.tidy()
        assert kept(rig) == []
        await rig.append(2)
        await rig.again("moesif", SinkStart("archive", "oldest"))
        assert rig.journal.pending == {"moesif": 2, "archive": 2}
        rig.check_books()


async def test_a_sink_that_comes_back_for_what_it_had(tmp_path: Path) -> None:
    """P7: a forgotten sink that starts at the oldest block gets events again that it had: they count as rewound."""
    async with opened(tmp_path, "moesif", "archive", retain=30 * DAY) as rig:
        await rig.append(4)
        await rig.deliver("archive", 2, 4)
        await rig.again("moesif")
        rig.clock.now += 8 * DAY
        await rig.again("moesif")
        await rig.again("moesif", SinkStart("archive", "oldest"))
        assert rig.journal.pending["archive"] == 4
        assert rig.journal.totals.sum("events_rewound", "archive") == 4
        assert not rig.said_of("books_differ")
        rig.check_books()


async def test_a_days_churn(tmp_path: Path, full: bool) -> None:
    """P4: appends and deletes without end, beside a slow reader: file and WAL stay within their bounds."""
    chance = random.Random(1)
    max_bytes = 4 * 2**20
    largest_file = largest_wal = 0
    bound = 1.5 * max_bytes + 2**20
    async with opened(tmp_path, "moesif", retain=0, max_bytes=max_bytes) as rig:
        delivered = 0
        # A connection beside the bridge's own that begins its next question when the last one is a while ago.
        slow = sqlite3.connect(f"file:{tmp_path}/journal.db?mode=ro", uri=True, isolation_level=None)
        try:
            question: sqlite3.Cursor | None = None
            for number in range(20_000 if full else 400):
                job = accepted([number])
                job.bodies[0] = event(number, userAgent=chance.randbytes(50_000).hex())
                await rig.journal.append(job)
                if number % 40 == 0:
                    # Left open for twenty appends: some hundred times as long as a block takes.
                    question = slow.execute("SELECT ids FROM blocks")
                    question.fetchone()
                elif number % 40 == 20 and question is not None:
                    question.close()
                if number % 20 == 19:
                    await rig.deliver("moesif", rig.journal.last_seq + 1, number + 1 - delivered)
                    delivered = number + 1
                    await rig.journal.tidy()
                largest_file = max(largest_file, (tmp_path / "journal.db").stat().st_size)
                largest_wal = max(largest_wal, (tmp_path / "journal.db-wal").stat().st_size)
                assert rig.journal.sizes()["blocks_bytes"] <= max_bytes + 200_000
        finally:
            slow.close()
        assert largest_file <= bound
        assert largest_wal <= 34 * 2**20
        assert number * 50_000 > 4 * largest_file
        rig.check_books()

"""The journal: acknowledgement, transactions, group commit, cursors, dead letters, books."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs.clock import FakeClock
from rigs.events import event, number_of
from rigs.forks import Forked
from rigs.rig import accepted, opened, writer_held
from rigs.waiting import until

from bridge.errors import JournalError, JournalLocked, JournalUnusable
from bridge.journal import Accepted, Advance, Letter, Selection, SinkStart, StateLock
from bridge.journal.assembly import _MAX_BYTES

CRASHING_WRITER = Path(__file__).with_name("crashing_writer.py")


def letter(number: int, reason: str = "refused") -> Letter:
    return Letter(f"id-{number}", event(number), 1000, reason, 400, "no " * 1000)


def parked(number: int) -> Letter:
    return Letter(f"id-{number}", event(number), 1000, "parked", 401, "no", "acme")


async def test_append_returns_when_it_is_on_disk(tmp_path: Path) -> None:
    """P1: a copy of the files, taken as soon as append returned, has the events, the position and the totals."""
    (tmp_path / "state").mkdir()
    async with opened(tmp_path / "state", "moesif") as rig:
        for number in range(5):
            await rig.append(3, place=str(number).encode())
            copy = tmp_path / str(number)
            copy.mkdir()
            for name in ("journal.db", "journal.db-wal"):
                shutil.copy(rig.folder / name, copy / name)
            with closing(sqlite3.connect(copy / "journal.db")) as connection:
                assert connection.execute("SELECT sum(count) FROM blocks").fetchone() == (3 * number + 3,)
                assert connection.execute("SELECT value FROM positions").fetchone() == (b"%d" % number,)
                assert connection.execute(
                    "SELECT value FROM totals WHERE name = 'events_journalled'"
                ).fetchone() == (3 * number + 3,)


async def test_append_does_not_return_before(tmp_path: Path) -> None:
    """P1: as long as the commit is not done nothing is acknowledged, counted or shown to a lane."""
    async with opened(tmp_path, "moesif") as rig:
        reading = asyncio.ensure_future(rig.journal.next_block(1))
        async with writer_held(rig):
            appending = asyncio.ensure_future(rig.journal.append(accepted([1])))
            await asyncio.sleep(0)
            assert rig.journal.stuck_seconds(1e12) > 0
            assert not appending.done()
            assert not reading.done()
            assert rig.journal.pending == {"moesif": 0}
            assert rig.journal.totals.sum("events_journalled") == 0
        await appending
        assert number_of((await reading).bodies[0]) == 1
        assert rig.journal.pending == {"moesif": 1}
        await until(lambda: rig.journal.stuck_seconds(1e12) == 0)


async def test_durability_settings_of_the_writing_connection(tmp_path: Path) -> None:
    """P1: every commit is fsynced (FULL), in WAL mode, with the settings that the measurements ask for."""
    async with opened(tmp_path) as rig:
        # Between transactions: some of these say nothing true within one.
        answers = {
            pragma: rig.journal._writer._connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in (
                "journal_mode",
                "synchronous",
                "auto_vacuum",
                "secure_delete",
                "wal_autocheckpoint",
                "journal_size_limit",
                "page_size",
            )
        }
        assert answers == {
            "journal_mode": "wal",
            "synchronous": 2,
            "auto_vacuum": 2,
            "secure_delete": 0,
            "wal_autocheckpoint": 4096,
            "journal_size_limit": 32 * 2**20,
            "page_size": 4096,
        }
        assert (rig.folder / "journal.db").stat().st_mode & 0o777 == 0o600


async def test_concurrent_appends_share_commits_and_blocks(tmp_path: Path) -> None:
    """J4: what waits is committed together: 300 appends during one slow commit are one commit and a block a source."""
    async with opened(tmp_path, "moesif") as rig:
        before = rig.commits()
        async with writer_held(rig):
            tasks = [
                asyncio.ensure_future(
                    rig.journal.append(accepted([number], source="http" if number % 3 else "log"))
                )
                for number in range(300)
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert rig.commits() - before == 2
        assert rig.rows("SELECT source, count FROM blocks") == [("log", 100), ("http", 200)]
        rig.check_books()


@pytest.mark.parametrize(("senders", "commits"), [(1, 20), (2, 40), (8, 21)])
async def test_those_who_come_again_are_waited_for(tmp_path: Path, senders: int, commits: int) -> None:
    """J4: eight senders that append again once they are answered share each commit; one or two wait for nobody."""
    async with opened(tmp_path, "moesif") as rig:
        before = rig.commits()

        async def send(first: int) -> None:
            for number in range(first, first + 20):
                await rig.journal.append(accepted([number]))

        await asyncio.gather(*(send(20 * sender) for sender in range(senders)))
        assert rig.commits() - before == commits
        # Those who do not come again are not waited for much longer.
        await rig.append(1)
        assert rig.commits() - before == commits + 1
        rig.check_books()


async def test_who_goes_away_takes_nothing_along(tmp_path: Path) -> None:
    """P1: of callers that share a block one is cancelled while it waits; its events are on disk with the others'."""
    async with opened(tmp_path, "moesif") as rig:
        async with writer_held(rig):
            tasks = [asyncio.ensure_future(rig.append(1)) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [False, True, False]
        assert rig.rows("SELECT count FROM blocks") == [(3,)]
        rig.check_books()


async def test_arrivals_that_share_a_block_all_save_their_positions(tmp_path: Path) -> None:
    """P2: two chunks of a log that wait for the same commit become one block, and the later position counts."""
    async with opened(tmp_path, "moesif") as rig:
        async with writer_held(rig):
            first = asyncio.ensure_future(rig.journal.append(accepted([0], log=b"1", other=b"1")))
            second = asyncio.ensure_future(rig.journal.append(accepted([1], log=b"2")))
            await asyncio.sleep(0)
        await asyncio.gather(first, second)
        assert rig.value("SELECT count(*) FROM blocks") == 1
        assert await rig.journal.positions("log") == {"log": b"2", "other": b"1"}


async def test_block_takes_no_more_than_its_size(tmp_path: Path) -> None:
    """P8: appends that wait share a block only up to its size."""
    async with opened(tmp_path, "moesif") as rig:
        async with writer_held(rig):
            tasks = [
                asyncio.ensure_future(rig.journal.append(accepted([number], padding=100_000)))
                for number in range(12)
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert rig.rows("SELECT count FROM blocks") == [(3,)] * 4
        assert rig.value("SELECT max(raw_bytes) FROM blocks") <= _MAX_BYTES


async def test_one_bad_job_fails_alone(tmp_path: Path) -> None:
    """J4: what cannot be committed fails for its own caller only, not for others in its transaction."""
    async with opened(tmp_path, "moesif") as rig:
        bad = Accepted("log", positions={"key": object()})  # type: ignore[dict-item]
        async with writer_held(rig):
            tasks = [
                asyncio.ensure_future(rig.journal.append(job))
                for job in (accepted([1], source="http"), bad, accepted([2], source="http"))
            ]
            await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), sqlite3.ProgrammingError, type(None)]
        assert rig.value("SELECT sum(count) FROM blocks") == 2
        assert rig.said_of("journal_commit_failed")
        rig.check_books()


async def test_failed_commit_changes_nothing(tmp_path: Path) -> None:
    """P1, J6: a commit that fails raises, and leaves the totals, the pending events and the file as they were."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(2)
        job = accepted([7])
        job.positions["key"] = object()  # type: ignore[assignment]
        with pytest.raises(sqlite3.ProgrammingError):
            await rig.journal.append(job)
        assert rig.journal.pending == {"moesif": 2}
        assert rig.journal.last_seq == 1
        rig.check_books()
        assert await rig.append(1) == 2


async def test_lonely_cursor_waits_and_rides_along(tmp_path: Path) -> None:
    """J4: a cursor alone waits a moment; the next append takes it along, or else it is committed by itself."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(2)
        before = rig.commits()
        advancing = asyncio.ensure_future(rig.deliver("moesif", 1, 1, at=1))
        await asyncio.sleep(0)
        await rig.append(1)
        await advancing
        assert rig.commits() - before == 1
        await rig.deliver("moesif", 2, 1)
        assert rig.commits() - before == 2
        assert rig.rows("SELECT seq, at FROM cursors") == [(2, 0)]
        rig.check_books()


async def test_cursor_with_dead_letters_does_not_wait(tmp_path: Path) -> None:
    """P3: a cursor, its dead letters, the sink's state and the totals are one transaction, on disk on return."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(5)
        await rig.deliver(
            "moesif", 2, 2, letters=[letter(1), letter(2, "too_large")], filtered=1, state=b"remember"
        )
        assert rig.rows("SELECT seq, at, state FROM cursors") == [(2, 0, b"remember")]
        assert rig.rows("SELECT reason, status, length(answer) FROM dead") == [
            ("refused", 400, 2000),
            ("too_large", 400, 2000),
        ]
        assert rig.journal.pending == {"moesif": 0}
        rig.check_books()
        await rig.append(1)
        await rig.deliver("moesif", 3, 1)
        assert (await rig.journal.cursor("moesif")).state == b"remember"


async def test_cursor_step_that_fails_leaves_everything(tmp_path: Path) -> None:
    """P3: when the dead letters cannot be kept the cursor does not move past them either."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(5)
        unkeepable = Letter("id", object(), 1000, "refused", 400, "")  # type: ignore[arg-type]
        with pytest.raises(sqlite3.Error):
            await rig.deliver("moesif", 2, 4, letters=[letter(1), unkeepable])
        assert rig.rows("SELECT seq, at FROM cursors") == [(1, 0)]
        assert rig.value("SELECT count(*) FROM dead") == 0
        rig.check_books()


async def test_dead_letters_are_replayed_and_purged(tmp_path: Path) -> None:
    """P7: dead = open + replayed + purged, also when a letter is refused again or purged on its way."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await rig.append(8)
        await rig.deliver("moesif", 2, 3, letters=[letter(number) for number in range(5)])
        await rig.deliver("archive", 2, 7, letters=[letter(5, "too_large")])
        dead = rig.journal.dead
        letters = await dead.select(Selection("moesif"))
        assert [number_of(found.event) for found in letters] == [0, 1, 2, 3, 4]
        assert await dead.select(Selection("moesif"), after=letters[2].number, limit=1) == [letters[3]]
        assert await dead.count(Selection(reason="too_large")) == 1
        assert await dead.count(Selection(since_ms=int(rig.clock.time() * 1000) + 1)) == 0
        numbers = [found.number for found in letters]
        assert await dead.purge(Selection(numbers=numbers[:1])) == 1
        # The first was purged while it was on its way: it counts once.
        await rig.journal.advance(
            Advance(
                "moesif",
                2,
                0,
                replayed=numbers[:2],
                refused_again=[(numbers[2], letter(2, "server_error")), (numbers[0], letter(0))],
            )
        )
        assert rig.journal.totals.sum("dead_letters_replayed", "moesif") == 1
        again = (await dead.select(Selection(numbers=[numbers[2]])))[0]
        assert (again.reason, again.attempts) == ("server_error", 1)
        assert rig.journal.pending == {"moesif": 0, "archive": 0}
        rig.check_books()
        assert await dead.purge(Selection()) == 4
        rig.check_books()
        await rig.append(1)
        assert rig.value("SELECT seq FROM sqlite_sequence WHERE name = 'dead'") == 6


async def test_many_letters_are_purged_in_small_steps(tmp_path: Path) -> None:
    """A purge of many letters is several transactions, so that appends get in between."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(250)
        await rig.deliver("moesif", 2, 0, letters=[letter(number) for number in range(250)])
        used = rig.journal.sizes()["used_bytes"]
        before = rig.commits()
        assert await rig.journal.dead.purge(Selection("moesif")) == 250
        assert rig.commits() - before == 4
        assert rig.journal.sizes()["used_bytes"] < used
        rig.check_books()


async def test_rewind(tmp_path: Path) -> None:
    """P7: a rewind puts the cursor before what was received since then, counts it, and never moves it forward."""
    clock = FakeClock(hasty=True)
    async with opened(tmp_path, "moesif", "archive", clock=clock) as rig:
        start_ms = int(clock.time() * 1000)
        for _ in range(4):
            await rig.append(3)
            clock.now += 10
        await rig.deliver("moesif", 4, 10, at=1)
        assert await rig.journal.rewind("moesif", start_ms + 10_000) == (7, start_ms + 10_000)
        assert rig.rows("SELECT seq, at FROM cursors WHERE sink = 'moesif'") == [(2, 0)]
        assert rig.journal.pending == {"moesif": 9, "archive": 12}
        rig.check_books()
        for to_ms in (start_ms + 10_000, start_ms + 30_000, start_ms + 99_000):
            assert await rig.journal.rewind("moesif", to_ms) == (0, to_ms)
        await rig.deliver("moesif", 2, 1, at=1)
        assert await rig.journal.rewind("moesif", start_ms + 5_000) == (1, start_ms + 10_000)
        rig.check_books()


async def test_lanes_that_keep_up_share_the_decoded_block(tmp_path: Path) -> None:
    """A fresh block is the same object for every lane; one from disk says the same."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(3)
        recent = await rig.journal.next_block(1)
        assert await rig.journal.next_block(1) is recent
        await rig.again("moesif")
        from_disk = await rig.journal.next_block(1)
        assert from_disk is not recent
        assert (from_disk.seq, from_disk.received_ms, from_disk.source) == (1, recent.received_ms, "log")
        assert list(from_disk.ids) == list(recent.ids)
        assert list(from_disk.bodies) == list(recent.bodies)


async def test_memory_is_bounded(tmp_path: Path) -> None:
    """P8: only the last 2 MiB of blocks stay in memory, and older ones come from disk."""
    async with opened(tmp_path, "moesif") as rig:
        for _ in range(30):
            await rig.append(2, padding=100_000)
        recent = rig.journal._recent.blocks
        assert sum(len(data) for block, _ in recent for data in block.bodies) <= 2 * 2**20
        assert len(recent) < 30
        assert (await rig.journal.next_block(1)).seq == 1
        assert len(recent) < 30


async def test_waits_for_the_next_block(tmp_path: Path) -> None:
    """A lane that has caught up waits, and all who wait get the next block."""
    async with opened(tmp_path, "moesif") as rig:
        waiting = [asyncio.ensure_future(rig.journal.next_block(1)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await rig.journal.oldest_pending_ms(1) is None
        await rig.append(1)
        assert [block.seq for block in await asyncio.gather(*waiting)] == [1, 1, 1]
        assert await rig.journal.oldest_pending_ms(1) == int(rig.clock.time() * 1000)


async def test_no_read_transaction_is_left_open(tmp_path: Path) -> None:
    """J5: after any question the WAL can be checkpointed to its end: no reader holds it."""
    async with opened(tmp_path, "moesif") as rig:
        for _ in range(30):
            await rig.append(2, padding=100_000)
        await rig.journal.next_block(1)
        await rig.journal.positions("log")
        await rig.journal.cursor("moesif")
        await rig.journal.dead.select(Selection())
        await rig.journal.oldest_pending_ms(1)
        async for _ in rig.journal.recent_ids(0, 5):
            break
        assert rig.rows("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]


async def test_registration_while_events_come_in(tmp_path: Path) -> None:
    """P7: sinks can be registered in the same transaction as appends and cursors, and the books still balance."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(4)
        async with writer_held(rig):
            tasks: list[asyncio.Future[Any]] = [
                asyncio.ensure_future(rig.journal.append(accepted([1000, 1001], source="http"))),
                asyncio.ensure_future(rig.deliver("moesif", 1, 3, at=3)),
                asyncio.ensure_future(
                    rig.journal.register([SinkStart("moesif"), SinkStart("new"), SinkStart("old", "oldest")])
                ),
            ]
            await asyncio.sleep(0)
            tasks.append(rig.journal.append(accepted([1002], source="log")))
        await asyncio.gather(*tasks)
        assert rig.journal.pending == {"moesif": 4, "new": 1, "old": 7}
        rig.check_books()
        used = rig.journal.sizes()["used_bytes"]
        await rig.again("moesif", "new", "old")
        assert rig.journal.pending == {"moesif": 4, "new": 1, "old": 7}
        assert rig.journal.sizes()["used_bytes"] == used
        assert not rig.said_of("books_differ")
        rig.check_books()


async def test_closed_journal_takes_nothing(tmp_path: Path) -> None:
    """Closing commits what waits and refuses what comes later."""
    async with opened(tmp_path, "moesif") as rig:
        async with writer_held(rig):
            appending = asyncio.ensure_future(rig.journal.append(accepted([1])))
            await asyncio.sleep(0)
            closing_down = asyncio.ensure_future(rig.journal.close())
            await asyncio.sleep(0)
        await closing_down
        await appending
        with pytest.raises(JournalError):
            await rig.journal.append(accepted([2]))
        assert rig.value("SELECT sum(count) FROM blocks") == 1
        await rig.open("moesif")


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "append",
                "deliver",
                "sample",
                "dead",
                "park",
                "filter",
                "corrupt",
                "rewind",
                "purge",
                "replay",
                "restart",
            )
        ),
        st.sampled_from(["moesif", "archive"]),
        st.integers(1, 6),
    ),
    max_size=25,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_books_balance_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    """P7: after any sequence of operations the books balance, in memory and on disk, and after a restart too."""
    asyncio.run(_live_through(tmp_path_factory.mktemp("journal"), steps))


async def _live_through(folder: Path, steps: list[tuple[str, str, int]]) -> None:
    clock = FakeClock(hasty=True)
    async with opened(folder, "moesif", "archive", clock=clock) as rig:
        start_ms = int(clock.time() * 1000)
        for what, sink, events in steps:
            clock.now += 1
            cursor = await rig.journal.cursor(sink)
            if what == "append":
                await rig.append(events)
            elif (
                what in {"deliver", "sample", "dead", "park", "filter", "corrupt"}
                and rig.journal.pending[sink]
            ):
                # Up to the end of the block that the cursor stands in.
                block = await rig.journal.next_block(cursor.seq)
                rest = len(block.ids) - (cursor.at if block.seq == cursor.seq else 0)
                done = min(rest, events)
                seq, at = (block.seq + 1, 0) if done == rest else (block.seq, len(block.ids) - rest + done)
                step = {
                    "deliver": Advance(sink, seq, at, delivered=done),
                    "sample": Advance(sink, seq, at, sampled_out=done),
                    "park": Advance(sink, seq, at, letters=[parked(number) for number in range(done)]),
                    "dead": Advance(sink, seq, at, letters=[letter(number) for number in range(done)]),
                    "filter": Advance(sink, seq, at, filtered=done),
                    "corrupt": Advance(sink, seq, at, corrupt=done, corrupt_blocks=[(block.seq, "crc")]),
                }[what]
                await rig.journal.advance(step)
            elif what == "rewind":
                await rig.journal.rewind(sink, start_ms + 1000 * events)
            elif what == "purge":
                await rig.journal.dead.purge(Selection(sink, numbers=range(events)))
            elif what == "replay":
                letters = await rig.journal.dead.select(Selection(sink), limit=events)
                numbers = [found.number for found in letters]
                await rig.journal.advance(
                    Advance(
                        sink,
                        cursor.seq,
                        cursor.at,
                        replayed=numbers[1:],
                        refused_again=[(number, letter(0)) for number in numbers[:1]],
                    )
                )
            elif what == "restart":
                await rig.again("moesif", "archive")
            rig.check_books()
        pending = dict(rig.journal.pending)
        await rig.again("moesif", "archive")
        assert rig.journal.pending == pending
        assert not rig.said_of("books_differ")
        rig.check_books()


@pytest.mark.parametrize("seed", range(3))
async def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    """P1, P2, P7: after `kill -9` in the middle of appends, what was acknowledged is there, each event exactly once."""
    acknowledged = -1
    for round_number in range(3):
        child = await Forked.started(CRASHING_WRITER, str(tmp_path))
        wanted = random.Random(10 * seed + round_number).randrange(2, 120)
        for _ in range(wanted):
            acknowledged = int(await child.output.readline())
        os.kill(child.pid, signal.SIGKILL)
        rest = await child.output.read()
        await child.wait()
        # What it could still say before it died counts too; half a line does not.
        if complete := rest.rpartition(b"\n")[0]:
            acknowledged = int(complete.rpartition(b"\n")[2])
        async with opened(tmp_path, "moesif", "archive") as rig:
            assert rig.value("PRAGMA integrity_check") == "ok"
            assert not rig.said_of("books_differ")
            rig.check_books()
            position = int((await rig.journal.positions("log"))["next"])
            assert position > acknowledged
            found = [
                number_of(data)
                for seq in range(1, rig.journal.last_seq + 1)
                for data in (await rig.journal.next_block(seq)).bodies
            ]
            assert found == list(range(position))


async def test_kill_9_frees_the_lock(tmp_path: Path) -> None:
    """The state folder belongs to one daemon: another is refused and told who has it; if that dies it is free."""
    child = await Forked.started(CRASHING_WRITER, str(tmp_path))
    await child.output.readline()
    with pytest.raises(JournalLocked) as caught, StateLock(tmp_path):
        pass
    assert f"process {child.pid} on" in str(caught.value)
    assert "state_dir" in str(caught.value)
    child.kill()
    await child.output.read()
    await child.wait()
    with StateLock(tmp_path), pytest.raises(JournalLocked), StateLock(tmp_path):
        pass
    with StateLock(tmp_path):
        pass


def test_state_folder_that_is_none(tmp_path: Path) -> None:
    """A state folder that cannot be made or written is refused with the cure; a good one is private."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnusable, match="state_dir"), StateLock(tmp_path / "file"):
        pass
    with StateLock(tmp_path / "new" / "state"):
        assert (tmp_path / "new" / "state").stat().st_mode & 0o777 == 0o700


async def test_event_loop_is_free_during_a_commit(tmp_path: Path) -> None:
    """A slow disk keeps the writer's thread, never the event loop."""
    async with opened(tmp_path, "moesif") as rig:
        turns = 0
        async with writer_held(rig):
            appending = asyncio.ensure_future(rig.journal.append(accepted([1])))
            for _ in range(100):
                await asyncio.sleep(0)
                turns += 1
            assert not appending.done()
        await appending
        await until(lambda: rig.journal.stuck_seconds(1e12) == 0)
        assert turns == 100

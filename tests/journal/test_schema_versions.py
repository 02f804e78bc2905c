"""State folders of an earlier version of the schema; test_journal_faults has one of a later version."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fakes.old_journals import OldJournal, write_first_version
from rigs.events import event, number_of
from rigs.forks import Forked
from rigs.rig import Rig, opened, overwrite, page_of

from bridge.journal import Letter, Selection
from bridge.journal.schema import PAGE_BYTES
from bridge.journal.tables import VERSION

CHILD = Path(__file__).with_name("interrupted_migration.py")


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


async def check(rig: Rig, old: OldJournal) -> None:
    """Assert that everything of the old journal is there, and that it goes on as a new one would."""
    journal = rig.journal
    rig.check_books()
    assert journal.pending == {"moesif": old.moesif_pending, "archive": old.archive_pending}
    assert (rig.sinks["moesif"].at, rig.sinks["moesif"].state) == (1, b"s")
    assert await journal.positions("log") == {"position": b"7"}
    seen: list[int] = []
    for seq in range(1, journal.last_seq + 1):
        seen += [number_of(data) for data in (await journal.next_block(seq)).bodies]
    assert seen == list(range(old.events))
    letters = await journal.dead.select(Selection("moesif"), limit=10_000)
    assert [(it.event_id, it.event, it.reason, it.attempts, it.tenant) for it in letters] == [
        (f"id-{number}", event(number), "refused", 1, None) for number in range(old.letters)
    ]
    seq = await rig.append(3)
    parked = [Letter("new", event(99), 1000, "parked", 401, "no", "acme")]
    rest = journal.pending["moesif"]
    await rig.deliver("moesif", seq + 1, rest - 1, letters=parked)
    assert journal.books.parked_events("moesif") == 1
    assert await journal.dead.count(Selection("moesif")) == old.letters + 1
    rig.check_books()


async def test_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """P3, P7: events, letters, cursors, positions and totals of version 1 are all there, and new ones go in."""
    old = write_first_version(tmp_path)
    async with opened(tmp_path, "moesif", "archive") as rig:
        await check(rig, old)
        await rig.again("moesif", "archive")
        rig.check_books()
    assert version(tmp_path) == VERSION


async def test_old_and_new_journals_have_the_same_first_page(tmp_path: Path) -> None:
    """Salvage puts a new journal's first page before an old one's others: every table must stand at the same page."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    write_first_version(tmp_path / "old", blocks=300, letters=300)
    schemas = []
    for name in ("old", "new"):
        async with opened(tmp_path / name, "moesif", "archive") as rig:
            schemas.append(rig.rows("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema"))
    assert schemas[0] == schemas[1]


async def test_killed_in_the_middle(tmp_path: Path) -> None:
    """Killed at any step of the migration, the journal is of the old version, and the next start migrates it."""
    (tmp_path / "whole").mkdir()
    old = write_first_version(tmp_path / "whole", letters=50, blocks=40)

    async def migrate(folder: Path, kill_at: int) -> tuple[int, bytes]:
        child = await Forked.started(CHILD, str(folder / "journal.db"), str(kill_at))
        output = await child.output.read()
        return await child.wait(), output

    code, output = await migrate(tmp_path / "whole", 0)
    assert code == 0
    steps = int(output)
    assert steps > 100
    for share in (0.02, 0.3, 0.6, 0.9, 0.99):
        folder = tmp_path / f"killed-{share}"
        folder.mkdir()
        old = write_first_version(folder, letters=50, blocks=40)
        assert (await migrate(folder, int(steps * share)))[0] == -9
        assert version(folder) == 1
        async with opened(folder, "moesif", "archive") as rig:
            await check(rig, old)
        assert version(folder) == VERSION


async def test_damaged_journal_of_the_first_version_is_saved(tmp_path: Path) -> None:
    """A page of old letters cannot be read, so that the migration fails: salvage keeps the others, and the books."""
    write_first_version(tmp_path, letters=100, blocks=50)
    # A leaf of the table, not its root: only some letters are lost.
    leaf = (tmp_path / "journal.db").read_bytes().index(b"id-50") // PAGE_BYTES
    assert leaf + 1 != page_of(tmp_path, "dead")
    overwrite(tmp_path / "journal.db", leaf * PAGE_BYTES, b"\xa5" * PAGE_BYTES)
    async with opened(tmp_path, "moesif", "archive") as rig:
        assert rig.said_of("journal_set_aside")
        assert 50 < await rig.journal.dead.count(Selection("moesif")) < 100
        assert rig.journal.totals.sum("events_journalled") == 150
        rig.check_books()


@pytest.mark.parametrize("letters", [1, 60])
async def test_first_page_of_an_old_journal_is_gone(tmp_path: Path, letters: int) -> None:
    """The first page of a version 1 journal cannot be read: a new one's takes its place, and everything is saved."""
    old = write_first_version(tmp_path, letters=letters, blocks=30)
    overwrite(tmp_path / "journal.db", 0, b"\xa5" * PAGE_BYTES)
    async with opened(tmp_path, "moesif", "archive") as rig:
        assert await rig.journal.dead.count(Selection("moesif")) == letters
        assert rig.journal.totals.sum("events_journalled") == old.events
        rig.check_books()

"""The journal on a bad disk: corrupt blocks, full disks, damaged files, and what is refused."""

import os
import random
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.events import event, number_of
from rigs.forks import Forked
from rigs.rig import Rig, accepted, opened, overwrite, page_of

from bridge.errors import JournalUnusable, JournalWaits
from bridge.events.decoding import decoded
from bridge.events.event import decode
from bridge.events.ids import place_id
from bridge.journal import BlockCorrupt, Letter, Selection
from bridge.journal.blocks import pack_events, pack_ids, read_row, unpack_ids
from bridge.journal.schema import PAGE_BYTES, file_system, refuse_network_file_system
from bridge.journal.tables import VERSION

BODIES = [event(number, userAgent=f"client {number * 7919 % 1000}") for number in range(40)]
IDS = [place_id(b"file", number, b"") for number in range(40)]
SMALL_FILE_CHILD = Path(__file__).with_name("small_files_child.py")


def damage(rig: Rig, blob: bytes, at: int) -> None:
    """Flip a bit of a blob where it stands in the closed journal's file."""
    path = rig.folder / "journal.db"
    data = path.read_bytes()
    # The whole of it: blocks begin alike.
    found = data.index(blob) + at
    overwrite(path, found, bytes([data[found] ^ 4]))


def ruin(rig: Rig, *names: str) -> None:
    """Overwrite the first page of tables or indexes in the closed journal's file."""
    pages = [page_of(rig.folder, name) for name in names]
    for page in pages:
        overwrite(rig.folder / "journal.db", (page - 1) * PAGE_BYTES, b"\xa5" * PAGE_BYTES)


async def filled(rig: Rig, blocks: int = 6) -> None:
    """Journal some blocks, deliver some of them, leave dead letters, and close."""
    for number in range(blocks):
        await rig.append(3, padding=2000, position=str(number).encode())
    letters = [
        Letter("id-0", event(0), 1000, "refused", 400, "no"),
        Letter("id-1", event(1), 1000, "parked", 401, "no", "acme"),
    ]
    await rig.deliver("moesif", 3, 5, at=1, letters=letters, state=b"state")
    await rig.deliver("archive", 2, 3, state=None)
    await rig.journal.close()


async def all_numbers(rig: Rig, sink: str) -> list[int]:
    """Read from a sink's cursor to the end, passing over what cannot be read, and count that."""
    cursor = await rig.journal.cursor(sink)
    seq, at, numbers, lost = cursor.seq, cursor.at, list[int](), dict[int, int]()
    while seq <= rig.journal.last_seq:
        try:
            block = await rig.journal.next_block(seq)
        except BlockCorrupt as error:
            lost[error.seq] = error.count - (at if error.seq == seq else 0)
            seq, at = error.seq + 1, 0
            continue
        start = at if block.seq == seq else 0
        numbers += [number_of(data) for data in block.bodies[start:]]
        seq, at = block.seq + 1, 0
    bad = [(number, "crc") for number in lost]
    await rig.deliver(sink, seq, len(numbers), corrupt=sum(lost.values()), corrupt_blocks=bad)
    assert rig.journal.pending[sink] == 0
    rig.check_books()
    return numbers


# Blocks


@given(st.integers(0, len(pack_events(BODIES)) - 1), st.integers(0, 7))
def test_a_flipped_bit_of_the_events_never_passes(at: int, bit: int) -> None:
    """Whatever bit of a block's events flips, the block is corrupt or says the same as before: the CRC is checked."""
    packed = bytearray(pack_events(BODIES))
    packed[at] ^= 1 << bit
    try:
        block = read_row((1, len(BODIES), "log", 0, pack_ids(IDS), bytes(packed)))
    except BlockCorrupt as error:
        assert error.count == len(BODIES)  # noqa: PT017 - the other outcome is as good
    else:
        assert list(block.bodies) == BODIES


def test_a_bit_that_gzip_itself_does_not_mind() -> None:
    """A flip that still decompresses to other text is found by the CRC and by nothing else."""
    only_crc = 0
    packed = pack_events(BODIES)
    for at in range(60, len(packed) - 8):
        damaged = packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :]
        try:
            block = read_row((1, len(BODIES), "log", 0, pack_ids(IDS), damaged))
        except BlockCorrupt as error:
            only_crc += "CRC" in str(error)
        else:
            assert list(block.bodies) == BODIES
    assert only_crc > 10


@given(st.integers(0, len(IDS) * 16 + 3), st.integers(0, 7))
def test_a_flipped_bit_of_the_ids_never_passes(at: int, bit: int) -> None:
    """The ids have a CRC of their own: an event is never delivered under an id that is not its own (P5)."""
    packed = bytearray(pack_ids(IDS))
    assert unpack_ids(bytes(packed)) == IDS
    packed[at] ^= 1 << bit
    with pytest.raises(BlockCorrupt):
        read_row((1, len(BODIES), "log", 0, bytes(packed), pack_events(BODIES)))


@pytest.mark.parametrize(
    "row",
    [
        (1, 3, "log", 0, b"", b""),
        (1, 3, "log", 0, None, None),
        (1, 3, "log", 0, "text", 5),
        (1, 3, "log", 0, pack_ids(IDS[:3]), b""),
        (1, 3, "log", 0, pack_ids(IDS[:3]), pack_events(BODIES)),
    ],
)
def test_rows_that_are_no_blocks(row: tuple[object, ...]) -> None:
    """Values of any type or length are a corrupt block, and no other error."""
    with pytest.raises(BlockCorrupt) as caught:
        read_row(row)
    assert caught.value.count == 3


@pytest.mark.parametrize("column", ["ids", "events"])
async def test_a_corrupt_block_is_passed_over(tmp_path: Path, column: str) -> None:
    """P7: a byte changed on disk costs its block and no other; the block is counted, and kept for salvage."""
    async with opened(tmp_path, "moesif", "archive", retain=0) as rig:
        await filled(rig)
        # integrity_check does not see it, and neither does the start.
        damage(rig, rig.value(f"SELECT {column} FROM blocks WHERE seq = 4"), 20)
        assert rig.value("PRAGMA integrity_check") == "ok"
        await rig.open("moesif", "archive")
        assert not rig.said_of("journal_set_aside")
        assert await all_numbers(rig, "moesif") == [7, 8, 12, 13, 14, 15, 16, 17]
        assert await all_numbers(rig, "archive") == [3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17]
        assert dict(rig.journal.totals.items("events_corrupt")) == {("moesif", ""): 3, ("archive", ""): 3}
        rig.clock.now += 10
        await rig.journal.tidy()
        assert rig.rows("SELECT seq FROM blocks") == [(4,)]
        rig.check_books()


async def test_ids_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    """P5: a corrupt block's ids are not taken for ids when the known ones are put back."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await filled(rig)
        damage(rig, rig.value("SELECT ids FROM blocks WHERE seq = 4"), 20)
        await rig.open("moesif", "archive")
        known = [ids async for ids in rig.journal.recent_ids(0, 1000)]
        assert len(known) == 5
        newest = (await rig.journal.next_block(6)).ids
        assert known[0] == newest


async def test_a_broken_page_in_the_middle(tmp_path: Path) -> None:
    """Pages that SQLite cannot read are corrupt blocks with the right counts, and nothing gets stuck."""
    async with opened(tmp_path, "moesif", "archive", retain=0) as rig:
        for number in range(300):
            rig.clock.now += 0.001
            await rig.journal.append(accepted([3 * number, 3 * number + 1, 3 * number + 2]))
        await rig.journal.close()
        path = rig.folder / "journal.db"
        marker = rig.value("SELECT ids FROM blocks WHERE seq = 100")[:16]
        page = path.read_bytes().index(marker) // PAGE_BYTES
        overwrite(path, page * PAGE_BYTES, b"\xa5" * PAGE_BYTES)
        await rig.open("moesif", "archive")
        assert not rig.said_of("journal_set_aside")
        numbers = await all_numbers(rig, "moesif")
        lost = rig.journal.totals.sum("events_corrupt", "moesif")
        assert lost > 0
        assert lost % 3 == 0
        assert len(numbers) == 900 - lost
        assert numbers == sorted(numbers)
        await all_numbers(rig, "archive")
        # They cannot even be deleted, which must not keep anything else from being committed.
        rig.clock.now += 100
        await rig.journal.tidy()
        rig._next = 900
        await rig.append(2)
        assert rig.journal.pending == {"moesif": 2, "archive": 2}
        rig.check_books()
        left = rig.value("SELECT count(*) FROM blocks INDEXED BY blocks_sizes")
        assert left < 300 // 2
        assert len(rig.said_of("journal_damaged")) == 1
        # The next start mends the file; what was counted as corrupt stays so.
        await rig.journal.close()
        said = await reopened(rig)
        assert "malformed" in str(said["error"])
        assert await all_numbers(rig, "moesif") == [900, 901]
        assert rig.journal.totals.sum("events_corrupt", "moesif") == lost
        await assert_goes_on(rig, 302)


# Disks


async def test_a_full_disk_and_room_again(tmp_path: Path) -> None:
    """P1: on a full disk nothing is acknowledged and nothing is taken for damage; with room again all goes on."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await rig.append(3)
        connection = rig.journal._writer._connection
        pages = rig.value("PRAGMA page_count")
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        noise = accepted([100])
        noise.bodies[0] = event(100, userAgent=random.Random(1).randbytes(200_000).hex())
        with pytest.raises(JournalWaits, match="full"):
            await rig.journal.append(noise)
        assert rig.said_of("journal_commit_failed")
        assert rig.metrics.registry.get_sample_value("apim_bridge_journal_commit_errors_total") == 1
        rig.check_books()
        # A cursor needs no new page.
        await rig.deliver("moesif", 1, 2, at=2)
        connection.execute("PRAGMA max_page_count = 1000000").fetchone()
        await rig.journal.append(noise)
        await rig.again("moesif", "archive")
        assert not rig.said_of("journal_set_aside")
        assert rig.journal.pending == {"moesif": 2, "archive": 4}
        rig.check_books()


async def test_an_io_error_is_no_damage(tmp_path: Path) -> None:
    """A disk that refuses writes makes the start fail with the reason; the file stays where and as it is."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await filled(rig)
        before = (tmp_path / "journal.db").read_bytes()
        child = await Forked.started(SMALL_FILE_CHILD, str(tmp_path))
        out = await child.output.read()
        await child.wait()
        assert b"cannot be opened" in out
        assert b"disk I/O error" in out
        assert (tmp_path / "journal.db").read_bytes() == before
        assert not names(tmp_path, "journal.db.*")
        await rig.open("moesif", "archive")
        assert rig.value("SELECT sum(count) FROM blocks") == 18


async def test_a_file_that_is_not_ours_to_open(tmp_path: Path) -> None:
    """What cannot be opened for another reason than damage is left alone, and the message has the cure."""
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalUnusable, match="uid"):
        async with opened(tmp_path):
            pass
    assert names(tmp_path, "*") == ["journal.db"]


async def test_a_file_of_another_program(tmp_path: Path) -> None:
    """A sound SQLite file with other tables is refused, not set aside and not written to."""
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.executescript("CREATE TABLE mine (x); PRAGMA user_version = 1;")
    with pytest.raises(JournalUnusable, match="no such table"):
        async with opened(tmp_path):
            pass
    assert not names(tmp_path, "*damaged*")


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A journal of a later release is not touched, and the message says what to do."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(1)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JournalUnusable, match="newer apim-bridge") as caught:
        async with opened(tmp_path, "moesif"):
            pass
    assert "state_dir" in str(caught.value)
    assert not names(tmp_path, "*damaged*")


def test_network_file_systems_are_refused(tmp_path: Path) -> None:
    """A folder on a network file system is refused with the reason; the longest mount point decides."""
    mounts = (
        "/dev/vda / ext4 rw 0 0\n"
        f"server:/export {tmp_path} nfs4 rw 0 0\n"
        f"/dev/vdb {tmp_path}/local ext4 rw 0 0\n"
        f"server:/b {tmp_path}/with\\040blank cifs rw 0 0\n"
    )
    for folder in (tmp_path, tmp_path / "state", tmp_path / "locality"):
        assert file_system(folder, mounts) == "nfs4"
        with pytest.raises(JournalUnusable, match="nfs4") as caught:
            refuse_network_file_system(folder, mounts)
        assert "state_dir" in str(caught.value)
    assert file_system(tmp_path / "with blank" / "state", mounts) == "cifs"
    assert file_system(tmp_path / "local" / "state", mounts) == "ext4"
    refuse_network_file_system(tmp_path / "local", mounts)
    refuse_network_file_system(tmp_path)
    assert file_system(tmp_path, "") == ""


# Damaged files


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def set_aside(said: dict[str, object]) -> bytes:
    """Return the content of the file that was put aside."""
    return Path(str(said["path"])).read_bytes()


async def reopened(rig: Rig) -> dict[str, object]:
    """Open a damaged journal; returns what was said of its salvage."""
    await rig.open("moesif", "archive")
    (said,) = rig.said_of("journal_set_aside")
    assert Path(str(said["path"])).name.startswith("journal.db.damaged-2026")
    assert set_aside(said)
    assert not names(rig.folder, "journal.db.s*")
    assert not names(rig.folder, "journal.db.graft*")
    assert rig.value("PRAGMA integrity_check") == "ok"
    assert not rig.said_of("books_differ")
    rig.check_books()
    return said


async def assert_goes_on(rig: Rig, next_seq: int = 7) -> None:
    """Check that nothing saved is lost to any sink, and that the journal takes events."""
    assert await rig.append(1) == next_seq
    assert (await rig.journal.next_block(next_seq)).seq == next_seq
    rig.check_books()
    await rig.again("moesif", "archive")
    assert len(rig.said_of("journal_set_aside")) == 1
    assert not rig.said_of("books_differ")
    rig.check_books()


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 100, b"\xa5" * PAGE_BYTES, b"SQLite format 3\0" + b"\xff" * 84],
    ids=["zeros", "page", "header"],
)
async def test_a_bad_first_page(tmp_path: Path, garbage: bytes) -> None:
    """With the first page gone the file is no database any more; everything behind it is saved."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await filled(rig)
        totals = rig.rows("SELECT * FROM totals")
        before = (tmp_path / "journal.db").read_bytes()
        overwrite(tmp_path / "journal.db", 0, garbage)
        said = await reopened(rig)
        assert (said["saved_blocks"], said["saved_events"], said["saved_letters"]) == (6, 18, 2)
        assert (said["lost_blocks"], said["lost_events"], said["books_kept"]) == (0, 0, True)
        assert set_aside(said)[len(garbage) :] == before[len(garbage) :]
        assert [row for row in rig.rows("SELECT * FROM totals") if row[3]] == totals
        assert rig.journal.pending == {"moesif": 11, "archive": 15}
        assert await rig.journal.positions("log") == {"position": b"5"}
        assert (await rig.journal.cursor("moesif")).state == b"state"
        letters = await rig.journal.dead.select(Selection("moesif"))
        assert [number_of(letter.event) for letter in letters] == [0, 1]
        await assert_goes_on(rig)
        assert await all_numbers(rig, "archive") == [*range(3, 18), 18]


async def test_events_that_stand_in_the_wal_only(tmp_path: Path) -> None:
    """P1: what was committed and not yet moved from the WAL to the damaged file is saved too."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    for folder in (source, copy):
        folder.mkdir()
    async with opened(source, "moesif", "archive") as rig:
        await rig.append(3)
        await rig.again("moesif", "archive")
        await rig.append(4)
        for name in ("journal.db", "journal.db-wal"):
            (copy / name).write_bytes((source / name).read_bytes())
    overwrite(copy / "journal.db", PAGE_BYTES * 2, b"\xa5" * PAGE_BYTES)
    overwrite(copy / "journal.db", 0, b"\xa5" * 100)
    rig.folder = copy
    await rig.open("moesif", "archive")
    assert rig.value("SELECT sum(count) FROM blocks") == 7
    rig.check_books()
    await rig.journal.close()
    # An empty file beside a WAL was cut off: SQLite alone would throw the WAL away.
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "journal.db").write_bytes(b"")
    (empty / "journal.db-wal").write_bytes((copy / "journal.db").read_bytes()[:9000])
    rig.folder = empty
    await rig.open("moesif", "archive")
    assert "empty" in str(rig.said_of("journal_set_aside")[-1]["error"])
    assert names(empty, "*damaged*-wal")
    rig.check_books()
    await rig.append(1)


async def test_nothing_but_garbage(tmp_path: Path) -> None:
    """A file of noise is set aside as it is, and a new journal begins with books that balance."""
    noise = random.Random(7).randbytes(50_000)
    (tmp_path / "journal.db").write_bytes(noise)
    async with opened(tmp_path, "moesif", "archive") as rig:
        (said,) = rig.said_of("journal_set_aside")
        assert set_aside(said) == noise
        assert (said["saved_blocks"], said["lost_blocks"], said["books_kept"]) == (0, 0, False)
        await assert_goes_on(rig, 1)


async def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    """Of a truncated file the blocks that are left are saved, the known lost ones are counted for each sink."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        for number in range(40):
            job = accepted([number])
            job.bodies[0] = event(number, userAgent=random.Random(number).randbytes(8000).hex())
            await rig.journal.append(job)
        await rig.deliver("moesif", 11, 10)
        await rig.journal.close()
        path = tmp_path / "journal.db"
        os.truncate(path, path.stat().st_size // 2)
        said = await reopened(rig)
        assert 10 < int(str(said["saved_events"])) < 30
        numbers = await all_numbers(rig, "archive")
        lost = rig.journal.totals.sum("events_corrupt", "archive")
        assert len(numbers) + lost == 40
        assert numbers == sorted(numbers)
        assert (
            len(await all_numbers(rig, "moesif")) + rig.journal.totals.sum("events_corrupt", "moesif") == 30
        )
        await assert_goes_on(rig, 41)


@pytest.mark.parametrize(
    "ruined",
    [
        ("totals",),
        ("cursors",),
        ("positions",),
        ("dead",),
        ("dead_sinks",),
        ("dead_tenants",),
        ("corrupt",),
        ("blocks_sizes",),
        ("blocks",),
        ("sqlite_sequence",),
        ("totals", "cursors"),
        ("blocks", "blocks_sizes"),
        ("blocks", "totals", "dead"),
        ("sqlite_sequence", "blocks", "blocks_sizes", "totals"),
    ],
    ids="+".join,
)
async def test_a_ruined_table(tmp_path: Path, ruined: tuple[str, ...]) -> None:
    """P7: whichever table cannot be read, the others are saved, and the books balance with what there is."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await filled(rig)
        ruin(rig, *ruined)
        said = await reopened(rig)
        assert said["books_kept"] is ("totals" not in ruined)
        totals, pending = rig.journal.totals, rig.journal.pending
        if "blocks" not in ruined:
            assert said["saved_events"] == 18
            assert totals.sum("events_journalled") == 18
            # Without its cursor a sink begins at the oldest block: repeats carry the same id (P5).
            assert pending == (
                {"moesif": 18, "archive": 18} if "cursors" in ruined else {"moesif": 11, "archive": 15}
            )
        elif "blocks_sizes" not in ruined:
            assert (said["saved_blocks"], said["lost_blocks"], said["lost_events"]) == (0, 6, 18)
            assert pending == {"moesif": 11, "archive": 15}
            assert await all_numbers(rig, "archive") == []
            assert totals.sum("events_corrupt", "archive") == 15
        else:
            assert pending == {"moesif": 0, "archive": 0}
            if "totals" not in ruined:
                assert totals.sum("events_corrupt", "moesif") == 11
        if "positions" not in ruined:
            assert await rig.journal.positions("log") == {"position": b"5"}
        assert await rig.journal.dead.count(Selection("moesif")) == (0 if "dead" in ruined else 2)
        assert rig.journal.books.parked_events("moesif") == (0 if "dead" in ruined else 1)
        cursors = rig.sinks
        if "cursors" not in ruined:
            assert cursors["moesif"].seq == 3
            assert cursors["moesif"].state == b"state"
        if "sqlite_sequence" not in ruined:
            await assert_goes_on(rig)
        else:
            # Whatever number comes next, it is not behind a cursor.
            assert await rig.append(1) >= max(cursor.seq for cursor in cursors.values())
            assert (
                pending["archive"] + 1 == rig.journal.pending["archive"] or rig.journal.pending["archive"] > 0
            )
            rig.check_books()


async def test_a_salvage_that_was_interrupted(tmp_path: Path) -> None:
    """A crash during a salvage costs nothing: a half-filled one is begun again, a whole one is finished."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await filled(rig)
        good = (tmp_path / "journal.db").read_bytes()
        # Before the new one was whole.
        overwrite(tmp_path / "journal.db", 0, b"\xa5" * 100)
        for name in ("salvage", "salvage-wal", "graft"):
            (tmp_path / f"journal.db.{name}").write_bytes(good[:5000])
        said = await reopened(rig)
        assert said["saved_events"] == 18
        await rig.journal.close()
        # When it was whole, and the old one half renamed.
        (tmp_path / "journal.db.saved").write_bytes((tmp_path / "journal.db").read_bytes())
        (tmp_path / "journal.db").unlink()
        (tmp_path / "journal.db-wal").write_bytes(b"stale")
        rig.clock.now += 1
        await rig.open("moesif", "archive")
        assert len(rig.said_of("journal_set_aside")) == 2
        assert rig.said_of("journal_set_aside")[1]["saved_events"] == 18
        (stale,) = names(tmp_path, "*damaged*-wal")
        assert (tmp_path / stale).read_bytes() == b"stale"
        rig.check_books()


async def test_a_salvage_without_room(tmp_path: Path) -> None:
    """When there is no room to save into, nothing is touched, and the message says to make room."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await filled(rig)
        overwrite(tmp_path / "journal.db", 0, b"\xa5" * 100)
        before = (tmp_path / "journal.db").read_bytes()
        child = await Forked.started(SMALL_FILE_CHILD, str(tmp_path))
        out = await child.output.read()
        await child.wait()
        assert b"is damaged" in out
        assert b"make room" in out
        assert (tmp_path / "journal.db").read_bytes() == before
        assert names(tmp_path, "journal.db*") == ["journal.db"]
        await reopened(rig)


async def test_damage_that_shows_at_the_first_write(tmp_path: Path) -> None:
    """A list of free pages that is broken is found by the start, not by the first event."""
    async with opened(tmp_path, "moesif", "archive", retain=0) as rig:
        for number in range(20):
            job = accepted([number])
            job.bodies[0] = event(number, userAgent=random.Random(number).randbytes(8000).hex())
            await rig.journal.append(job)
        await rig.deliver("moesif", 16, 15)
        await rig.deliver("archive", 16, 15)
        rig.clock.now += 10
        await rig.journal.tidy()
        await rig.journal.close()
        path = tmp_path / "journal.db"
        trunk = int.from_bytes(path.read_bytes()[32:36], "big")
        assert trunk
        overwrite(path, (trunk - 1) * PAGE_BYTES, b"\xa5" * PAGE_BYTES)
        said = await reopened(rig)
        assert said["saved_events"] == 5
        assert len(await all_numbers(rig, "moesif")) == 5
        await assert_goes_on(rig, 21)


def test_events_of_the_fixture_are_sound() -> None:
    """The blocks that these tests damage are good ones."""
    block = read_row((1, 40, "log", 0, pack_ids(IDS), pack_events(BODIES)))
    assert list(decoded(block.bodies)) == [decode(data) for data in BODIES]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY

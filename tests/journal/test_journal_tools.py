"""`apim-bridge journal verify | inspect | salvage`: what an operator does on a bad day."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes.small_disks import small_disk
from rigs.daemon import Daemon, balanced
from rigs.events import event, number_of
from rigs.rig import Rig, accepted, opened, overwrite, page_of
from rigs.scenes import KEY, config, correlation_ids, done, write_log

from bridge.cli import command_line
from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.events.ids import place_id
from bridge.journal import Letter
from bridge.journal.schema import PAGE_BYTES
from bridge.journal.tools.recovery import recovering

POSITION = b'{"path":"a","device":1,"inode":1,"size":1,"mark":{}}'


async def filled(rig: Rig) -> Path:
    """Six blocks of three events, dead letters, cursors at 3 and 5; closed."""
    for block in range(6):
        first = 3 * block
        await rig.journal.append(
            replace(accepted(range(first, first + 3), padding=2000), positions={"log:1": POSITION})
        )
    letters = [
        Letter(f"{'0' * 35}{number}", event(90 + number), 1000, "refused", 400, "no") for number in range(2)
    ]
    await rig.deliver("moesif", 3, 5, at=1, letters=letters, state=b"state")
    await rig.deliver("archive", 5, 12)
    await rig.journal.close()
    return rig.folder / "journal.db"


def flip(path: Path, blob: bytes, at: int) -> None:
    data = path.read_bytes()
    found = data.index(blob[at : at + 24])
    overwrite(path, found, bytes([data[found] ^ 4]))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(command_line(), ["journal", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_sound_journal(tmp_path: Path) -> None:
    """`verify` exits with 0, and neither it nor `inspect` leaves anything in the folder or changes the file."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        path = await filled(rig)
        before, there = path.read_bytes(), names(tmp_path)
        code, output, _ = run("verify", "--from", path)
        assert (code, "6 blocks, 18 readable events, 2 dead letters" in output) == (0, True), output
        assert "everything is sound" in output
        code, output, _ = run("inspect", "--from", path)
        assert code == 0
        for part in ("archive, moesif", "nobody", "moesif", "refused", "events_delivered", "position"):
            assert part in output
        code, output, _ = run("inspect", "--from", path, "--block", 2)
        assert [
            number_of(json.dumps(json.loads(line)["event"]).encode()) for line in output.splitlines()
        ] == [3, 4, 5]
        assert run("inspect", "--from", path, "--block", 77)[0] == 1
        assert (path.read_bytes(), names(tmp_path)) == (before, there)
        await rig.open("moesif", "archive")


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE blocks SET count = 4 WHERE seq = 3", "block 3"),
        ("UPDATE blocks SET raw_bytes = 1 WHERE seq = 3", "block 3"),
        ("UPDATE blocks SET ids = substr(ids, 1, 10) WHERE seq = 3", "block 3"),
        ("UPDATE blocks SET ids = x'', events = x'' WHERE seq = 3", "salvaged"),
        ("UPDATE cursors SET seq = 99 WHERE sink = 'moesif'", "cursor of moesif"),
        ("UPDATE cursors SET at = 3 WHERE sink = 'moesif'", "cursor of moesif"),
        ("UPDATE positions SET value = x'00' WHERE key = 'log:1'", "position log:1"),
        ("UPDATE totals SET value = value + 1 WHERE name = 'events_received'", "books"),
        ("UPDATE totals SET value = value + 1 WHERE name = 'events_delivered'", "books of"),
        ("DELETE FROM dead WHERE number = 1", "2 dead letters should be there"),
        ("UPDATE dead SET event = x'7b' WHERE number = 1", "dead letter 1"),
        ("DROP TABLE corrupt", "schema"),
        ("PRAGMA user_version = 99", "schema"),
        ("UPDATE sqlite_sequence SET seq = 4 WHERE name = 'blocks'", "last number"),
    ],
)
async def test_what_verify_finds(tmp_path: Path, statement: str, where: str) -> None:
    """Each thing that is not as it was written has its line, with its place and its cure, and the exit code is 1."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        path = await filled(rig)
        change(path, statement)
        code, output, _ = run("verify", "--from", path)
        assert code == 1
        assert where in output, output
        path.unlink()
        await rig.open()


@pytest.mark.parametrize("name", ["blocks", "totals", "cursors", "dead", "positions", "sqlite_schema"])
async def test_verify_of_broken_pages(tmp_path: Path, name: str) -> None:
    """Whatever page cannot be read, `verify` says so and goes on with the rest."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        path = await filled(rig)
        page = 1 if name == "sqlite_schema" else page_of(tmp_path, name)
        overwrite(path, (page - 1) * PAGE_BYTES, b"\xa5" * PAGE_BYTES)
        code, output, _ = run("verify", "--from", path)
        assert code == 1
        assert "malformed" in output or "not a database" in output, output
        code, output, errors = run("salvage", "--from", path, "--output", "-")
        numbers = [number_of(line.encode()) for line in output.splitlines()]
        expected = [] if name == "blocks" else list(range(18))
        assert numbers == expected + ([] if name == "dead" else [90, 91]), errors
        assert code == (1 if name == "blocks" else 0)
        await rig.open("moesif", "archive")


async def test_a_flipped_bit_costs_only_what_it_hit(tmp_path: Path) -> None:
    """P5: of a block with a bad checksum the events before the damage are got out, under their own ids, if asked."""
    async with opened(tmp_path, "moesif", "archive") as rig:
        await rig.append(3)
        noisy = accepted(range(3, 43))
        for at in range(40):
            noisy.bodies[at] = event(at + 3, userAgent=os.urandom(40).hex())
        await rig.journal.append(noisy)
        (events,) = rig.rows("SELECT events FROM blocks WHERE seq = 2")[0]
        await rig.journal.close()
        path = tmp_path / "journal.db"
        flip(path, events, len(events) * 3 // 4)
        code, _, errors = run("salvage", "--from", path, "--output", tmp_path / "out.ndjson")
        assert (code, "3 events taken" in errors) == (1, True), errors
        assert "--doubtful" in errors
        assert (tmp_path / "out.ndjson").stat().st_mode & 0o777 == 0o600
        with recovering(path) as recovery:
            found = list(recovery.events())
        assert [one.doubtful for one in found[:3]] == [False] * 3
        doubtful = found[3:]
        assert len(doubtful) > 15
        assert recovery.lost_events == 40 - len(doubtful)
        assert all(one.doubtful for one in doubtful)
        assert [one.event_id for one in doubtful[:15]] == noisy.ids[:15]
        assert [one.body for one in doubtful[:15]] == noisy.bodies[:15]
        await rig.open("moesif", "archive")


async def test_events_without_an_id_of_their_own(tmp_path: Path) -> None:
    """P5: an event in a damaged block keeps the id that stands beside it, which nothing could compute again."""
    async with opened(tmp_path, "moesif") as rig:
        job = accepted(range(30))
        for at in range(30):
            job.bodies[at] = b'{"apiName":"A","userAgent":"%s"}' % os.urandom(60).hex().encode()
            job.ids[at] = place_id(b"some file", at, job.bodies[at])
        await rig.journal.append(job)
        (events,) = rig.rows("SELECT events FROM blocks")[0]
        await rig.journal.close()
        flip(tmp_path / "journal.db", events, len(events) * 3 // 4)
        with recovering(tmp_path / "journal.db") as recovery:
            found = [(one.event_id, one.body) for one in recovery.events()]
        expected = list(zip(job.ids, job.bodies, strict=True))
        assert found[:15] == expected[:15]
        await rig.open("moesif")


async def test_a_damaged_list_of_ids(tmp_path: Path) -> None:
    """P5: an event that brings its own id is sound although the block's list of ids is not."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(3)
        (ids,) = rig.rows("SELECT ids FROM blocks")[0]
        names = (await rig.journal.next_block(1)).ids
        await rig.journal.close()
        flip(tmp_path / "journal.db", ids, 5)
        with recovering(tmp_path / "journal.db") as recovery:
            assert [(one.event_id, one.doubtful) for one in recovery.events()] == [
                (name, False) for name in names
            ]
        await rig.open("moesif")


async def test_beside_a_writer(tmp_path: Path) -> None:
    """J5: what was committed a moment ago is seen, the writer is not held up, and the WAL can be emptied after it."""
    async with opened(tmp_path, "moesif") as rig:
        await rig.append(3)
        code, output, _ = run("verify", "--from", tmp_path / "journal.db")
        assert (code, "1 blocks, 3 readable events" in output) == (0, True), output
        with recovering(tmp_path / "journal.db") as recovery:
            events = recovery.events()
            next(events)
            await rig.append(2)
            assert rig.rows("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]


async def test_a_wal_on_a_read_only_disk(tmp_path: Path) -> None:
    """P1: a crashed bridge's file is read with its WAL where nothing can be written beside it."""
    (tmp_path / "state").mkdir()
    with small_disk(tmp_path / "disk", 4 * 2**20) as disk:
        async with opened(tmp_path / "state", "moesif") as rig:
            await rig.append(3)
            for name in ("journal.db", "journal.db-wal"):
                shutil.copyfile(tmp_path / "state" / name, disk.path / name)
        disk.make_read_only()
        for command in (("verify",), ("inspect",), ("salvage", "--output", "-")):
            code, output, errors = run(*command, "--from", disk.path / "journal.db")
            assert code == 0, output + errors
            assert "3 readable" in output or "with 3 events" in output or output.count("\n") == 3
        assert names(disk.path) == ["journal.db", "journal.db-wal"]


def test_what_was_not_said_or_is_not_there(tmp_path: Path) -> None:
    """Neither configuration nor file, no place to write to, a missing file: each has its message."""
    assert run("verify")[0] == 2
    assert run("salvage", "--from", tmp_path / "x")[0] == 2
    assert run("salvage", "--from", tmp_path / "x", "--into-journal")[0] == 2
    for command in (("verify",), ("inspect",), ("salvage", "--output", "-")):
        code, _, errors = run(*command, "--from", tmp_path / "x")
        assert (code, "is not there" in errors) == (1, True)


@pytest.mark.parametrize("running", [True, False])
async def test_events_of_another_journal_are_put_back(tmp_path: Path, running: bool) -> None:
    """P5, P7: what another disk still holds goes into the journal once, under its own ids, and balances."""
    lines = list(make_lines(60, seed=4))
    async with MoesifLookalike(key=KEY) as moesif:
        await moesif.refuse_connections()
        old = Daemon(tmp_path, config(tmp_path, moesif.url))
        write_log(tmp_path, lines)
        async with old:
            await old.until(lambda now: now["books"]["journalled"] == 60)
            await old.stop()
        saved = tmp_path / "old-disk.db"
        shutil.copyfile(tmp_path / "state" / "journal.db", saved)
        await moesif.accept_connections()
        shutil.rmtree(tmp_path / "state")
        shutil.rmtree(tmp_path / "logs")
        write_log(tmp_path, lines[:5])
        async with Daemon(tmp_path, config(tmp_path, moesif.url)) as new:
            await new.until(lambda now: done(now, 5))
            if not running:
                await new.stop()
            for _ in range(2):
                code, _, errors = await new.command(
                    "journal", "salvage", "--from", str(saved), "--undelivered", "--into-journal"
                )
                assert code == 0, errors
            assert "0 events taken" in errors
            assert "60 were in the journal already" in errors
            if not running:
                await new.start()
            status = await new.until(lambda now: done(now, 60))
            assert balanced(status)
            code, output, _ = await new.command("journal", "verify")
            assert code == 0, output
        assert moesif.unique == 60
        assert set(correlation_ids(moesif).values()) == {1}

"""Following logs through rotation by rename, deletion and restarts: every line exactly once (P2)."""

import json
import os
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from rigs.tailing import Tailing


async def test_events_come_once_and_in_order(log: RollingLog, tailing: Tailing) -> None:
    """What is appended between two looks is read once, with its places and its file's fingerprint."""
    first = [log.event(number) for number in range(3)]
    assert await tailing.poll() == first
    log.write(b"00:16:33,352 [-] [main]  INFO ELKMetricReporter initialized\n")
    second = [log.event(number) for number in range(3, 5)]
    assert await tailing.poll() == second
    text = log.path.read_bytes()
    for body, (origin, place) in zip(tailing.ingest.bodies, tailing.ingest.places, strict=True):
        assert text[place:].startswith(event_line(body))
        assert origin == tailing.ingest.places[0][0] != b""
    assert tailing.ingest.ignored == 1
    assert all(arrival.tolerant for arrival in tailing.ingest.arrivals)


async def test_an_unchanged_log_costs_nothing(log: RollingLog, tailing: Tailing) -> None:
    """Nothing is read and intake is not called while nobody writes, not even behind half a line."""
    log.event(1)
    log.write(event_line(event_body(2))[:50])
    await tailing.poll()
    calls, read = tailing.ingest.calls, tailing.count("log_read_bytes")
    for _ in range(5):
        assert await tailing.poll(seconds=10) == []
    assert (tailing.ingest.calls, tailing.count("log_read_bytes")) == (calls, read)


async def test_half_a_line_waits_for_its_rest(log: RollingLog, tailing: Tailing) -> None:
    """A line of which the second write is still missing is read when it is whole, across a crash too (P2)."""
    line = event_line(event_body(1))
    log.write(line[:90])
    assert await tailing.poll() == []
    log.write(line[90:120])
    assert await tailing.poll(seconds=60) == []
    tailing.crash()
    assert await tailing.poll(seconds=60) == []
    log.write(line[120:])
    assert await tailing.poll() == [event_body(1)]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("rolls", [1, 3, 9, 10, 11, 14, 25])
async def test_rolls_between_two_looks(log: RollingLog, tailing: Tailing, rolls: int, down: bool) -> None:
    """However often log4j2 rolls between two looks, and renames what it keeps, only what it deleted is missing."""
    written = [log.event(0)]
    assert await tailing.poll() == written
    if down:
        tailing.crash()
    for number in range(1, rolls + 1):
        written.append(log.event(number))
        log.roll()
    written.append(log.event(999))
    # Held open, the first log is read even after log4j2 deleted it; the others in between nobody saw.
    seen = [] if down and rolls > 10 else [written[1]]
    unseen = max(0, rolls - 10)
    expected = seen + written[max(2, unseen + 1) :]
    assert await tailing.poll() == expected
    tailing.crash()
    assert await tailing.poll() == []


async def test_looks_between_the_rolls_miss_nothing(log: RollingLog, tailing: Tailing) -> None:
    """With a look and a crash here and there, 40 rolls of the cascade lose and repeat nothing (P2)."""
    written = []
    for number in range(40):
        written.append(log.event(number))
        log.roll()
        written.append(log.event(1000 + number))
        await tailing.poll()
        if number % 7 == 0:
            tailing.crash()
    assert tailing.ingest.bodies == written
    assert tailing.ingest.lost["vanished"] == 0


async def test_the_old_log_is_read_to_its_end_before_the_new_one(log: RollingLog, tailing: Tailing) -> None:
    """Order is kept over a roll by size and a roll by day, in which the names sort backwards."""
    written = [log.event(1)]
    await tailing.poll()
    written.append(log.event(2))
    log.day = "12-31-2025"
    log.roll()
    written.append(log.event(3))
    log.day = "01-01-2026"
    log.roll()
    written.append(log.event(4))
    await tailing.poll()
    assert tailing.ingest.bodies == written
    assert tailing.count("log_rotations") == 1


async def test_rolled_files_of_the_same_moment_are_read_by_their_numbers(tmp_path: Path) -> None:
    """With equal times -2 comes before -10, and the log without a number last."""
    names = ["apim_metrics-11-21-2026-2.log", "apim_metrics-11-21-2026-10.log", "apim_metrics.log"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(event_line(event_body(number)))
        os.utime(tmp_path / name, ns=(10**18, 1_795_000_900 * 10**9))
    tailing = Tailing(tmp_path / "apim_metrics*.log")
    assert await tailing.poll() == [event_body(number) for number in range(3)]
    tailing.close()


async def test_a_log_deleted_while_held_open_is_read_and_forgotten(log: RollingLog, tailing: Tailing) -> None:
    """What was written before the deletion is read through the descriptor; then no row of it is kept."""
    log.event(1)
    await tailing.poll()
    log.event(2)
    log.path.unlink()
    assert await tailing.poll() == [event_body(2)]
    log.event(3)  # the writer still has it
    assert await tailing.poll() == [event_body(3)]
    assert any("(deleted)" in lag.path for lag in tailing.source.lag())
    await tailing.poll(seconds=6)
    assert tailing.source.lag() == []
    assert not any(key for key in tailing.ingest.rows if "launch" not in key)
    assert tailing.ingest.lost["vanished"] == 0
    log.reopen()
    log.event(4)
    assert await tailing.poll() == [event_body(4)]


async def test_a_log_that_vanished_while_the_bridge_was_down(log: RollingLog, tailing: Tailing) -> None:
    """What is known to have been unread is counted in bytes, once."""
    log.event(1)
    half = event_line(event_body(2))[:77]
    log.write(half)
    await tailing.poll()
    log.path.unlink()
    tailing.crash()
    log.reopen()
    log.event(3)
    assert await tailing.poll() == [event_body(3)]
    assert tailing.ingest.lost["vanished"] == 0
    await tailing.poll(seconds=61)
    assert tailing.ingest.lost["vanished"] == len(half)
    tailing.crash()
    await tailing.poll(seconds=61)
    await tailing.poll(seconds=61)
    assert tailing.ingest.lost["vanished"] == len(half)


async def test_a_volume_that_is_mounted_late_is_not_read_again(tmp_path: Path) -> None:
    """A folder that is missing or empty for a day proves nothing: the positions hold when it is back."""
    folder = tmp_path / "logs"
    folder.mkdir()
    log = RollingLog(folder)
    tailing = Tailing(log.pattern)
    log.event(1)
    await tailing.poll()
    tailing.crash()
    folder.rename(tmp_path / "elsewhere")
    await tailing.poll(seconds=3600)
    folder.mkdir()
    await tailing.poll(seconds=86400)
    folder.rmdir()
    (tmp_path / "elsewhere").rename(folder)
    log.event(2)
    assert await tailing.poll() == [event_body(2)]
    log.close()
    tailing.close()


async def test_many_rolled_files_are_closed_but_never_read_again(tmp_path: Path) -> None:
    """Of 60 logs that were read only a few stay open; renaming or touching them does not bring them back."""
    paths = [tmp_path / f"apim_metrics-11-21-2026-{number}.log" for number in range(60)]
    for number, path in enumerate(paths):
        path.write_bytes(event_line(event_body(number)))
    tailing = Tailing(tmp_path / "apim_metrics*.log")
    assert len(await tailing.poll()) == 60
    await tailing.poll()
    assert sum(log.descriptor is not None for log in tailing.source._following.logs) <= 16
    for path in paths:
        path.rename(path.with_name(path.name.replace("apim_metrics-11", "apim_metrics-12")))
    assert await tailing.poll() == []
    for number in range(60):
        (tmp_path / f"apim_metrics-12-21-2026-{number}.log").touch()
    assert await tailing.poll() == []
    with (tmp_path / "apim_metrics-12-21-2026-3.log").open("ab") as file:
        file.write(event_line(event_body(77)))
    assert await tailing.poll() == [event_body(77)]
    tailing.crash()
    assert await tailing.poll() == []
    assert await tailing.poll(seconds=100) == []
    tailing.close()


async def test_a_torn_last_line(log: RollingLog, tailing: Tailing) -> None:
    """The unfinished last line of a renamed log is taken after 5 s if it is an event, else counted as torn."""
    whole, torn = event_line(event_body(1))[:-1], event_line(event_body(2))[:-30]
    log.write(whole)
    assert await tailing.poll(seconds=100) == []
    log.roll()
    log.write(torn)
    assert await tailing.poll(seconds=1) == []
    assert await tailing.poll(seconds=6) == [event_body(1)]
    log.roll()
    log.write(b"other text")
    await tailing.poll(seconds=1)
    await tailing.poll(seconds=6)
    assert tailing.ingest.rejected == {"torn": 1}
    log.roll()
    await tailing.poll(seconds=1)
    await tailing.poll(seconds=6)
    assert (tailing.ingest.rejected, tailing.ingest.ignored) == ({"torn": 1}, 1)
    assert all(lag.bytes == 0 for lag in tailing.source.lag())
    tailing.crash()
    assert await tailing.poll(seconds=6) == []


async def test_a_torn_last_line_of_a_log_renamed_while_down(log: RollingLog, tailing: Tailing) -> None:
    """That a log was renamed is known after a restart too."""
    log.event(1)
    log.write(b"torn")
    await tailing.poll()
    tailing.crash()
    log.roll()
    log.event(2)
    await tailing.poll()
    await tailing.poll(seconds=6)
    assert tailing.ingest.ignored == 1
    assert tailing.ingest.bodies == [event_body(1), event_body(2)]


async def test_a_renamed_log_stays_renamed(log: RollingLog, tailing: Tailing) -> None:
    """A log whose last lines were read under its new name is not waited for after a restart."""
    log.event(1)
    await tailing.poll()
    log.event(2)
    log.write(b"torn")
    log.roll()
    assert await tailing.poll() == [event_body(2)]
    tailing.crash()
    await tailing.poll()
    await tailing.poll(seconds=6)
    assert tailing.ingest.ignored == 1


async def test_logs_that_differ_in_the_head_alone(log: RollingLog, tailing: Tailing) -> None:
    """The same bytes at the same place do not make two logs one."""
    banner = b"the same banner in every log\n" * 20
    log.write(b"one line\n" + banner)
    await tailing.poll()
    tailing.crash()
    log.path.unlink()
    log.reopen()
    log.write(b"two line\n" + banner)
    await tailing.poll()
    assert tailing.ingest.ignored == 2 * 21


async def test_an_empty_log_that_goes(log: RollingLog, tailing: Tailing) -> None:
    """An empty log leaves nothing behind and is no reason to call intake."""
    await tailing.poll()
    calls = tailing.ingest.calls
    log.path.unlink()
    await tailing.poll(seconds=6)
    await tailing.poll(seconds=100)
    await tailing.poll(seconds=100)
    assert tailing.ingest.calls == calls
    assert tailing.source.lag() == []


@pytest.mark.parametrize("start_at", ["beginning", "end"])
async def test_more_logs_than_may_be_open(tmp_path: Path, start_at: str) -> None:
    """The newest of very many logs wait their turn; `start_at` holds for all of them."""
    for number in range(300):
        (tmp_path / f"apim_metrics-{number}.log").write_bytes(event_line(event_body(number)))
    tailing = Tailing(tmp_path / "*.log", start_at=start_at)
    following = tailing.source._following
    following.look()
    assert sum(log.descriptor is not None for log in following.logs) <= 256
    tailing.crash()
    await tailing.poll()
    await tailing.poll()
    expected = 300 if start_at == "beginning" else 0
    assert len(tailing.ingest.bodies) == len(set(tailing.ingest.bodies)) == expected
    tailing.crash()
    for _ in range(3):
        assert await tailing.poll(seconds=100) == []
    tailing.close()


async def test_two_logs_with_the_same_first_kilobyte(tmp_path: Path) -> None:
    """Logs that only differ behind the first kilobyte are two logs, while running and after a restart."""
    head = b"".join(b"banner line %d\n" % number for number in range(100))
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    one.write_bytes(head + event_line(event_body(1)) * 3)
    tailing = Tailing(tmp_path / "*.log")
    assert len(await tailing.poll()) == 3
    other.write_bytes(head + event_line(event_body(2)) * 2)
    assert await tailing.poll() == [event_body(2)] * 2
    tailing.crash()
    third = tmp_path / "third.log"
    third.write_bytes(head + event_line(event_body(3)) * 9)
    assert await tailing.poll() == [event_body(3)] * 9
    for number, path in enumerate((one, other, third), 4):
        with path.open("ab") as file:
            file.write(event_line(event_body(number)))
    assert await tailing.poll() == [event_body(4), event_body(5), event_body(6)]
    tailing.close()


async def test_a_short_log_that_grows_keeps_its_identity(log: RollingLog, tailing: Tailing) -> None:
    """A log that was read when it had a few bytes is known again when it has many and another name."""
    log.write(b"hello\n")
    await tailing.poll()
    tailing.crash()
    written = [log.event(number) for number in range(50)]
    log.roll()
    log.write(b"hullo\n")
    assert await tailing.poll() == written
    assert tailing.ingest.ignored == 2


async def test_empty_logs_are_nobodys_copy(log: RollingLog, tailing: Tailing) -> None:
    """Several empty files are each followed."""
    (log.folder / "apim_metrics-a.log").touch()
    (log.folder / "apim_metrics-b.log").touch()
    await tailing.poll()
    tailing.crash()
    for name in ("a", "b"):
        (log.folder / f"apim_metrics-{name}.log").write_bytes(event_line(event_body(ord(name))))
    log.event(1)
    assert sorted(await tailing.poll()) == sorted(map(event_body, (1, ord("a"), ord("b"))))


async def test_a_new_log_with_the_inode_of_a_deleted_one(log: RollingLog, tailing: Tailing) -> None:
    """ext4 gives a new file the inode of one just deleted: what it holds decides, not its number."""
    written = [log.event(number) for number in range(20)]
    await tailing.poll()
    tailing.crash()  # nothing is held open
    inode = log.path.stat().st_ino
    log.path.unlink()
    log.reopen()
    fresh = [log.event(number) for number in range(100, 150)]
    assert await tailing.poll() == fresh
    assert tailing.ingest.bodies == written + fresh
    if log.path.stat().st_ino != inode:
        pytest.skip("this file system did not use the inode again")


async def test_real_output_of_log4j2(tmp_path: Path, recorded: Path) -> None:
    """The genuine publisher's seven files give its events in the order in which they were written."""
    manifest = json.loads((recorded / "wso2-log" / "manifest.json").read_text())
    for name in [file["name"] for file in manifest["files"]]:
        (tmp_path / name).write_bytes((recorded / "wso2-log" / name).read_bytes())
    tailing = Tailing(tmp_path / "apim_metrics*.log")
    bodies = await tailing.poll()
    assert [json.loads(body)["correlationId"] for body in bodies] == manifest["correlationIds"]
    assert tailing.ingest.ignored == len(manifest["non_event_lines"])
    assert set(tailing.ingest.kinds) == {"response", "fault"}
    tailing.close()

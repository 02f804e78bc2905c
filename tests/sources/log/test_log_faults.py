"""What else a log goes through: rewritten, made anew, written in pieces, with odd bytes and odd clocks."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from rigs.tailing import Tailing


@pytest.mark.parametrize("crash", [False, True])
async def test_a_log_that_is_rewritten_with_the_same_head(
    log: RollingLog, tailing: Tailing, crash: bool
) -> None:
    """A program that begins its log with the same lines each time: what is new behind them is read, once."""
    banner = [event_line(event_body(number)) for number in range(8)]
    assert sum(map(len, banner)) > 1024
    log.write(b"".join(banner))
    first = [log.event(number) for number in range(100, 110)]
    assert await tailing.poll() == [event_body(number) for number in range(8)] + first
    os.truncate(log.path, 0)
    log.write(b"".join(banner))
    second = [log.event(number) for number in range(200, 240)]
    if crash:
        tailing.crash()
    found = await tailing.poll()
    # The head came a second time in the log: as many lines as there are, with the ids that they had (P5).
    assert found == [event_body(number) for number in range(8)] + second
    assert await tailing.poll(seconds=100) == []


@pytest.mark.parametrize("copied", [False, True])
async def test_logs_with_one_head_are_told_apart_by_their_tails(tmp_path: Path, copied: bool) -> None:
    """Two logs begin with the same kilobyte, and another disk gives them other inodes: no line comes twice."""
    banner = b"".join(event_line(event_body(number)) for number in range(8))
    assert len(banner) > 1024
    long, short = tmp_path / "long.log", tmp_path / "short.log"
    long.write_bytes(banner + b"".join(event_line(event_body(100 + number)) for number in range(20)))
    short.write_bytes(banner + b"".join(event_line(event_body(200 + number)) for number in range(10)))
    tailing = Tailing(tmp_path / "*.log")
    await tailing.poll()
    before = len(tailing.ingest.bodies)
    with short.open("ab") as file:
        file.write(b"".join(event_line(event_body(300 + number)) for number in range(30)))
    # It comes first: the other log would fit, too, if their heads alone were compared.
    os.utime(short, (1_700_000_000, 1_700_000_000))
    for path in (long, short) if copied else ():
        restored = tmp_path / "restored"
        shutil.copy2(path, restored)
        restored.replace(path)
    tailing.crash()
    assert await tailing.poll() == [event_body(300 + number) for number in range(30)]
    assert len(tailing.ingest.bodies) == before + 30
    assert "log_truncated" not in tailing.events()
    tailing.close()


async def test_a_copy_that_went_its_own_way(log: RollingLog, tailing: Tailing) -> None:
    """A log is truncated just when its copy has got lines of its own: those are read, and the others not again."""
    shared = [log.event(number) for number in range(20)]
    copy = log.folder / "apim_metrics-copy.log"
    copy.write_bytes(log.path.read_bytes())
    assert await tailing.poll() == shared
    await tailing.poll()
    read = [log.event(number) for number in range(20, 30)]
    assert await tailing.poll() == read
    own = [event_body(number) for number in range(500, 530)]
    with copy.open("ab") as file:
        file.write(b"".join(map(event_line, own)))
    os.truncate(log.path, 0)
    assert await tailing.poll() == own
    tailing.close()


async def test_a_log_that_is_deleted_and_made_anew(log: RollingLog, tailing: Tailing) -> None:
    """What was written before the deletion is read through the descriptor, then the new one from its start."""
    log.event(1)
    await tailing.poll()
    last = log.event(2)
    log.path.unlink()
    log.reopen()
    new = log.event(3)
    assert await tailing.poll() == [last, new]
    tailing.crash()
    assert await tailing.poll(seconds=100) == []
    assert tailing.ingest.lost["vanished"] == 0


async def test_a_line_in_three_writes(log: RollingLog, tailing: Tailing) -> None:
    """A line that comes in three pieces is one event, whatever happens between them."""
    line = event_line(event_body(7))
    for piece in (line[:40], line[40:150]):
        log.write(piece)
        assert await tailing.poll() == []
        tailing.crash()
    log.write(line[150:])
    assert await tailing.poll(seconds=10) == [event_body(7)]


async def test_bytes_that_are_no_text(log: RollingLog, tailing: Tailing) -> None:
    """NUL bytes, CR LF and bytes that are not UTF-8 cost neither their own line nor the next one."""
    broken = event_body(1, userAgent="x").replace(b'"x"', b'"\xff\xfe\xc3"')
    log.write(b"\0\0\0" + event_line(broken).replace(b"\n", b"\r\n"))
    good = log.event(2)
    assert await tailing.poll() == [broken, good]


async def test_a_line_of_ten_megabytes(log: RollingLog, tailing: Tailing) -> None:
    """Below `max_line_bytes` (16 MiB) it is an event like any other, written at once or in pieces."""
    body = event_body(1, userAgent="u" * 4_000_000)
    line = event_line(body)
    for at in range(0, len(line), 3_000_000):
        log.write(line[at : at + 3_000_000])
        await tailing.poll()
    good = log.event(2)
    await tailing.poll()
    assert tailing.ingest.bodies == [body, good]


async def test_a_clock_that_goes_back(log: RollingLog, tailing: Tailing) -> None:
    """Neither the machine's clock nor a file's time going back an hour or a year costs or repeats a line."""
    expected = []
    for number, shift in enumerate((-3600, -365 * 86400, 7200, -10)):
        expected.append(log.event(2 * number))
        await tailing.poll()
        tailing.clock.epoch += shift
        os.utime(log.path, (1_700_000_000 + shift, 1_700_000_000 + shift))
        log.roll()
        os.utime(log.rolled(number + 1), (1_600_000_000 - shift, 1_600_000_000 - shift))
        expected.append(log.event(2 * number + 1))
        if number % 2:
            tailing.crash()
        await tailing.poll()
    assert tailing.ingest.bodies == expected
    assert await tailing.poll(seconds=100) == []


async def test_the_cascade_under_load(log: RollingLog, tailing: Tailing) -> None:
    """P2: 200 rolls that keep three logs, packed at times, with crashes and a full journal: each line once."""
    log.keep = 3
    expected = []
    for number in range(200):
        expected += [log.event(10 * number + at) for at in range(5)]
        if number % 7 == 0:
            tailing.ingest.full = 2
        await tailing.poll()
        expected += [log.event(10 * number + at) for at in range(5, 8)]
        if number % 5 == 0:
            await tailing.poll()
            tailing.crash()
        log.roll()
        if number % 11 == 0 and (oldest := log.rolled(1)).exists():
            with gzip.open(f"{oldest}.gz", "wb") as packed:
                packed.write(oldest.read_bytes())
    await tailing.poll()
    assert tailing.ingest.bodies == expected
    assert tailing.ingest.lost["vanished"] == 0

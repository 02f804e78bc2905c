"""Thousands of files under a pattern: work grows with their number, and the log that is written now is read first."""

import os
import sys
from cProfile import Profile
from dataclasses import replace
from pathlib import Path
from typing import Final

from fakes.log_writer import event_body, event_line
from rigs.tailing import Tailing

from bridge.sources.log.positions import Launch

# So many logs may be open at a time.
MOST: Final = 24


def write_old(folder: Path, count: int, first: int = 0) -> None:
    """Write logs of one event each, as old as their numbers are low."""
    for number in range(first, first + count):
        path = folder / f"apim_metrics-{number}.log"
        path.write_bytes(event_line(event_body(number)))
        os.utime(path, (10**9 + number, 10**9 + number))


def read_all(tailing: Tailing) -> int:
    """Look once and read all; return the number of chunks."""
    following = tailing.source._following
    following.look()
    chunks = 0
    while (chunk := following.next_chunk()) is not None:
        following.committed(chunk)
        chunks += chunk.log is not None
    return chunks


def calls_of(tailing: Tailing) -> int:
    """Look and read all; return how many functions were called, whatever the language they are written in."""
    profile = Profile()
    before = sys.getprofile()
    profile.runcall(read_all, tailing)
    sys.setprofile(before)
    return sum(entry.callcount for entry in profile.getstats())


def test_work_grows_with_the_number_of_files(tmp_path: Path) -> None:
    """Four times as many files cost four times as much to find, open, read and close, and to look at once more."""
    first, again = [], []
    for count in (60, 240):
        folder = tmp_path / str(count)
        folder.mkdir()
        write_old(folder, count)
        tailing = Tailing(folder / "*.log", ignore_older="36500d", max_open=MOST)
        first.append(calls_of(tailing) / count)
        again.append(calls_of(tailing) / count)
        assert len(tailing.source._following.logs) == count
        tailing.close()
    assert first[1] < 1.2 * first[0]
    assert again[1] < 1.2 * again[0]


def test_a_restart_knows_all_files_again(tmp_path: Path) -> None:
    """With the positions of all files kept, each file is compared with few of them."""
    calls_for_each = []
    for count in (60, 240):
        folder = tmp_path / str(count)
        folder.mkdir()
        write_old(folder, count)
        tailing = Tailing(folder / "*.log", ignore_older="36500d", max_open=MOST)
        following = tailing.source._following
        following.look()
        rows: dict[str, bytes | None] = {}
        while (chunk := following.next_chunk()) is not None:
            following.committed(chunk)
            rows |= chunk.arrival("log", Launch(1)).positions
        tailing.close()
        tailing.ingest.rows = {key: row for key, row in rows.items() if row is not None}
        tailing.crash()
        calls_for_each.append(calls_of(tailing) / count)
        tailing.close()
    assert calls_for_each[1] < 1.2 * calls_for_each[0]


async def test_the_live_log_is_read_first(tmp_path: Path) -> None:
    """What is written now is journalled among the first, and the oldest logs go on beside it."""
    write_old(tmp_path, 90)
    live = tmp_path / "apim_metrics.log"
    live.write_bytes(event_line(event_body(10_000)))
    tailing = Tailing(tmp_path / "*.log", ignore_older="36500d", max_open=MOST)
    bodies = await tailing.poll()
    assert bodies.index(event_body(10_000)) < 2
    assert bodies.index(event_body(0)) < 3
    assert len(bodies) == len(set(bodies)) == 91
    tailing.close()


def test_a_live_log_does_not_hold_up_old_ones(tmp_path: Path) -> None:
    """Old logs are read even though the live one has something new at each look."""
    write_old(tmp_path, 60)
    live = tmp_path / "apim_metrics.log"
    tailing = Tailing(tmp_path / "*.log", ignore_older="36500d", max_open=MOST)
    following = tailing.source._following
    old = set()
    for number in range(130):
        with live.open("ab") as file:
            file.write(event_line(event_body(10_000 + number)))
        following.look()
        chunk = following.next_chunk()
        assert chunk is not None
        following.committed(chunk)
        old |= {body for body in chunk.lines.frames.bodies if body in {event_body(n) for n in range(60)}}
    assert len(old) > 28
    tailing.close()


def test_descriptors_are_bounded(tmp_path: Path) -> None:
    """However many logs wait, half of them without a line end, no more than may be are open (P8)."""
    write_old(tmp_path, 90)
    for number in range(90):
        (tmp_path / f"apim_metrics-half-{number}.log").write_bytes(
            event_line(event_body(5000 + number))[:-20]
        )
    tailing = Tailing(tmp_path / "*.log", ignore_older="36500d", max_open=MOST)
    assert read_all(tailing) == 90
    open_now = [log for log in tailing.source._following.logs if log.descriptor is not None]
    assert len(open_now) <= MOST
    assert not tailing.source._following.waiting
    with (tmp_path / "apim_metrics-half-0.log").open("ab") as file:
        file.write(event_line(event_body(5000))[-20:])
    assert read_all(tailing) == 1
    tailing.close()


def test_other_number_of_descriptors(tmp_path: Path) -> None:
    """A reload that gives the source more files, or fewer, counts from the next look on."""
    write_old(tmp_path, 90)
    tailing = Tailing(tmp_path / "*.log", ignore_older="36500d", max_open=MOST)
    following, fittings = tailing.source._following, tailing.fittings(tailing.clock, {})

    def open_now() -> int:
        return sum(log.descriptor is not None for log in following.logs)

    following.look()
    assert open_now() == MOST
    tailing.source.renew(tailing.settings, replace(fittings, descriptors=MOST + 20))
    following.look()
    assert open_now() == MOST + 20
    tailing.source.renew(tailing.settings, replace(fittings, descriptors=8))
    assert read_all(tailing) == 90
    following.look()
    assert open_now() <= 8
    tailing.close()


async def test_a_file_that_goes_before_it_was_opened_is_counted(tmp_path: Path) -> None:
    """Every byte that was deleted while it waited for its turn is counted as lost."""
    write_old(tmp_path, 60)
    tailing = Tailing(tmp_path / "*.log", ignore_older="36500d", max_open=MOST)
    following = tailing.source._following
    following.look()
    waiting = following.waiting
    assert waiting
    (tmp_path / waiting[10].path).rename(tmp_path / "apim_metrics-renamed.log")
    for found in waiting[:10]:
        (tmp_path / found.path).unlink()
    await tailing.poll()
    await tailing.poll(seconds=61)
    assert tailing.ingest.lost["vanished"] == sum(found.size for found in waiting[:10])
    assert len(tailing.ingest.bodies) == 50
    tailing.close()

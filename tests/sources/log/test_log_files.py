"""What the log source makes of files as they come: lines, links, rights, first starts."""

import gzip
import os
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from fakes.memory_ingest import Crash
from rigs.tailing import Tailing

from bridge.sources.log.files import CHUNK_BYTES


@pytest.mark.parametrize("limit", [1000, 2 << 20])
async def test_an_overlong_line_is_counted_once(log: RollingLog, limit: int) -> None:
    """A line of more than the limit is passed over in steps, and its tail is no line, across crashes (P2)."""
    tailing = Tailing(log.pattern, max_line_bytes=limit)
    tail_like_an_event = event_line(event_body(666))
    log.event(1)
    log.write(b"x" * (limit + 1))
    await tailing.poll()
    for _ in range(3):
        tailing.crash()
        log.write(b"y" * 300_000)
        await tailing.poll()
    log.write(b"z" * 2_000_000 + tail_like_an_event)
    log.event(2)
    tailing.ingest.crash_after = tailing.ingest.calls + 1
    with pytest.raises(Crash):
        await tailing.poll()
    tailing.crash()
    await tailing.poll()
    assert tailing.ingest.bodies == [event_body(1), event_body(2)]
    assert tailing.ingest.rejected == {"too_long": 1}
    assert tailing.events().count("log_line_too_long") == 1
    tailing.close()


async def test_an_overlong_line_at_the_end_of_a_renamed_log(log: RollingLog) -> None:
    """An overlong line that nobody finishes is counted once, whether it was begun before the end or not."""
    tailing = Tailing(log.pattern, max_line_bytes=1000)
    log.write(b"x" * 1200)
    await tailing.poll()
    log.write(b"x" * 10)
    await tailing.poll()
    log.write(b"x" * 10)
    log.roll()
    await tailing.poll()
    await tailing.poll(seconds=6)
    log.event(1)
    log.write(b"x" * 1200)
    await tailing.poll()
    log.roll()
    await tailing.poll()
    await tailing.poll(seconds=6)
    assert tailing.ingest.rejected == {"too_long": 2}
    assert all(lag.bytes == 0 for lag in tailing.source.lag())
    tailing.close()


async def test_a_line_longer_than_a_chunk(log: RollingLog) -> None:
    """A line below the limit is read whole, however many reads it takes."""
    tailing = Tailing(log.pattern)
    body = event_body(1, requestBody="x" * 3_000_000)
    log.event(0)
    log.write(event_line(body))
    log.event(2)
    assert await tailing.poll() == [event_body(0), body, event_body(2)]
    tailing.close()


async def test_a_log_larger_than_a_chunk(log: RollingLog) -> None:
    """Chunks meet without a gap; memory holds one at a time (P8)."""
    tailing = Tailing(log.pattern)
    written = [log.event(number, pad="x" * (number % 977)) for number in range(3000)]
    assert await tailing.poll() == written
    assert max(sum(map(len, arrival.bodies)) for arrival in tailing.ingest.arrivals) <= CHUNK_BYTES
    assert tailing.count("log_read_bytes") == log.path.stat().st_size
    tailing.close()


async def test_line_ends_of_another_system(log: RollingLog) -> None:
    """Carriage returns, blank lines and NUL bytes are no part of an event and are not counted."""
    tailing = Tailing(log.pattern)
    log.write(b"\0\0\0\r\n\n" + event_line(event_body(1)).replace(b"\n", b"\r\n") + event_body(2) + b"\n")
    assert await tailing.poll() == [event_body(1), event_body(2)]
    assert (tailing.ingest.kinds, tailing.ingest.ignored) == (["response", None], 0)
    tailing.close()


async def test_nothing_is_there_yet(tmp_path: Path) -> None:
    """Folder and log may come later; the log says once that they are awaited."""
    tailing = Tailing(
        tmp_path / "logs" / "apim_metrics*.log", tmp_path / "other.log", tmp_path / "*" / "x.log"
    )
    for _ in range(3):
        await tailing.poll()
    assert tailing.events() == ["no_log_there_yet"]
    (tmp_path / "logs").mkdir()
    await tailing.poll()
    (tmp_path / "logs" / "apim_metrics.log").write_bytes(event_line(event_body(1)))
    (tmp_path / "logs" / ".apim_metrics.log").write_bytes(event_line(event_body(4)))
    (tmp_path / "logs" / "x.log").write_bytes(event_line(event_body(2)))
    (tmp_path / "other.log").write_bytes(event_line(event_body(3)))
    assert sorted(await tailing.poll()) == [event_body(number) for number in (1, 2, 3)]
    tailing.close()


async def test_start_at_the_end(log: RollingLog) -> None:
    """`start_at = "end"` passes over what the very first start finds, and nothing that comes later."""
    log.event(1)
    tailing = Tailing(log.pattern, start_at="end", rows={"firehose:1": b"another source's"})
    assert await tailing.poll() == []
    tailing.crash()
    log.event(2)
    log.roll()
    log.event(3)
    assert await tailing.poll() == [event_body(2), event_body(3)]
    tailing.close()


async def test_start_at_the_end_of_nothing(tmp_path: Path) -> None:
    """The first start is remembered even without a log: a later start reads from the beginning."""
    tailing = Tailing(tmp_path / "apim_metrics.log", start_at="end")
    await tailing.poll()
    tailing.crash()
    (tmp_path / "apim_metrics.log").write_bytes(event_line(event_body(1)))
    assert await tailing.poll() == [event_body(1)]
    tailing.close()


async def test_old_logs_at_the_first_start(log: RollingLog) -> None:
    """`ignore_older` leaves out logs that were not written for that long, at the very first start only."""
    tailing = Tailing(log.pattern, ignore_older="30d")
    log.event(1)
    log.roll()
    log.event(2)
    now = tailing.clock.time()
    os.utime(log.rolled(1), (now - 31 * 86400, now - 31 * 86400))
    os.utime(log.path, (now - 29 * 86400, now - 29 * 86400))
    assert await tailing.poll() == [event_body(2)]
    tailing.crash()
    (log.folder / "apim_metrics-old.log").write_bytes(event_line(event_body(3)))
    os.utime(log.folder / "apim_metrics-old.log", (1, 1))
    assert await tailing.poll() == [event_body(3)]
    tailing.close()


async def test_one_file_by_several_paths(log: RollingLog) -> None:
    """A log that several patterns, links and hard links lead to is read once."""
    log.event(1)
    (log.folder / "apim_metrics-link.log").symlink_to(log.path)
    os.link(log.path, log.folder / "apim_metrics-hard.log")
    tailing = Tailing(log.pattern, log.path, log.folder / "apim_metrics-l*.log")
    assert await tailing.poll() == [event_body(1)]
    log.event(2)
    assert await tailing.poll() == [event_body(2)]
    assert len(tailing.source.lag()) == 1
    tailing.close()


async def test_a_link_that_is_pointed_elsewhere(tmp_path: Path) -> None:
    """A link to today's log: yesterday's is read to its end and then let go."""
    days = [tmp_path / f"day-{number}.txt" for number in range(2)]
    for number, day in enumerate(days):
        day.write_bytes(event_line(event_body(number)))
    link = tmp_path / "current.log"
    link.symlink_to(days[0])
    tailing = Tailing(link)
    assert await tailing.poll() == [event_body(0)]
    with days[0].open("ab") as file:
        file.write(event_line(event_body(5)))
    link.unlink()
    link.symlink_to(days[1])
    assert sorted(await tailing.poll()) == [event_body(1), event_body(5)]
    await tailing.poll(seconds=6)
    assert [lag.path for lag in tailing.source.lag()] == [str(link)]
    tailing.close()


async def test_a_log_that_cannot_be_read_for_a_while(tmp_path: Path) -> None:
    """It is logged once with the cure, tried again at each look, and its position is kept meanwhile."""
    path = tmp_path / "apim_metrics.log"
    other = tmp_path / "other.log"
    path.write_bytes(event_line(event_body(1)))
    tailing = Tailing(tmp_path / "*.log")
    await tailing.poll()
    tailing.crash()
    path.rename(tmp_path / "aside")
    path.symlink_to(path.name)  # a loop: it is there and cannot be opened, for root either
    other.write_bytes(event_line(event_body(2)))
    assert await tailing.poll() == [event_body(2)]
    await tailing.poll(seconds=3600)
    await tailing.poll(seconds=3600)
    assert tailing.events().count("log_unreadable") == 1
    path.unlink()
    (tmp_path / "aside").rename(path)
    with path.open("ab") as file:
        file.write(event_line(event_body(3)))
    assert await tailing.poll() == [event_body(3)]
    tailing.close()


@pytest.mark.parametrize("grown", [False, True])
async def test_a_descriptor_that_goes_bad(log: RollingLog, grown: bool) -> None:
    """A read error (a stale network mount) makes it open the log again and go on where it was."""
    tailing = Tailing(log.pattern)
    log.event(1)
    await tailing.poll()
    log.event(2)
    if not grown:
        tailing.source._following.look()
    folder = os.open(log.folder, os.O_RDONLY)
    for followed in tailing.source._following.logs:
        os.dup2(folder, followed.open_descriptor)
    os.close(folder)
    if grown:
        assert await tailing.poll() == []
    else:
        assert tailing.source._following.next_chunk() is None
    assert await tailing.poll() == [event_body(2)]
    assert "log_unreadable" in tailing.events()
    await tailing.poll(seconds=100)
    assert tailing.ingest.lost["vanished"] == 0
    tailing.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_log_without_rights(log: RollingLog) -> None:
    """A log of another user is read as soon as its rights allow it, which is said."""
    log.event(1)
    log.path.chmod(0)
    tailing = Tailing(log.pattern)
    assert await tailing.poll() == []
    log.path.chmod(0o600)
    assert await tailing.poll() == [event_body(1)]
    assert {"log_unreadable", "log_readable_again"} <= set(tailing.events())
    tailing.close()


async def test_what_is_no_log(log: RollingLog) -> None:
    """Compressed files are passed over and named once; folders and pipes are no logs."""
    log.event(1)
    packed = log.folder / "apim_metrics-1.log"
    packed.write_bytes(gzip.compress(event_line(event_body(2))))
    (log.folder / "apim_metrics-folder.log").mkdir()
    os.mkfifo(log.folder / "apim_metrics-pipe.log")
    (log.folder / "apim_metrics-dangling.log").symlink_to("nowhere")
    tailing = Tailing(log.pattern)
    await tailing.poll()
    packed.rename(log.folder / "apim_metrics-2.log")
    (log.folder / "apim_metrics-2.log").touch()
    await tailing.poll()
    assert tailing.ingest.bodies == [event_body(1)]
    assert tailing.events().count("log_is_compressed") == 1
    tailing.close()


async def test_a_rotated_log_that_is_compressed(log: RollingLog) -> None:
    """A log that is packed and deleted after its roll is read to its end through the descriptor."""
    tailing = Tailing(str(log.pattern) + "*")
    log.event(1)
    await tailing.poll()
    log.event(2)
    log.roll()
    packed = log.rolled(1).with_suffix(".log.gz")
    packed.write_bytes(gzip.compress(log.rolled(1).read_bytes()))
    log.rolled(1).unlink()
    log.event(3)
    assert await tailing.poll() == [event_body(2), event_body(3)]
    tailing.close()


async def test_a_position_that_makes_no_sense(log: RollingLog) -> None:
    """A damaged row is named and dropped; its log is read from the start rather than not at all."""
    log.event(1)
    tailing = Tailing(log.pattern, rows={"log:1": b"\xff", "log:x": b"{}", "log:launch:0": b"[]"})
    assert await tailing.poll() == [event_body(1)]
    assert tailing.events().count("log_position_unreadable") == 3
    assert "log:x" not in tailing.ingest.rows
    tailing.close()

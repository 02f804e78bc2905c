"""The file sink: each event stands in its files once, whatever is killed, full, deleted or in the way."""

# ruff: noqa: ASYNC240 - a test may wait for its own disk

import asyncio
import json
import os
import resource
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.destinations import batch_of, fittings
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.events import event, events
from rigs.rig import delivering

from bridge.batches import Batch
from bridge.errors import NeedsOperator, RetryLater
from bridge.sinks.file import FileSettings, FileSink


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def build(folder: Path, **changes: Any) -> FileSink:
    return FileSink("archive", FileSettings(type="file", path=folder, **changes), fittings())


@pytest.fixture
async def sink(folder: Path) -> AsyncIterator[FileSink]:
    made = build(folder)
    await made.start(None)
    yield made
    await made.close()


async def append(sink: FileSink, batch: Batch) -> bytes:
    return await sink.send(await sink.encode(batch))


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def ids(folder: Path) -> list[str]:
    """The ids of all lines of all files, in order; every line must be whole JSON."""
    return [
        json.loads(line)["bridge"]["id"]
        for file in sorted(folder.iterdir())
        for line in file.read_bytes().splitlines()
    ]


async def test_lines_are_the_events_with_the_bridge_in_front(sink: FileSink, folder: Path) -> None:
    """A line is the event's own JSON, untouched, with id, time of receipt and instance in front."""
    body = b'{"apiName":"Pizza", "properties": {"x":1.50}, "unheard": "of"}'
    await append(sink, batch_of(body))
    assert (folder / "events-000001.ndjson").read_bytes() == (
        b'{"bridge":{"id":"00000000-0000-8000-a000-000000000000","received":"2026-11-21T00:46:24.099Z",'
        b'"instance":"gateway-1"},"apiName":"Pizza", "properties": {"x":1.50}, "unheard": "of"}\n'
    )
    assert (folder / "events-000001.ndjson").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_state_is_file_and_length(sink: FileSink, folder: Path) -> None:
    """What goes into the cursor's row says how much of the files to believe."""
    state = await append(sink, batch_of(*events(3)))
    size = (folder / "events-000001.ndjson").stat().st_size
    assert msgspec.json.decode(state) == {"file": 1, "length": size}


async def test_start_cuts_off_what_was_not_committed(sink: FileSink, folder: Path) -> None:
    """Killed between fsync and commit: the lines are cut off at once and written again by the same events (P3)."""
    batch = batch_of(*events(6))
    state = await append(sink, batch.part(0, 2))
    await append(sink, batch.part(2, 5))
    with (folder / "events-000001.ndjson").open("ab") as file:
        file.write(b'{"bridge":{"id":"torn')
    after = build(folder)
    await after.start(state)
    assert ids(folder) == batch.ids[:2]
    await append(after, batch.part(2, 6))
    await after.close()
    assert ids(folder) == batch.ids


async def test_start_deletes_files_that_were_begun_behind_the_cursor(folder: Path) -> None:
    """Killed after a rotation that was not committed: the newer files go, too."""
    batch = batch_of(*events(9))
    sink = build(folder, rotate_bytes=1)
    await sink.start(None)
    state = await append(sink, batch.part(0, 3))
    await append(sink, batch.part(3, 6))
    await append(sink, batch.part(6, 9))
    assert len(files(folder)) == 3
    await sink.start(state)
    assert ids(folder) == batch.ids[:3]
    await append(sink, batch.part(3, 9))
    await sink.close()
    assert ids(folder) == batch.ids


@pytest.mark.parametrize("rotate_bytes", [1, 1 << 20])
async def test_killed_before_the_very_first_commit(folder: Path, rotate_bytes: int) -> None:
    """Even without a committed state, what the first life wrote is not there twice."""
    batch = batch_of(*events(9))
    first = build(folder, rotate_bytes=rotate_bytes)
    await first.start(None)
    await append(first, batch.part(0, 3))
    await append(first, batch.part(3, 6))
    await first.close()
    second = build(folder, rotate_bytes=rotate_bytes)
    await second.start(None)
    # A batch may be cut elsewhere this time.
    await append(second, batch.part(0, 5))
    await append(second, batch.part(5, 9))
    await second.close()
    assert ids(folder) == batch.ids
    assert files(folder)[0] == "events-000001.ndjson"


async def test_files_of_an_earlier_life_are_left_alone(sink: FileSink, folder: Path) -> None:
    """A new state folder beside an old archive: the archive stays, and new events go behind it."""
    old = batch_of(*events(3))
    await append(sink, old)
    new = build(folder)
    await new.start(None)
    await append(new, batch_of(*events(3, first=50), received_ms=1_795_999_999_999))
    await new.close()
    assert files(folder) == ["events-000001.ndjson", "events-000002.ndjson"]
    assert ids(folder) == [*old.ids, *old.ids]


MANY = batch_of(*events(110))


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["commit", "lose", "kill", "torn"])), max_size=25
    ),
    rotate_bytes=st.sampled_from([1, 700, 10_000]),
)
@settings(max_examples=40, deadline=None)
def test_each_event_stands_there_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]], rotate_bytes: int
) -> None:
    """Whatever is committed, killed and torn in whatever order, the files hold each event once, in order (P3)."""
    asyncio.run(live_through(tmp_path_factory.mktemp("archive") / "files", steps, rotate_bytes))


async def live_through(folder: Path, steps: list[tuple[int, str]], rotate_bytes: int) -> None:
    sink = build(folder, rotate_bytes=rotate_bytes)
    await sink.start(None)
    committed, written, state = 0, 0, None
    for count, what in [*steps, (1, "commit")]:
        newest = await append(sink, MANY.part(written, written + count))
        written += count
        if what == "commit":
            committed, state = written, newest
        elif what != "lose":
            if what == "torn":
                # The batch that was being written when the power failed.
                file = max(folder.iterdir())
                file.write_bytes(file.read_bytes()[:-7] + bytes(3))
            await sink.close()
            sink = build(folder, rotate_bytes=rotate_bytes)
            await sink.start(state)
            written = committed
    await sink.close()
    assert ids(folder) == MANY.ids[:written]


async def test_start_waits_for_a_send_that_was_cancelled(sink: FileSink, folder: Path) -> None:
    """A cancelled send goes on in its thread; a start right behind it still cuts off all that it wrote (P3)."""
    batch = batch_of(*events(10, apiCreator="x" * 500_000))
    state = await append(sink, batch.part(0, 2))
    for _ in range(5):
        task = asyncio.create_task(append(sink, batch.part(2, 9)))
        while (folder / "events-000001.ndjson").stat().st_size < 1_500_000:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0)
        task.cancel()
        await sink.start(state)
        assert ids(folder) == batch.ids[:2]
    await append(sink, batch.part(2, 10))
    assert ids(folder) == batch.ids


async def test_a_send_of_an_earlier_turn_writes_nothing(sink: FileSink, folder: Path) -> None:
    """Cancelled while it waits for the file, a send that gets it after a start or the end must not write twice."""
    body = (await sink.encode(batch_of(*events(2)))).body
    state = await append(sink, batch_of(*events(2)))
    late = sink._turn
    for again in (sink.start(state), sink.close()):
        await again
        with pytest.raises(OSError, match="cancel"):
            sink._append(body, late)
        assert len(ids(folder)) == 2


async def test_rotation_and_keep_files(folder: Path) -> None:
    """A full file is followed by a new one, and only the newest `keep_files` stay."""
    sink = build(folder, rotate_bytes=1, keep_files=3)
    await sink.start(None)
    batch = batch_of(*events(6))
    for index in range(6):
        await append(sink, batch.part(index, index + 1))
    await sink.close()
    assert files(folder) == ["events-000004.ndjson", "events-000005.ndjson", "events-000006.ndjson"]
    assert ids(folder) == batch.ids[3:]


async def test_keep_one_file(folder: Path) -> None:
    """Keeping one file keeps the one that is being written, after a restart, too."""
    sink = build(folder, rotate_bytes=1, keep_files=1)
    await sink.start(None)
    state = await append(sink, batch_of(event(0)))
    await append(sink, batch_of(event(1)))
    assert files(folder) == ["events-000002.ndjson"]
    # The state's file is gone: go on behind it.
    await sink.start(state)
    await append(sink, batch_of(event(1)))
    await sink.close()
    assert files(folder) == ["events-000002.ndjson"]


async def test_strange_files_are_not_touched(sink: FileSink, folder: Path) -> None:
    """Files with other names in the same folder are left alone."""
    await append(sink, batch_of(event(0)))
    for name in ("notes.txt", "events-1.ndjson", "events-000009.ndjson.gz", "events-latest.ndjson"):
        (folder / name).write_text("mine")
    state = await append(sink, batch_of(event(1)))
    await sink.start(state)
    await append(sink, batch_of(event(2)))
    assert len(files(folder)) == 5


@pytest.mark.parametrize("what", ["file", "folder", "shortened"])
async def test_what_somebody_deletes_does_not_swallow_events(sink: FileSink, folder: Path, what: str) -> None:
    """The file, or the whole folder, is deleted or cut under the sink: new events go to a new file, without a hole."""
    await append(sink, batch_of(*events(3)))
    file = folder / "events-000001.ndjson"
    if what == "shortened":
        file.write_bytes(b"")
    else:
        file.unlink()
    if what == "folder":
        folder.rmdir()
    batch = batch_of(*events(3, first=3))
    await append(sink, batch)
    assert ids(folder) == batch.ids
    assert "events-000002.ndjson" in files(folder)


@pytest.mark.parametrize("left", [b"", b'{"bridge":{"id":"other"}}\n', None])
async def test_state_of_a_file_that_is_no_more(sink: FileSink, folder: Path, left: bytes | None) -> None:
    """A state that names a missing or shorter file does not lead back into it: what is delivered is delivered."""
    state = await append(sink, batch_of(*events(3)))
    file = folder / "events-000001.ndjson"
    file.unlink() if left is None else file.write_bytes(left)
    after = build(folder)
    await after.start(state)
    batch = batch_of(*events(2))
    await append(after, batch)
    await after.close()
    assert (folder / "events-000002.ndjson").exists()
    assert ids(folder)[-2:] == batch.ids


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Let the system refuse to write beyond so many bytes into any file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_full_disk_is_sat_out(sink: FileSink, folder: Path) -> None:
    """A disk that is full in the middle of a batch: tried again later, over the torn half of the first try."""
    batch = batch_of(*events(40))
    await append(sink, batch.part(0, 2))
    payload = await sink.encode(batch.part(2, 40))
    size = (folder / "events-000001.ndjson").stat().st_size
    with file_size_limit(size + 1000):
        for _ in range(2):
            with pytest.raises(RetryLater) as caught:
                await sink.send(payload)
    assert str(folder) in str(caught.value)
    assert (folder / "events-000001.ndjson").stat().st_size == size + 1000
    await sink.send(payload)
    assert ids(folder) == batch.ids


def put_device(path: Path, minor: int) -> None:
    """Put one of the kernel's memory devices in the place of a file; skips the test without the right to it."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, minor))
    except PermissionError:
        pytest.skip("only root may make devices")


@pytest.mark.parametrize(
    ("minor", "why"), [(7, "No space left"), (3, "Invalid argument")], ids=["full", "cannot fsync"]
)
async def test_device_that_keeps_nothing(folder: Path, minor: int, why: str) -> None:
    """P3: on /dev/full no byte is taken, on /dev/null each is and fsync fails: neither is a delivery."""
    folder.mkdir()
    put_device(folder / "events-000001.ndjson", minor)
    sink = build(folder)
    await sink.start(b'{"file":1,"length":0}')
    with pytest.raises(RetryLater, match=why):
        await append(sink, batch_of(event(0)))
    (folder / "events-000001.ndjson").unlink()
    await append(sink, batch_of(event(0)))
    await sink.close()
    assert len(ids(folder)) == 1


async def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    """With a link in place of a file, or of the folder, nothing is written or cut elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("somebody's own\n" * 9)
    before = victim.read_bytes()
    folder.mkdir()
    file = folder / "events-000001.ndjson"
    file.symlink_to(victim)
    for state in (b'{"file":1,"length":0}', b'{"file":1,"length":2}'):
        sink = build(folder)
        await sink.start(state)
        with pytest.raises(NeedsOperator, match=r"events-000001.ndjson: is a symbolic link"):
            await append(sink, batch_of(event(0)))
        await sink.close()
    # What stands behind a link is not taken for what a killed bridge left, either.
    sink = build(folder)
    await sink.start(None)
    with pytest.raises(NeedsOperator, match="symbolic link"):
        await append(sink, batch_of(event(0)))
    await sink.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(elsewhere)
    sink = build(tmp_path / "link")
    await sink.start(None)
    with pytest.raises(NeedsOperator, match="link: is a symbolic link"):
        await append(sink, batch_of(event(0)))
    with pytest.raises(NeedsOperator, match="symbolic link"):
        await sink.probe()
    await sink.close()
    assert victim.read_bytes() == before
    assert list(elsewhere.iterdir()) == []


async def test_room_made_by_deleting_the_file(sink: FileSink, folder: Path) -> None:
    """An operator deletes the file that did not fit: the next try begins a new one, without a hole of zeros."""
    await append(sink, batch_of(*events(3)))
    payload = await sink.encode(batch_of(*events(30)))
    file = folder / "events-000001.ndjson"
    with file_size_limit(file.stat().st_size + 10), pytest.raises(RetryLater):
        await sink.send(payload)
    file.unlink()
    await sink.send(payload)
    assert files(folder) == ["events-000002.ndjson"]
    assert len(ids(folder)) == 30


async def test_file_in_the_way_needs_the_operator(folder: Path) -> None:
    """What will not pass by itself pauses the sink with the setting to change; `check` names it, too."""
    folder.write_text("not a folder")
    sink = build(folder / "below")
    await sink.start(None)
    with pytest.raises(NeedsOperator, match=r"\[bridge.sinks.archive\] path"):
        await append(sink, batch_of(event(0)))
    with pytest.raises(NeedsOperator, match=r"\[bridge.sinks.archive\] path"):
        await sink.probe()
    await sink.close()


async def test_read_only_file_system(folder: Path) -> None:
    """A file system that cannot be written pauses the sink."""
    sink = build(Path("/proc/apim-bridge"))
    await sink.start(None)
    with pytest.raises((NeedsOperator, RetryLater), match="/proc/apim-bridge"):
        await append(sink, batch_of(event(0)))
    await sink.close()
    assert not folder.exists()


async def test_through_a_lane_with_stops(tmp_path: Path, folder: Path) -> None:
    """A lane that is stopped again and again, wherever it is, leaves each event once in the files (P3, P7)."""
    options = FileSettings(type="file", path=folder, linger=0, batch_max_events=3, rotate_bytes=2000)
    async with delivering(tmp_path, "archive") as made:
        for block in range(10):
            await made.ingest(*events(10, first=10 * block))
        for steps in range(25):
            made.start(FileSink("archive", options, fittings()), options)
            for _ in range(4 * steps):
                await asyncio.sleep(0)
            await made.stop("archive")
        made.start(FileSink("archive", options, fittings()), options)
        await made.delivered("archive")
        found = [
            json.loads(line)["correlationId"]
            for file in sorted(folder.iterdir())
            for line in file.read_bytes().splitlines()
        ]
        assert found == [json.loads(body)["correlationId"] for body in events(100)]


async def test_full_disk_through_a_lane(tmp_path: Path, folder: Path) -> None:
    """A lane whose folder cannot be written pauses, and goes on when it can; no event is lost or twice (P3)."""
    folder.write_text("in the way")
    options = FileSettings(type="file", path=folder, linger=0)
    async with delivering(tmp_path, "archive") as made:
        lane = made.start(FileSink("archive", options, fittings()), options)
        await made.ingest(*events(10))
        async with asyncio.timeout(10):
            while lane.status().state != "paused":  # noqa: ASYNC110 - a status has no event
                await asyncio.sleep(0.002)
        folder.unlink()
        await made.delivered("archive")
        assert len(set(ids(folder))) == len(ids(folder)) == 10

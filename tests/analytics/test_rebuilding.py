"""`analytics rebuild`: the archive of a `file` sink becomes a store, whatever is damaged, repeated or killed."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.country_file import write_countries
from fakes.destinations import fittings
from fakes.tagged_events import recorded_batch, recorded_events
from rigs.analytics_erasing import erase, traces
from rigs.forks import Forked, run_command

from bridge.analytics.rebuilding import Rebuilding, files_of
from bridge.analytics.store import Store
from bridge.analytics.store.verification import StoreVerification
from bridge.batches import Batch
from bridge.errors import ControlError, StoreUnusable
from bridge.settings import BridgeSettings
from bridge.sinks.file import FileSettings, FileSink


@pytest.fixture
async def archive(tmp_path: Path) -> Path:
    """The recorded events, as a `file` sink writes them, in several files."""
    folder = tmp_path / "archive"
    settings = FileSettings.model_validate({"type": "file", "path": folder, "rotate_bytes": 16_000})
    sink = FileSink("archive", settings, fittings())
    batch = recorded_batch()
    await sink.start(None)
    for start in range(0, len(batch), 10):
        some = slice(start, start + 10)
        part = Batch(batch.ids[some], batch.bodies[some], batch.received_ms[some])
        await sink.send(await sink.encode(part))
    await sink.close()
    assert len(files_of(folder)) > 3
    return folder


async def rebuilt(archives: Sequence[Path], folder: Path, **privacy: Any) -> dict[str, Any]:
    """Fill a store, and return what is said of it."""
    rebuilding = Rebuilding(BridgeSettings.model_validate({"privacy": privacy}))
    lines = [line async for line in rebuilding.steps(archives, folder)]
    assert len(lines) == rebuilding.done.files + len(rebuilding.done.findings)
    return rebuilding.done.as_dict()


async def require_all(folder: Path) -> None:
    """Every recorded event is in the store once, whole."""
    expected = [
        one | {"bridge": one["bridge"] | {"instance": fittings().gateway.instance}}
        for one in recorded_events()
    ]
    async with Store.opened(folder) as store:
        assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(len(expected),)]
        assert await store.events([one["bridge"]["id"] for one in expected]) == expected


async def test_an_archive_becomes_a_store(archive: Path, tmp_path: Path) -> None:
    """Every event is there, as it came; a second time nothing changes, in whatever order."""
    count = len(recorded_batch())
    told = await rebuilt([archive], tmp_path / "store")
    assert (told["events"], told["new"], told["known"], told["left_out"]) == (count, count, 0, 0)
    await require_all(tmp_path / "store")
    told = await rebuilt([*reversed(files_of(archive))], tmp_path / "store")
    assert (told["new"], told["known"]) == (0, count)
    await require_all(tmp_path / "store")


async def test_packed_files_are_files_of_the_archive(archive: Path, tmp_path: Path) -> None:
    """What an operator has compressed to save room is read as well."""
    for file in files_of(archive)[:-1]:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert [file.suffix for file in files_of(archive)].count(".gz") > 2
    assert (await rebuilt([archive], tmp_path / "store"))["new"] == len(recorded_batch())
    await require_all(tmp_path / "store")


def test_files_come_in_their_order(tmp_path: Path) -> None:
    """Also after the millionth; other files are left alone, an archive without files is none."""
    for name in ("events-1000000.ndjson", "events-999999.ndjson.gz", "events-000002.ndjson", "notes.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in files_of(tmp_path)] == [
        "events-000002.ndjson",
        "events-999999.ndjson.gz",
        "events-1000000.ndjson",
    ]
    assert files_of(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]
    for folder in (tmp_path / "nothing", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ControlError, match="name the path of a `file` sink"):
            files_of(folder)


def person_of(events: Sequence[dict[str, Any]]) -> tuple[str, int]:
    """Return whom most events name as their caller, and how many say so first."""
    names = Counter(
        name for one in events if "@" in (name := str(one.get("userName", "")).removesuffix("@carbon.super"))
    )
    return names.most_common(1)[0]


async def test_what_was_erased_is_not_rebuilt(archive: Path, tmp_path: Path) -> None:
    """Neither the store that has erased it takes it from the archive, nor a new one that is told of that store."""
    name, said = person_of(recorded_events())
    old, told = tmp_path / "old", tmp_path / "told"
    await rebuilt([archive], old)
    async with Store.opened(old) as store:
        count = (await erase(store, "user", name)).deleted
    assert count >= said
    again = await rebuilt([archive], old)
    assert (again["known"], again["new"], again["erased"]) == (len(recorded_batch()), 0, 0)
    rebuilding = Rebuilding(BridgeSettings())
    lines = [line async for line in rebuilding.steps([archive], told, old)]
    assert "1 erasures are kept to" in lines[0]
    assert (rebuilding.done.erased, rebuilding.done.new) == (count, len(recorded_batch()) - count)
    for folder in (old, told):
        assert traces(folder, name) == []
        with StoreVerification.opened(folder, memory_bytes=2**28, threads=2) as checks:
            assert [*checks.findings()] == []


async def test_a_store_that_has_it_is_told_later(archive: Path, tmp_path: Path) -> None:
    """A backup that was put back loses what was erased since, and what it has erased itself stays away."""
    name, said = person_of(recorded_events())
    backup, old = tmp_path / "backup", tmp_path / "old"
    await rebuilt([archive], backup)
    async with Store.opened(backup) as store:
        await erase(store, "user", "somebody else")
    await rebuilt([archive], old)
    async with Store.opened(old) as store:
        count = (await erase(store, "user", name)).deleted
    assert count >= said
    rebuilding = Rebuilding(BridgeSettings())
    assert [line async for line in rebuilding.steps([archive], backup, old)]
    assert (rebuilding.done.known, rebuilding.done.new) == (len(recorded_batch()), 0)
    async with Store.opened(backup) as store:
        assert await store.ask("SELECT value FROM meta WHERE key = 'erased'", (), 5) == [(count,)]
    assert traces(backup, name) == []


def harms() -> Iterator[Any]:
    """Yield what may stand between lines of an archive, and what is said of it."""
    yield pytest.param(b"{half of a li", "not", id="half a line")
    yield pytest.param(bytes(4096), "not", id="zeros")
    yield pytest.param(b"[1, 2", "not", id="no object")
    yield pytest.param(b'{"apiName": "a"}', "no correlationId", id="no event")
    yield pytest.param(b'{"x": "' + b"y" * 9 * 2**20 + b'"}', "a line of more than", id="endless")


@pytest.mark.parametrize(("bad", "said"), [*harms()])
async def test_a_bad_line_is_named_and_loses_nothing_else(
    archive: Path, tmp_path: Path, bad: bytes, said: str
) -> None:
    """File and line are said, and all other lines are in the store; also where the last line has no end."""
    first, *_, last = files_of(archive)
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join([*lines[:7], b"\n", bad + b"\n", *lines[7:]]))
    last.write_bytes(last.read_bytes().rstrip(b"\n"))
    told = await rebuilt([archive], tmp_path / "store")
    assert (told["new"], told["left_out"]) == (len(recorded_batch()), 1)
    (finding,) = told["findings"]
    assert finding["where"] == f"{first}, line 9"
    assert said in finding["what"]
    await require_all(tmp_path / "store")


async def test_a_packed_file_without_its_end(archive: Path, tmp_path: Path) -> None:
    """What can be unpacked of it is taken, and the files behind it, too."""
    first, *others = files_of(archive)
    packed = first.with_name(f"{first.name}.gz")
    count = first.read_bytes().count(b"\n")
    packed.write_bytes(gzip.compress(first.read_bytes(), 0)[:-3_000])
    first.unlink()
    told = await rebuilt([archive], tmp_path / "store")
    assert told["left_out"] == 1
    assert "cannot be read from here on" in told["findings"][0]["what"]
    behind = sum(file.read_bytes().count(b"\n") for file in others)
    assert behind + count - 10 < told["new"] < behind + count


async def test_countries_are_looked_up_as_they_are_at_ingest(archive: Path, tmp_path: Path) -> None:
    """The store is the one that the events would have made when they came."""
    database = write_countries(tmp_path / "c.mmdb", {"0.0.0.0/1": {"country": {"iso_code": "SE"}}})
    await rebuilt([archive], tmp_path / "store", country_database=database)
    async with Store.opened(tmp_path / "store") as store:
        assert "SE" in (await store.names("country")).values()


async def test_kill_9_and_again(archive: Path, tmp_path: Path) -> None:
    """What was committed before the kill is there already, the rest comes with the next run."""
    asked = ("analytics", "rebuild", str(archive), "--folder", str(tmp_path / "store"))
    process = await Forked.started(None, *asked)
    assert b" of them new" in await process.output.readline()
    process.kill()
    await process.wait()
    code, output, errors = run_command(*asked, "--json")
    told = json.loads(output)
    assert (code, told["events"], told["files"]) == (0, len(recorded_batch()), len(files_of(archive))), errors
    assert told["known"] > 0
    assert told["new"] + told["known"] == told["events"]
    await require_all(tmp_path / "store")


async def test_the_command_says_what_it_did(archive: Path, tmp_path: Path) -> None:
    """A line for each file, the sums, and exit code 1 where something was left out."""
    config = tmp_path / "bridge.toml"
    config.write_text(f'[bridge]\nstate_dir = "{tmp_path}/state"\n')
    code, output, errors = run_command("analytics", "rebuild", str(archive), "--config", str(config))
    assert code == 0, errors
    assert f"{tmp_path}/state/analytics: {len(recorded_batch())} events read" in output
    await require_all(tmp_path / "state" / "analytics")
    (archive / "events-000001.ndjson").write_bytes(b"nothing\n")
    code, output, _ = run_command("analytics", "rebuild", str(archive), "--config", str(config))
    assert (code, "events-000001.ndjson, line 1: " in output) == (1, True), output
    code, _, errors = run_command("analytics", "rebuild", str(tmp_path / "none"), "--config", str(config))
    assert (code, "is neither a file nor a folder" in errors) == (1, True), errors
    async with Store.opened(tmp_path / "state" / "analytics"):
        with pytest.raises(StoreUnusable, match="another process has the store"):
            await rebuilt([archive], tmp_path / "state" / "analytics")

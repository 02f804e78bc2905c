"""An error is never an absence: what cannot be looked at for a while is neither gone nor finished."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import run
from typing import Any, Final

import pytest
from fakes.log_writer import event_body, event_line
from rigs.tailing import Tailing

from bridge.sources.log.check import check
from bridge.sources.log.settings import LogSourceSettings

LINE: Final = event_line(event_body(7))
TESTS: Final = Path(__file__).parents[2]
CHILD: Final = TESTS / "fakes" / "few_descriptors.py"

Fault = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def is_a_loop(place: Path) -> Iterator[None]:
    """A link that leads to itself: not even root can look behind it."""
    aside = place.with_name("aside")
    place.rename(aside)
    place.symlink_to(place.name)
    yield
    place.unlink()
    aside.rename(place)


@contextmanager
def is_a_file(place: Path) -> Iterator[None]:
    """Not even a folder any more."""
    aside = place.with_name("aside")
    place.rename(aside)
    place.touch()
    yield
    place.unlink()
    aside.rename(place)


@contextmanager
def has_no_rights(place: Path) -> Iterator[None]:
    """A folder that may be neither listed nor entered."""
    place.chmod(0)
    yield
    place.chmod(0o755)


@pytest.mark.parametrize("fault", [is_a_loop, is_a_file, has_no_rights])
@pytest.mark.parametrize("pattern", ["logs/apim*.log", "logs/apim.log", "*/apim.log", "**/logs/apim*.log"])
async def test_a_folder_that_cannot_be_listed(tmp_path: Path, fault: Fault, pattern: str) -> None:
    """A half-written event is whole when its folder is back; nothing was rotated meanwhile, and it was said once."""
    if fault is is_a_file and "*/" in pattern:
        pytest.skip("a file among folders is nothing strange: the folder is gone")
    if fault is has_no_rights and os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    path = tmp_path / "logs" / "apim.log"
    path.parent.mkdir()
    path.write_bytes(event_line(event_body(1)) + LINE[:50])
    tailing = Tailing(tmp_path / pattern)
    assert await tailing.poll() == [event_body(1)]
    with path.open("ab", buffering=0) as file:
        with fault(path.parent):
            for _ in range(3):
                assert await tailing.poll(seconds=3) == []
            assert list(tailing.source._following.troubles) != []
        file.write(LINE[50:])
        assert await tailing.poll() == [event_body(7)]
    assert tailing.count("log_rotations") == 0
    assert tailing.events().count("log_unreadable") == 1
    assert not tailing.ingest.rejected
    assert tailing.source._following.troubles == {}
    tailing.close()


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # The name of a socket may have 107 bytes.
        here = Path.cwd()
        os.chdir(path.parent)
        made.bind(path.name)
        os.chdir(here)


def _device(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("make", "word"), [(_folder, "folder"), (_pipe, "pipe"), (_socket, "socket"), (_device, "device")]
)
@pytest.mark.parametrize("pattern", ["apim.log", "apim*.log"])
async def test_what_stands_where_the_log_should_be(
    tmp_path: Path, make: Callable[[Path], None], word: str, pattern: str
) -> None:
    """`check` reports it as a fault, the log says so once, status and metrics show it until it is gone."""
    path = tmp_path / "apim.log"
    make(path)
    tailing = Tailing(tmp_path / pattern)
    for _ in range(3):
        assert await tailing.poll() == []
    assert tailing.events() == ["log_unreadable"]
    (trouble,) = tailing.source.status()["troubles"]
    assert trouble["path"] == str(path)
    assert word in trouble["what"]
    (finding,) = check("log", tailing.settings, {})
    assert finding.grade == "fault"
    assert f"{path}: it is a {word}" in finding.what.replace("named ", "")
    assert unreadable(tailing)["not_a_file"] == 1
    path.rename(tmp_path / "aside")
    path.write_bytes(LINE)
    assert await tailing.poll() == [event_body(7)]
    assert "log_readable_again" in tailing.events()
    assert tailing.source.status()["troubles"] == []
    assert not any(unreadable(tailing).values())
    tailing.close()


def unreadable(tailing: Tailing) -> dict[str, float]:
    """Return the metric of what cannot be read, by reason."""
    return {
        labels[1]: value for name, labels, value in tailing.source.gauges() if name == "log_unreadable_paths"
    }


def test_check_tells_an_absence_from_an_error(tmp_path: Path) -> None:
    """No file yet is a note; a link in a circle, a file for a folder and a link to nowhere are named as such."""

    def found(path: Path) -> list[tuple[str, str]]:
        settings = LogSourceSettings.model_validate({"paths": [str(path)]})
        prefix = f"source log: {path}: "
        return [(one.grade, one.what.removeprefix(prefix)) for one in check("log", settings, {})]

    folder = tmp_path / "logs"
    ((grade, what),) = found(folder / "apim.log")
    assert (grade, what) == ("note", f"no file yet; {folder} is not there: look at paths")
    folder.mkdir()
    assert found(folder / "apim*.log") == [("note", "no file yet; the gateway makes it with its first event")]
    (folder / "apim.log").symlink_to(tmp_path / "nowhere")
    ((grade, what),) = found(folder / "apim.log")
    assert grade == "note"
    assert "a link to" in what
    with is_a_loop(folder):
        assert [grade for grade, _ in found(folder / "apim*.log")] == ["fault"]
    with is_a_file(folder):
        assert [grade for grade, _ in found(folder / "apim.log")] == ["fault"]


def child(scene: str, folder: Path) -> dict[str, Any]:
    """Return what became of a source in a process of its own."""
    parts = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    ended = run(
        [sys.executable, CHILD, scene, folder],
        env=os.environ | {"PYTHONPATH": parts},
        capture_output=True,
        check=True,
        timeout=60,
    )
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_no_descriptor_is_left_to_look_with(tmp_path: Path) -> None:
    """A process at its limit of open files keeps its logs, and says how to raise the limit."""
    told = child("listing", tmp_path)
    assert told["bodies"] == [event_body(number).decode() for number in (1, 2)]
    assert told["rotations"] == 0
    assert not told["rejected"]
    assert any("ulimit -n" in cure for cure in told["cures"])
    assert not any("chmod" in cure for cure in told["cures"])


def test_fewer_descriptors_than_logs(tmp_path: Path) -> None:
    """All logs are read and followed in turn, though far from all can be open."""
    told = child("opening", tmp_path)
    expected = {event_body(number).decode() for number in [*range(120), *range(1000, 1120)]}
    assert set(told["bodies"]) == expected
    assert len(told["bodies"]) == len(expected)

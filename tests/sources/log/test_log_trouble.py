"""An error is never an absence: what cannot be looked at for a while is neither gone nor finished."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import run
from typing import Any, Final

import pytest
from fakes.log_writer import event_body, event_line
from rigs.tailing import Tailing

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
                assert await tailing.poll(seconds=3600) == []
            assert list(tailing.tail._following.troubles) != []
        file.write(LINE[50:])
        assert await tailing.poll() == [event_body(7)]
    assert tailing.count("log_rotations") == 0
    assert tailing.events().count("log_unreadable") == 1
    assert not tailing.ingest.rejected
    assert tailing.tail._following.troubles == {}
    tailing.close()


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

"""The show of `apim-bridge demo`: it ends well on its own, says so when it does not, and leaves nothing behind."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bridge.demo.ending import show_ending
from bridge.demo.gateway import LOG_NAME
from bridge.demo.live_screen import HEIGHT, WIDTH, LiveScreen, Sparkline
from bridge.demo.screen import screen_for
from bridge.demo.show import Ending
from bridge.demo.sight import Act, Sight
from bridge.demo.stage import configuration
from bridge.demo.verdict import Counts, faults

GOOD = Counts(
    written=1000,
    journalled=1000,
    rejected=0,
    duplicates=0,
    booked=1000,
    pending=0,
    dead=0,
    arrived=1000,
    copies=40,
    without_id=0,
    shown=1000,
    differences={"intake": 0, "moesif": 0, "moesif dead letters": 0},
)
SIGHT = Sight(
    seconds=12.5,
    begun={Act.START: 0.0, Act.FLOW: 0.7, Act.OUTAGE: 5.0, Act.KILL: 9.0, Act.RESTART: 12.0},
    written=6000,
    writing=True,
    rolls=3,
    journalled=5000,
    pending=2500,
    retries=7,
    bridge="up",
    kills=1,
    sink_state="retrying",
    retry_in_seconds=0.4,
    arrived=2500,
    copies=40,
    moesif_up=False,
    dashboard="http://127.0.0.1:9882/?from=-15m",
    shown=4900,
)


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "demo", "--plain", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"the demo ended before it said: {words}"


def processes_of(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if bytes(folder) in command:
            found.append(command.decode())
    return found


def test_the_demo_ends_well(tmp_path: Path) -> None:
    """Through an outage, a lost answer and a kill -9 every event arrives and the books balance (P2, P5, P7)."""
    with running_demo(tmp_path, "--seconds", "2", "--rate", "300") as process:
        out, err = process.communicate()
    assert process.returncode == 0, out + err
    rows = {line[:13].strip(): line[13:].split()[0] for line in out.splitlines() if line[:1].isalpha()}
    kept = [rows[name] for name in ("written", "journalled", "delivered", "shown", "lost")]
    assert kept == ["600", "600", "600", "600", "0"]
    assert "Dashboard: http://127.0.0.1:" in out.splitlines()[0]
    assert int(rows["sent twice"]) > 0
    assert rows["books balance"] == "yes"
    for words in (*(act.words for act in Act), "Nothing was lost"):
        assert words in out
    assert not list(tmp_path.iterdir())


def test_an_interrupted_demo_cleans_up(tmp_path: Path) -> None:
    """Ending the show early gives exit code 1, and leaves no process and no file behind."""
    with running_demo(tmp_path) as process:
        read_until(process, Act.FLOW.words)
        assert processes_of(tmp_path)
        process.terminate()
        _, err = process.communicate()
    assert process.returncode == 1
    assert "interrupted" in err
    assert not processes_of(tmp_path)
    assert not list(tmp_path.iterdir())


def rolled(log: Path, before: os.stat_result) -> bool:
    try:
        return not os.path.samestat(log.stat(), before)
    except FileNotFoundError:
        return True


def test_the_demo_tells_a_real_loss(tmp_path: Path, full: bool) -> None:
    """When lines are cut out of the log while there is no bridge, the demo counts them and exits with 1."""
    if not full:
        pytest.skip("takes six seconds; the verdict over counts is tested below")
    with running_demo(tmp_path, "--seconds", "2", "--rate", "300") as process:
        read_until(process, Act.KILL.words)
        (log,) = tmp_path.glob(f"*/logs/{LOG_NAME}")
        # Through one descriptor: the name may belong to another file by then, or for a moment to none.
        with log.open("r+b") as file:
            before = os.fstat(file.fileno())
            while os.fstat(file.fileno()).st_size < before.st_size + 4000 and not rolled(log, before):
                pass
            file.truncate(0)
        out, _ = process.communicate()
    assert process.returncode == 1
    assert "FAULT: lost, Moesif does not have them" in out


def test_all_well_is_no_fault() -> None:
    """Copies under the same id are what at-least-once means (P5), and no fault."""
    assert faults(GOOD) == []
    assert GOOD.balanced
    assert GOOD.lost == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arrived": 997}, "lost, Moesif does not have them: 3 of 1,000 events"),
        ({"arrived": 997}, "booked as delivered, Moesif does not have them: 3"),
        ({"journalled": 999}, "never came into the journal: 1"),
        ({"journalled": 1001}, "journalled twice: 1"),
        ({"arrived": 1002, "booked": 1002}, "nobody wrote them: 2"),
        ({"booked": 990}, "not booked as delivered: 10"),
        ({"rejected": 4}, "rejected as no events: 4"),
        ({"duplicates": 4}, "taken for duplicates: 4"),
        ({"pending": 5}, "waiting in the journal: 5"),
        ({"dead": 6}, "dead letters: 6"),
        ({"without_id": 7}, "without an id: 7"),
        ({"shown": 998}, "taken, the dashboard does not show them: 2"),
        ({"shown": 1003}, "shown in the dashboard, and nobody took them: 3"),
        ({"differences": {"intake": 0, "moesif": -2}}, "books out of balance: moesif by -2"),
    ],
)
def test_each_fault_is_said(change: dict[str, object], words: str) -> None:
    """Whatever is lost or does not balance (P7) is a fault with its number."""
    counts = replace(GOOD, **change)  # type: ignore[arg-type]  # fields by name
    assert any(words in fault for fault in faults(counts))


def test_the_ending_shows_a_loss() -> None:
    """The last table says what is lost and that the books do not balance."""
    counts = replace(GOOD, arrived=997)
    console = Console(file=io.StringIO(), width=WIDTH)
    show_ending(console, Ending(counts, SIGHT, outage_seconds=8, away_seconds=3), faults(counts))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO from above
    assert "lost                 3" in text
    assert "books balance       no" in text
    assert "FAULT: lost" in text
    assert "Nothing was lost" not in text


def test_the_live_screen_fits_a_small_terminal() -> None:
    """The picture has 22 lines of 80 columns, so that nothing scrolls on a terminal of 24 by 80."""
    console = Console(file=io.StringIO(), width=WIDTH, height=HEIGHT + 2, force_terminal=True)
    screen = screen_for(console, plain=False)
    assert isinstance(screen, LiveScreen)
    lines = console.render_lines(screen.picture(SIGHT))
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) == HEIGHT
    assert all(len(line) == WIDTH for line in text)
    assert not any("…" in line for line in text)
    assert any("retrying, next try in 0.4 s" in line for line in text)
    assert any(SIGHT.dashboard in line for line in text)


def test_without_duckdb_there_is_no_dashboard() -> None:
    """Where the extra is not installed, the show is the same without the dashboard, and says nothing of it."""
    console = Console(file=io.StringIO(), width=WIDTH, height=HEIGHT + 2, force_terminal=True)
    picture = LiveScreen(console).picture(replace(SIGHT, dashboard="", shown=0))
    lines = console.render_lines(picture)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) == HEIGHT
    assert not any("dashboard:" in line or "shown" in line for line in text)
    assert any("sent twice" in line for line in text)
    counts = replace(GOOD, shown=None)
    assert (faults(counts), counts.balanced) == ([], True)
    assert '"moesif"' in configuration(Path("/demo"), "http://127.0.0.1:1", "")


@pytest.mark.parametrize(
    ("plain", "terminal", "height"), [(True, True, 24), (False, False, 24), (False, True, 20)]
)
def test_the_screen_degrades_to_lines(plain: bool, terminal: bool, height: int) -> None:
    """Asked to, without a terminal or with too small a one, the show prints lines."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, height=height, force_terminal=terminal)
    with screen_for(console, plain=plain) as screen:
        screen.show(SIGHT)
        screen.show(replace(SIGHT, seconds=13))
        screen.show(replace(SIGHT, seconds=15, written=7000))
    dashboard, act, numbers = file.getvalue().splitlines()
    assert dashboard == f"  12.5 s  Dashboard: {SIGHT.dashboard}"
    assert act == f"  12.5 s  {Act.RESTART.words}"
    assert "written 7,000 (500/s), delivered 2,500 (0/s)" in numbers
    assert "shown 4,900" in numbers
    assert "sink retrying" in numbers


def test_a_sparkline_keeps_its_peaks() -> None:
    """However long the show, the picture has a fixed width, and a short peak stays in it."""
    spark = Sparkline(8)
    for value in [0, 0, 800] + [100] * 61:
        spark.add(value)
    assert str(spark) == "█▁▁▁▁▁▁▁"
    assert str(Sparkline(8)) == ""

"""What the processes of a benchmark cost, as Linux counts it in /proc."""

from dataclasses import dataclass
from os import sysconf
from pathlib import Path
from typing import Final

_TICKS: Final = sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and all that it has started have used so far."""

    cpu_seconds: float
    disk_bytes: int
    """Caused to be written to disk."""


def cost(pid: int) -> Cost:
    """Return what a process tree has used so far."""
    processes = _tree(pid)
    return Cost(sum(map(_cpu_seconds, processes)), sum(map(_disk_bytes, processes)))


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process tree has held: the sum of each process's own peak."""
    return sum(map(_peak_bytes, _tree(pid)))


def _tree(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [pid] + [process for child in children for process in _tree(child)]


def _cpu_seconds(pid: int) -> float:
    # User and system time, its own and that of children which have ended: fields 14 to 17 of proc(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _disk_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))

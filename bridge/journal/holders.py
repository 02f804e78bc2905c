"""Which other processes hold the journal's file: the kernel knows who has SQLite's locks.

Read from /proc/locks and never from the file itself: closing a descriptor of the file would drop the bridge's own
locks.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.journal.schema import FILE_NAME

# Bytes of the shared-memory file (sqlite.org/walformat.html, "WAL locks").
_WRITER: Final = range(120, 121)
_READERS: Final = range(123, 128)


def who_writes(state_dir: Path) -> str:
    """Return who else holds the write lock, in words."""
    return _named(state_dir, "WRITE", _WRITER)


def who_reads(state_dir: Path) -> str:
    """Return who else has a read transaction open, in words."""
    return _named(state_dir, "READ", _READERS)


def _named(state_dir: Path, kind: str, places: range) -> str:
    return " and ".join(sorted({_name(pid) for pid in _pids(state_dir, kind, places)})) or "another process"


def _pids(state_dir: Path, kind: str, places: range) -> Iterator[int]:
    try:
        inode = (state_dir / f"{FILE_NAME}-shm").stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 4711 fe:01:1835 120 120
        fields = line.split()
        if len(fields) != 8 or fields[3] != kind or not fields[5].endswith(f":{inode}"):
            continue
        # 0 or below: a process of another container, or one without a name.
        if fields[6].isdigit() and int(fields[6]) in places and int(fields[4]) not in {os.getpid(), 0, -1}:
            yield int(fields[4])


def _name(pid: int) -> str:
    try:
        return f"process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    except OSError:
        return f"process {pid}"

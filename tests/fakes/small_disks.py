"""A real file system of a few megabytes, for tests that fill it, or make it read-only; needs the right to mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A file system in memory, mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make_read_only(self) -> None:
        """Let nobody write to it any more, whoever they are."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)

    def fill(self, leave_bytes: int = 0) -> Path:
        """Take all the room but so much; returns the file that holds it."""
        ballast = self.path / "ballast"
        room = os.statvfs(self.path)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(room.f_bavail * room.f_frsize - leave_bytes, 1))
        return ballast


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount a file system of that size while the block runs; skips the test where that is not allowed."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a file that a failed test still holds must not keep it.
        subprocess.run(["umount", "-l", str(path)], check=True)

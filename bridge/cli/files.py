"""Files that a command writes for an operator."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Open a private file for events (0600); it is on disk when the `with` block ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - of a descriptor
            yield file
            file.flush()
            # A pipe or a device has no disk.
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fsync(descriptor)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise

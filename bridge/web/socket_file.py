"""The control socket's file: what it is called, and how its name fits into the kernel's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE_NAME: Final = "control.sock"
_NAME_BYTES: Final = 107


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yield a name for a socket file that the kernel takes: it has room for 107 bytes (unix(7)).

    A longer path is named through its folder's descriptor, for as long as the block runs.
    """
    if len(os.fsencode(path)) <= _NAME_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)

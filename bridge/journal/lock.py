"""One daemon for each state folder: a lock that the kernel releases when the process dies."""

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bridge.errors import JournalLocked, JournalUnusable

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_LOOK_SECONDS = 0.05


class StateLock:
    """Holds `lock` in the state folder; makes the folder if it is missing (0700)."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock; raises JournalLocked with its holder's name, JournalUnusable when it may not."""
        try:
            self._path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise JournalUnusable(
                f"{self._path.parent}: {error.strerror}; make it writable for uid {os.getuid()} or set "
                "[bridge] state_dir to a folder that is"
            ) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Another process may only be looking whether it is held (`is_held`), which takes a moment.
                time.sleep(_LOOK_SECONDS)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode("utf-8", "replace").strip() or "another process"
            os.close(descriptor)
            raise JournalLocked(
                f"{self._path.parent} is held by {holder}; stop it, or give this one its own [bridge] state_dir"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise JournalUnusable(
                f"{self._path.parent} cannot be locked: {error.strerror}; set [bridge] state_dir to a local disk"
            ) from None
        # On a full disk the lock still holds, but does not name its holder.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(
                descriptor, f"apim-bridge, process {os.getpid()} on {socket.gethostname()}\n".encode(), 0
            )
        self._descriptor = descriptor

    @staticmethod
    def is_held(state_dir: Path) -> bool:
        """Tell whether a process holds a state folder; the caller needs no right to write there."""
        try:
            descriptor = os.open(state_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def release(self) -> None:
        """Release it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

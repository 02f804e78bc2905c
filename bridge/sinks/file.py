"""The `file` sink: canonical events as newline-delimited JSON in numbered files.

Each event stands there once: the batch is fsynced before the cursor is committed, the cursor's row holds
file and length, and a start cuts off whatever was written after that. Before there is such a row, what a
killed bridge left behind is known by its first line, which the first batch brings again.
"""

import asyncio
import errno
import os
import re
import threading
from pathlib import Path
from typing import Final

import msgspec
from pydantic import Field

from bridge.batches import Batch
from bridge.contracts import Payload, Traits
from bridge.errors import NeedsOperator, RetryLater
from bridge.formats.canonical import lines, tagged
from bridge.settings import SinkSettings, Size
from bridge.sinks import SinkFittings, SinkType

_NAME: Final = re.compile(r"events-(\d{6,})\.ndjson")
# None of these goes away by itself.
_NEED_AN_OPERATOR: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP}
)


class FileSettings(SinkSettings):
    """Settings of a `type = "file"` sink."""

    path: Path = Field(
        description="Folder for the files; made if it is not there.",
        json_schema_extra={"sample": "/var/lib/apim-bridge/archive"},
    )
    rotate_bytes: Size = Field(64 * 2**20, description="Size at which a new file begins.", gt=0)
    keep_files: int = Field(
        0, description="Most files to keep; the oldest beyond them are deleted, 0 keeps all.", ge=0
    )


class _State(msgspec.Struct, frozen=True):
    """What the cursor's row holds."""

    file: int
    length: int


class FileSink:
    """Appends to the newest file of its folder."""

    traits = Traits(ordered=True)

    def __init__(self, name: str, settings: FileSettings, fittings: SinkFittings) -> None:
        self.name = name
        self.destination = str(settings.path)
        self._settings = settings
        self._instance = fittings.gateway.instance
        self._number = 0
        self._length = 0
        self._descriptor = -1
        self._state: bytes | None = None
        self._restored = False
        self._first = False
        # A send that was cancelled goes on in its thread: the next start must wait for its end.
        self._lock = threading.Lock()
        self._turn = 0
        """Counts starts and ends: a send of an earlier turn that gets the lock only now writes nothing."""

    async def start(self, state: bytes | None) -> None:
        """Cut off what was written beyond the committed cursor; if that fails, the first `send` does it."""
        await asyncio.to_thread(self._start, state)

    async def encode(self, batch: Batch) -> Payload:
        """Return the lines of the batch."""
        body = lines(tagged(batch, self._instance))
        return Payload(body, len(body), len(batch))

    async def send(self, payload: Payload) -> bytes:
        """Append and fsync; returns file and length."""
        try:
            return await asyncio.to_thread(self._append, payload.body, self._turn)
        except OSError as error:
            where = self._settings.path / (error.filename or "")
            if error.errno == errno.ELOOP:
                error.strerror = "is a symbolic link, which is not followed"
            if error.errno in _NEED_AN_OPERATOR:
                raise NeedsOperator(
                    f"{where}: {error.strerror}; make [bridge.sinks.{self.name}] path a writable folder",
                    reason="configuration",
                ) from error
            raise RetryLater(f"{where}: {error.strerror}", reason="connection") from error

    async def probe(self) -> str:
        """Check whether the folder exists or can be made, and is writable."""
        folder = self._settings.path
        if folder.is_symlink():
            raise NeedsOperator(
                f"{folder} is a symbolic link, which is not followed; "
                f"set [bridge.sinks.{self.name}] path to the folder itself",
                reason="configuration",
            )
        nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(nearest, os.W_OK | os.X_OK) or not nearest.is_dir():
            raise NeedsOperator(
                f"{nearest} is not writable for uid {os.getuid()}; "
                f"change its owner, or [bridge.sinks.{self.name}] path",
                reason="configuration",
            )
        return "writable"

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._end)

    def _start(self, state: bytes | None) -> None:
        with self._lock:
            self._turn += 1
            self._close()
            self._state, self._restored, self._first = state, False, False
            try:
                self._restore()
            except OSError:
                return

    def _end(self) -> None:
        with self._lock:
            self._turn += 1
            self._close()

    def _restore(self) -> None:
        numbers = self._numbers()
        if self._state is None:
            # Leave files of earlier runs as they are.
            self._number, self._length = (max(numbers, default=0) + 1), 0
            self._first = True
        else:
            last = msgspec.json.decode(self._state, type=_State)
            for number in numbers:
                if number > last.file:
                    self._path(number).unlink(missing_ok=True)
            self._number, self._length = last.file, last.length
            written = self._path(last.file).lstat().st_size if last.file in numbers else -1
            if written < last.length:
                # Somebody took or cut the file: what was delivered stays so, go on in a new file.
                self._number, self._length = last.file + 1, 0
            elif written > last.length:
                self._cut(last.file, last.length)
        self._restored = True

    def _take_up(self, body: bytes) -> None:
        """Remove what was written before the very first commit, which this first batch brings again."""
        first = body[: body.index(b"\n") + 1]
        numbers = sorted(self._numbers())
        for index, number in enumerate(numbers):
            with os.fdopen(self._open_file(number, os.O_RDONLY), "rb") as file:
                # Perhaps not even the first line is complete, or it ends in the zeros that a power failure leaves.
                same = first.startswith(file.read(len(first)).rstrip(b"\0"))
            if same:
                for later in reversed(numbers[index:]):
                    self._path(later).unlink()
                self._number = number
                break
        self._first = False

    def _append(self, body: bytes, turn: int) -> bytes:
        with self._lock:
            if turn != self._turn:
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            if not self._restored:
                self._restore()
            if self._first:
                self._take_up(body)
            if self._length >= self._settings.rotate_bytes:
                self._begin_next()
                self._delete_old()
            if self._descriptor < 0:
                self._open()
            if self._was_cut():
                self._begin_next()
                self._open()
            try:
                self._write(body)
            except OSError:
                # Half a batch may be there: the next try overwrites it from the same place.
                self._close()
                raise
            self._length += len(body)
            return msgspec.json.encode(_State(self._number, self._length))

    def _write(self, body: bytes) -> None:
        rest = memoryview(body)
        at = self._length
        while rest:
            written = os.pwrite(self._descriptor, rest, at)
            rest, at = rest[written:], at + written
        os.fsync(self._descriptor)

    def _begin_next(self) -> None:
        self._close()
        self._number, self._length = self._number + 1, 0

    def _was_cut(self) -> bool:
        """Whether somebody deleted or cut the file: what is written to it now would be gone, or behind a hole."""
        status = os.fstat(self._descriptor)
        return status.st_nlink == 0 or status.st_size < self._length

    def _open(self) -> None:
        folder = self._settings.path
        if not folder.is_symlink():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._length and not self._path(self._number).exists():
            self._begin_next()
        self._descriptor = self._open_file(self._number, os.O_WRONLY | os.O_CREAT)
        if os.fstat(self._descriptor).st_size > self._length:
            os.ftruncate(self._descriptor, self._length)
        # The file's name must be on disk, too.
        directory = self._open_folder()
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _open_folder(self) -> int:
        """Open the folder itself: a link in its place must not decide where events go."""
        folder = self._settings.path
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "", str(folder))
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def _open_file(self, number: int, flags: int) -> int:
        """Open a file of the folder, and no link in its place."""
        directory = self._open_folder()
        try:
            name = self._path(number).name
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
        finally:
            os.close(directory)

    def _cut(self, number: int, length: int) -> None:
        file = self._open_file(number, os.O_WRONLY)
        try:
            os.ftruncate(file, length)
        finally:
            os.close(file)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _delete_old(self) -> None:
        if keep := self._settings.keep_files:
            for number in sorted(self._numbers())[: -keep + 1 or None]:
                self._path(number).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        if not self._settings.path.is_dir():
            return []
        return [
            int(match[1]) for file in self._settings.path.iterdir() if (match := _NAME.fullmatch(file.name))
        ]

    def _path(self, number: int) -> Path:
        return self._settings.path / f"events-{number:06d}.ndjson"


SINK: Final = SinkType(FileSettings, FileSink)

"""The `file` sink: canonical events as newline-delimited JSON in numbered files.

Each event stands there once: the batch is fsynced before the cursor is committed, the cursor's row holds
file and length, and a start cuts off whatever was written after that.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import Final

import msgspec
from pydantic import Field

from bridge.contracts import Batch, Gateway, Payload
from bridge.errors import NeedsOperator, RetryLater
from bridge.settings import SinkSettings, Size
from bridge.shaping.envelope import lines, tagged

_NAME: Final = re.compile(r"events-(\d{6,})\.ndjson")


class FileSettings(SinkSettings):
    """Settings of a `type = "file"` sink."""

    path: Path = Field(
        description="Folder of the files; made if need be.",
        json_schema_extra={"sample": "/var/lib/apim-bridge/archive"},
    )
    rotate_bytes: Size = Field(64 * 2**20, description="A file of this size is followed by a new one.", gt=0)
    keep_files: int = Field(0, description="Oldest files beyond this number are deleted; 0 keeps all.", ge=0)


class _State(msgspec.Struct, frozen=True):
    """What the cursor's row holds."""

    file: int
    length: int


class FileSink:
    """Appends to the newest file of its folder."""

    ordered = True

    def __init__(self, name: str, settings: FileSettings, gateway: Gateway) -> None:
        self.name = name
        self.destination = str(settings.path)
        self._settings = settings
        self._instance = gateway.instance
        self._number = 0
        self._length = 0
        self._descriptor = -1

    async def start(self, state: bytes | None) -> None:
        """Cut off what was written behind the committed cursor."""
        await asyncio.to_thread(self._restore, state)

    async def encode(self, batch: Batch) -> Payload:
        """Return the lines of the batch."""
        return Payload(lines(tagged(batch, self._instance)), len(batch))

    async def send(self, payload: Payload) -> bytes:
        """Append and fsync; returns file and length."""
        try:
            await asyncio.to_thread(self._append, payload.body)
        except PermissionError as error:
            raise NeedsOperator(
                f"{error.filename or self.destination}: {error.strerror}; "
                f"make [bridge.sinks.{self.name}] path writable",
                reason="configuration",
            ) from error
        except OSError as error:
            raise RetryLater(f"{self.destination}: {error.strerror}", reason="connection") from error
        return msgspec.json.encode(_State(self._number, self._length))

    async def probe(self) -> str:
        """Look whether the folder is there, or can be made, and is writable."""
        folder = self._settings.path
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
        self._close()

    def _restore(self, state: bytes | None) -> None:
        self._close()
        numbers = self._numbers()
        if state is None:
            # Files of an earlier life are left as they are.
            self._number, self._length = (max(numbers, default=0) + 1), 0
            return
        last = msgspec.json.decode(state, type=_State)
        for number in numbers:
            if number > last.file:
                self._path(number).unlink()
        self._number, self._length = last.file, last.length
        try:
            written = self._path(last.file).stat().st_size
        except OSError:
            written = -1
        if written < last.length:
            # Somebody took or cut the file: what is delivered is delivered, go on in a new one.
            self._number, self._length = last.file + 1, 0
        elif written > last.length:
            os.truncate(self._path(last.file), last.length)

    def _append(self, body: bytes) -> None:
        if self._length >= self._settings.rotate_bytes:
            self._close()
            self._number, self._length = self._number + 1, 0
            self._delete_old()
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0:
            # Somebody deleted the file: what is written to it now would be gone.
            self._close()
            self._number, self._length = self._number + 1, 0
        if self._descriptor < 0:
            self._open()
        try:
            rest = memoryview(body)
            at = self._length
            while rest:
                written = os.pwrite(self._descriptor, rest, at)
                rest, at = rest[written:], at + written
            os.fsync(self._descriptor)
        except OSError:
            # Half a batch may stand there: the next try writes over it from the same place.
            self._close()
            raise
        self._length += len(body)

    def _open(self) -> None:
        folder = self._settings.path
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._path(self._number), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._descriptor, self._length)
        # The file's name must be on disk, too.
        directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

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

"""admin.db: how it is opened, by the server and by the command line at the same time."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from bridge.analytics.admin import (
    alerts,
    channels,
    client_keys,
    erasures,
    links,
    looks,
    monitors,
    probes,
    tokens,
    workspaces,
)
from bridge.analytics.store.people import transaction, truncate
from bridge.errors import StoreUnusable, StoreWaits

FILE_NAME: Final = "admin.db"
VERSION: Final = 1
PARTS: Final = (
    tokens,
    workspaces,
    links,
    looks,
    monitors,
    probes,
    client_keys,
    alerts,
    channels,
    erasures,
)
"""Each brings its tables as `SCHEMA`: statements that make what is missing."""
_BUSY_MS: Final = 5_000
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.25
_CURE: Final = (
    "put back a copy of it, or move it away: tokens and all else that was made here have to be made again"
)
_R = TypeVar("_R")


class AdminFile:
    """admin.db as the server uses it: changes on a thread of its own, and looks that take microseconds."""

    def __init__(self, connection: sqlite3.Connection, looking: sqlite3.Connection, folder: Path) -> None:
        """Use what `opened` has opened."""
        self.folder = folder
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="admin")
        self.looking = looking
        """A connection for what each request needs: one row by its key, on the loop's thread, and no writing."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path) -> AsyncIterator["AdminFile"]:
        """Open the file while the block runs, and make it if it is missing. Raises StoreUnusable."""
        connection = await asyncio.to_thread(_open, folder)
        with contextlib.closing(connection), contextlib.closing(_open(folder)) as looking:
            looking.execute("PRAGMA query_only = ON")
            admin = cls(connection, looking, folder)
            try:
                yield admin
            finally:
                await asyncio.to_thread(admin._thread.shutdown)

    async def read(self, work: Callable[[sqlite3.Connection], _R]) -> _R:
        """Return what the work finds."""
        return await self._run(work)

    async def settle(self) -> None:
        """Empty the write-ahead log: what was deleted is nowhere on the disk. Raises StoreWaits."""
        for _ in range(_TRIES):
            with contextlib.suppress(StoreWaits):
                return await self._run(truncate)
            # A command looks into it, for a moment.
            await asyncio.sleep(_PAUSE_SECONDS)
        return await self._run(truncate)

    async def write(self, work: Callable[[sqlite3.Connection], _R]) -> _R:
        """Do the work in one transaction; it is on disk when this returns. Raises StoreWaits on a full disk."""

        def committed(connection: sqlite3.Connection) -> _R:
            with transaction(connection):
                return work(connection)

        return await self._run(committed)

    async def _run(self, work: Callable[[sqlite3.Connection], _R]) -> _R:
        loop = asyncio.get_running_loop()
        try:
            # What has begun is brought to its end, whoever waits for it.
            return await asyncio.shield(loop.run_in_executor(self._thread, work, self._connection))
        except sqlite3.OperationalError as error:
            raise StoreWaits(
                f"{self.folder / FILE_NAME}: {error}; look at the disk, and try again"
            ) from error


@contextmanager
def for_command(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for a command, whether or not a process serves it. Raises StoreUnusable."""
    with contextlib.closing(_open(folder)) as connection:
        try:
            yield connection
        except sqlite3.OperationalError as error:
            raise StoreUnusable(f"{folder / FILE_NAME}: {error}; look at the disk, and try again") from error


def _open(folder: Path) -> sqlite3.Connection:
    path = folder / FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only where it is missing: to close a file gives up every lock that this process has on it (POSIX), those of a
        # connection that is open, too; another process would then take the write-ahead log away from under it.
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(
            f"{path} cannot be opened: {error}; look at the disk and at its rights"
        ) from error
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StoreUnusable(
                f"{path} was written by a newer apim-bridge (version {version}, this one knows {VERSION}); "
                "go back to that release, or move the file away"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted here may name a person: it is overwritten.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        with transaction(connection):
            for part in PARTS:
                for statement in part.SCHEMA:
                    connection.execute(statement)
            if version < VERSION:
                connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnusable(f"{path} is damaged or cannot be used: {error}; {_CURE}") from error
    except StoreUnusable:
        connection.close()
        raise
    return connection

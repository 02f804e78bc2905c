"""How the store's folder is opened: by one process, with DuckDB shut off from everything outside its file."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb

from bridge.analytics.store.columns import DETAILS, FACTS
from bridge.analytics.store.cubes import CUBES
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.people import CURE, FACTS_NAME, FILE_NAME
from bridge.analytics.store.urgency import give_way
from bridge.analytics.store.versions import BOARDS, GONE, ROLLUP, VERSION, bring_up, table
from bridge.errors import StoreInUse, StoreUnusable

Prepare = Callable[[duckdb.DuckDBPyConnection], None]
LOCK_NAME: Final = "lock"
_ASIDE: Final = "tmp"
"""Where DuckDB puts what a question has no memory for."""
_EVER: Final = -(10**17)
"""Before all times that events can say, in microseconds."""

CHECKPOINT_BYTES: Final = 64 * 2**20
_COPY_SIDES: Final = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""What DuckDB names beside a file; the last two while it writes a checkpoint, and where one was cut short."""
SIDES: Final = (*_COPY_SIDES, "-journal", "-wal", "-shm")


_TABLES: Final = (
    table("facts", FACTS),
    table("details", DETAILS),
    "CREATE TABLE untimed (id UUID)",
    GONE,
    "CREATE TABLE names (id INTEGER, field VARCHAR, value VARCHAR)",
    "CREATE TABLE meta (key VARCHAR, value BIGINT)",
    "CREATE TABLE accounts (sender VARCHAR, instance VARCHAR, seen TIMESTAMP, account VARCHAR)",
    "CREATE TABLE annotations (id UUID, time TIMESTAMP, text VARCHAR)",
    BOARDS,
    *ROLLUP,
    f"INSERT INTO meta VALUES ('schema', {VERSION}), ('kept_from', {_EVER})",  # noqa: S608 - our own numbers
    "INSERT INTO meta VALUES ('let_go', 0), ('too_old', 0), ('erased', 0), ('records', 0)",
)
_NAMES: Final = (
    *("facts", "details", "untimed", "gone", "names", "accounts", "annotations", "boards", "rolled"),
    *(cube.table for cube in CUBES),
)


def require_store(folder: Path) -> None:
    """Raise StoreUnusable if there is no store in a folder."""
    if not any((folder / name).exists() for name in (FACTS_NAME, FILE_NAME)):
        raise StoreUnusable(f"there is no store in {folder}; has the process run with this configuration?")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the store's folder while the block runs. Raises StoreUnusable when another process has it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(
            f"{folder}: {error.strerror}; set [bridge.analytics] path to a folder that uid {os.getuid()} may write to"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreInUse(
                f"another process has the store in {folder}; stop it, or set [bridge.analytics] path to another folder"
            ) from None
        yield
    finally:
        os.close(descriptor)


def open_file(
    folder: Path, *, memory_bytes: int, threads: int, prepare: Prepare | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the DuckDB file, and make it if it is missing (0600). Raises StoreUnusable.

    `prepare` is called before nobody may change any setting.
    """
    path = folder / FACTS_NAME
    config = config_of(folder, memory_bytes=memory_bytes, threads=threads)
    try:
        if not path.exists():
            _make(folder, config)
        connection = duckdb.connect(path, config=config)
    except (OSError, duckdb.Error) as error:
        raise _not_opened(path, error) from error
    try:
        _check(connection, path)
        if prepare is not None:
            prepare(connection)
        _shut(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def open_file_giving_way(
    folder: Path, prepare: Prepare, memory_bytes: int, threads: int
) -> duckdb.DuckDBPyConnection:
    """Open it so that DuckDB's threads, which are made here, are less urgent than the caller's."""
    open_it = partial(open_file, folder, memory_bytes=memory_bytes, threads=threads, prepare=prepare)
    with ThreadPoolExecutor(1, initializer=give_way) as opener:
        return opener.submit(open_it).result()


def open_to_read(folder: Path, *, memory_bytes: int, threads: int) -> duckdb.DuckDBPyConnection:
    """Open the DuckDB file as it is, also of an older version, without writing to it. Raises StoreUnusable."""
    path = folder / FACTS_NAME
    try:
        config = config_of(folder, memory_bytes=memory_bytes, threads=threads)
        connection = duckdb.connect(path, read_only=True, config=config)
    except (OSError, duckdb.Error) as error:
        raise _not_opened(path, error) from error
    try:
        _version(connection, path)
        _shut(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _not_opened(path: Path, error: Exception) -> StoreUnusable:
    return StoreUnusable(f"{path} cannot be opened: {_short(error)}; {CURE}")


def config_of(folder: Path, *, memory_bytes: int, threads: int) -> dict[str, Any]:
    """Return how DuckDB is to run."""
    return {
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "memory_limit": f"{memory_bytes}B",
        "threads": threads,
        "temp_directory": str(folder / _ASIDE),
        "preserve_insertion_order": "false",
        # Each checkpoint writes the youngest row groups anew; a WAL of 64 MiB is read in a second after a crash.
        "checkpoint_threshold": f"{CHECKPOINT_BYTES}B",
    }


def _shut(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let what questions are made of reach this file alone: no other file but its copy, no network."""
    sides = ", ".join(f"'{_written(copy_of(folder))}{side}'" for side in _COPY_SIDES)
    connection.execute(f"SET allowed_paths = [{sides}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _written(path: Path) -> str:
    """Return a path as SQL writes it."""
    return str(path).replace("'", "''")


def copy_of(folder: Path) -> Path:
    """Return the file that a copy is made in, before it takes the place of the DuckDB file."""
    return folder / f"{FACTS_NAME}.new"


def attach_copy(facts: FactsConnection, folder: Path) -> None:
    """Make the file of a copy, empty (0600), as the database `copy`."""
    mask = os.umask(0o177)
    try:
        facts.execute(f"ATTACH '{_written(copy_of(folder))}' AS copy")
    finally:
        os.umask(mask)


def remove_copy(folder: Path) -> None:
    """Remove what is left of copies that came to nothing."""
    for name in (FACTS_NAME, FILE_NAME):
        for side in SIDES:
            (folder / f"{name}.new{side}").unlink(missing_ok=True)


def _make(folder: Path, config: dict[str, Any]) -> None:
    """Make a new file under another name first: a process may be killed at any moment, and half a file is damaged."""
    wal = folder / f"{FACTS_NAME}.wal"
    if wal.exists():
        raise StoreUnusable(f"{wal} is there, but not its database; {CURE}")
    new = folder / f"{FACTS_NAME}.new"
    for left in (new, folder / f"{FACTS_NAME}.new.wal"):
        left.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        with duckdb.connect(new, config=config) as connection:
            for statement in _TABLES:
                connection.execute(statement)
    finally:
        os.umask(mask)
    new.rename(folder / FACTS_NAME)
    sync(folder)


def sweep(folder: Path) -> None:
    """Remove what a killed process has left: half a copy, and what a question had put aside on the disk."""
    remove_copy(folder)
    shutil.rmtree(folder / _ASIDE, ignore_errors=True)


def sync(path: Path) -> None:
    """Bring a file, or the names of a folder's files, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return the file's version. Raises StoreUnusable for a newer one, and where there is none."""
    try:
        rows = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
    except duckdb.Error as error:
        raise StoreUnusable(f"{path} is damaged: {_short(error)}; {CURE}") from error
    if not rows:
        raise StoreUnusable(f"{path} is damaged: its version is missing; {CURE}")
    version = int(rows[0][0])
    if version > VERSION:
        raise StoreUnusable(
            f"{path} was written by a newer apim-bridge (schema {version}, this one knows {VERSION}); "
            "go back to that release, or set [bridge.analytics] path to another folder"
        )
    return version


def _check(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    version = _version(connection, path)
    try:
        if version < VERSION:
            bring_up(connection, version)
        for name in _NAMES:
            connection.execute(f"SELECT * FROM {name} LIMIT 1").fetchall()  # noqa: S608 - our own names
    except duckdb.Error as error:
        raise StoreUnusable(f"{path} is damaged: {_short(error)}; {CURE}") from error


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0]


def files_bytes(folder: Path) -> int:
    """Return the bytes of all files of the store."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).stat().st_size
    return total

"""Gives the disk back what the store does not need any more.

DuckDB and SQLite use the room of what was deleted again, but do not make their files smaller. So each database is
copied into a new file, which then takes the place of the old one in one step: whenever the process is killed, the file
of that name is whole, the old one or the new one, and they hold the same. What a killed process leaves behind under the
name of the copy, the next one deletes. Nobody else may have the store open, and the disk must have room for both files.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from bridge.analytics.store import opening, people
from bridge.errors import StoreUnusable, StoreWaits

_NEW: Final = ".new"
# Worth a start's time: a file that is half empty, and large enough to matter.
_WORTH_SHARE: Final = 0.5
_WORTH_BYTES: Final = 256 * 2**20


class Compacted(NamedTuple):
    """A file that was made smaller."""

    name: str
    before: int
    """Bytes."""
    after: int


Wanted = Callable[[int, int], bool]
"""Says for the used and the unused bytes of a file whether it is to be made smaller."""


def any_room(_used: int, unused: int) -> bool:
    """Want all that there is."""
    return unused > 0


def much_room(used: int, unused: int) -> bool:
    """Want what is worth a start's time."""
    return unused >= max(_WORTH_BYTES, _WORTH_SHARE * (used + unused))


def compact(
    folder: Path, wanted: Wanted, *, memory_bytes: int, threads: int, least_free_bytes: int
) -> list[Compacted]:
    """Make the files of a store that nobody has open as small as what they hold; returns those that were.

    Raises StoreUnusable: in use, damaged; and StoreWaits without room on the disk: then the files are as they were.
    """
    with opening.locked(folder):
        opening.sweep(folder)
        if not (folder / people.FACTS_NAME).exists():
            return []
        config = opening.config_of(folder, memory_bytes=memory_bytes, threads=threads)
        facts, texts = folder / people.FACTS_NAME, folder / people.FILE_NAME
        compacted: list[Compacted] = []
        with closing(opening.open_to_read(folder, memory_bytes=memory_bytes, threads=threads)) as connection:
            sizes = _sizes_of_facts(connection)
        if wanted(*sizes):
            _look_for_room(folder, sizes[0] + least_free_bytes)
            with _exchanging(facts, ".wal", compacted) as new:
                with closing(
                    opening.open_file(folder, memory_bytes=memory_bytes, threads=threads)
                ) as connection:
                    connection.execute("CHECKPOINT")
                _copy_facts(facts, new, config)
        sizes = _sizes_of_people(texts)
        if wanted(*sizes):
            _look_for_room(folder, sizes[0] + least_free_bytes)
            with _exchanging(texts, "-wal", compacted) as new:
                _copy_people(folder, new)
        return compacted


def _sizes_of_facts(facts: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the used and the unused bytes."""
    ((block, used, unused),) = facts.execute(
        "SELECT block_size, used_blocks, free_blocks FROM pragma_database_size()"
    ).fetchall()
    return block * used, block * unused


def _sizes_of_people(path: Path) -> tuple[int, int]:
    names = ("page_size", "page_count", "freelist_count")
    try:
        # One that may only read would leave its write-ahead log behind.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as texts:
            page, pages, unused = (texts.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    except sqlite3.Error:
        # Whoever opens the store says what is wrong with it.
        return 0, 0
    return page * (pages - unused), page * unused


def _copy_facts(path: Path, new: Path, config: dict[str, Any]) -> None:
    # Nothing but these statements runs here: this instance opens both files, and keeps the order of the rows.
    config = config | {"preserve_insertion_order": "true"}
    with duckdb.connect(config=config) as connection:
        for name, file, how in (("old", path, " (READ_ONLY)"), ("new", new, "")):
            written = str(file).replace("'", "''")
            connection.execute(f"ATTACH '{written}' AS {name}{how}")
        connection.execute("COPY FROM DATABASE old TO new")
        for (table,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'old'"
        ).fetchall():
            ((same,),) = connection.execute(
                f'SELECT (SELECT count(*) FROM old."{table}") = (SELECT count(*) FROM new."{table}")'  # noqa: S608 - a table's name
            ).fetchall()
            _require(same, path)
        connection.execute("CHECKPOINT new")


def _copy_people(folder: Path, new: Path) -> None:
    with closing(people.open_file(folder)) as texts:
        texts.execute("VACUUM INTO ?", (str(new),))
        counts = "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM rests), (SELECT count(*) FROM erased)"
        with closing(sqlite3.connect(new)) as copy:
            _require(copy.execute(counts).fetchone() == texts.execute(counts).fetchone(), new)


def _require(same: bool, path: Path) -> None:
    if not same:
        raise StoreUnusable(f"{path}: its copy is not the same; {people.CURE}")


@contextmanager
def _exchanging(path: Path, side: str, compacted: list[Compacted]) -> Iterator[Path]:
    """Yield the name of a new file; when the block has made it, it takes the place of `path`."""
    new = path.with_name(path.name + _NEW)
    mask = os.umask(0o077)
    try:
        yield new
        # What waits in a write-ahead log would be taken for a part of the new file.
        if path.with_name(path.name + side).exists():
            raise StoreUnusable(f"another program has {path} open; close it")
        opening.sync(new)
    except (duckdb.Error, sqlite3.Error, OSError) as error:
        _remove(new)
        raise StoreWaits(
            f"{path} cannot be copied: {str(error).partition(chr(10))[0]}; make room on its disk"
        ) from error
    except StoreUnusable:
        _remove(new)
        raise
    finally:
        os.umask(mask)
    compacted.append(Compacted(path.name, path.stat().st_size, new.stat().st_size))
    new.rename(path)
    opening.sync(path.parent)


def _remove(new: Path) -> None:
    for side in opening.SIDES:
        new.with_name(new.name + side).unlink(missing_ok=True)


def _look_for_room(folder: Path, needed: int) -> None:
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < needed:
        raise StoreWaits(
            f"the copy needs {needed:,} bytes, more than the disk of {folder} has free; make room on it first"
        )

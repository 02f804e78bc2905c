"""Reads a journal's file without writing to it: beside a daemon, on a read-only disk, or a damaged one."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bridge.journal import schema

_MOST_TRIED: Final = 1_000_000
# The index from which the numbers of a table's rows can be read, too.
_INDEXES: Final = {"blocks": ("seq", "blocks_sizes"), "dead": ("number", "dead_sinks")}
# More than there are tables and indexes.
_LEAST_PAGES: Final = 64


class Damaged:
    """A journal's file, opened read-only; what cannot be read is left out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.whole = True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows up to the first that cannot be read; `whole` says whether that is all of them."""
        self.whole = True
        rows: list[tuple[Any, ...]] = []
        try:
            rows.extend(self._connection.execute(query, values))
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # A schema with holes says "no such table".
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}:
                raise
            self.whole = False
        return rows

    def readable(self) -> bool:
        """Tell whether the schema can be read."""
        return bool(self.rows("SELECT name FROM sqlite_schema WHERE name = 'blocks'"))

    def columns(self, table: str) -> list[str]:
        """Return the names of a table's columns; an older schema has fewer."""
        return [name for (name,) in self.rows("SELECT name FROM pragma_table_info(?)", table)]

    def numbers(self, table: str) -> list[int]:
        """Return all row numbers that a table may have, judged by what can be read of it."""
        column, index = _INDEXES[table]
        numbers: set[int] = set()
        whole = False
        for way in (f"INDEXED BY {index}", "NOT INDEXED"):
            rows = self.rows(f"SELECT {column} FROM {table} {way}")  # noqa: S608 - constants
            whole = whole or self.whole
            numbers.update(number for (number,) in rows if isinstance(number, int))
            rows = self.rows(f"SELECT max({column}) FROM {table} {way}")  # noqa: S608 - constants
            numbers.update(number for (number,) in rows if isinstance(number, int))
        if not whole:
            # Try every number in between, and those after the last known one up to the last that was given out.
            last = max(self.last(table), *numbers, 0)
            numbers.update(range(max(min(numbers, default=1), last - _MOST_TRIED), last + 1))
        return sorted(numbers)

    def last(self, table: str) -> int:
        """Return the last number that was given out in a table."""
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0


def open_damaged(path: Path, graft: Path, first_page: Callable[[], bytes]) -> Damaged:
    """Open a file; if its schema cannot be read, open a copy of it, `graft`, with a good first page.

    The first page has the header and the schema. It is the same in every journal, except for the size.
    """
    # SQLite would throw away the WAL of an empty file.
    if path.stat().st_size > 0:
        damaged = Damaged(open_read_only(path, graft.parent))
        if damaged.readable():
            return damaged
        damaged.close()
    shutil.copyfile(path, graft)
    if (wal := _side(path, "-wal")).exists():
        shutil.copyfile(wal, _side(graft, "-wal"))
    page = bytearray(first_page())
    with graft.open("r+b") as file:
        # SQLite refuses a schema that names pages beyond the file's end, as a newer schema may in a small old file.
        file.truncate(max(graft.stat().st_size, _LEAST_PAGES * schema.PAGE_BYTES))
        # sqlite.org/fileformat.html: the size in pages, and no list of free ones.
        page[28:32] = max(1, -(-graft.stat().st_size // schema.PAGE_BYTES)).to_bytes(4, "big")
        page[32:40] = bytes(8)
        file.write(page)
    return Damaged(_connect(graft, "mode=ro"))


def first_page_of(path: Path, connection: sqlite3.Connection) -> bytes:
    """Return the first page of an open journal, after everything in its WAL has reached the file."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with path.open("rb") as file:
        return file.read(schema.PAGE_BYTES)


def open_read_only(path: Path, spare_folder: Path) -> sqlite3.Connection:
    """Open a journal's file, whether or not a process writes to it, and leave no new file beside it.

    If SQLite cannot use the WAL where it is (a read-only disk), both are copied to `spare_folder`.
    Raises sqlite3.Error.
    """
    if not _side(path, "-wal").exists():
        # No process has it open: SQLite needs no files of its own beside it.
        return _connect(path, "immutable=1")
    connection = _connect(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        copy = spare_folder / f"{path.name}.copy"
        for side in ("", "-wal"):
            shutil.copyfile(_side(path, side), _side(copy, side))
        return _connect(copy, "mode=ro")
    except sqlite3.DatabaseError:
        # The next read finds what is wrong.
        pass
    return connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False
    )


def _side(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)

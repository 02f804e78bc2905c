"""people.db: every text that may name a person, where it can be erased for good.

SQLite with secure_delete=ON overwrites what is deleted in the file. Its WAL still has the pages of before: what is
removed is gone from the disk when `truncate` has emptied the WAL.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge.analytics.store.columns import PERSONAL
from bridge.analytics.store.erased import TABLES as ERASED_TABLES
from bridge.errors import StoreUnusable

FILE_NAME: Final = "people.db"
VERSION: Final = 2
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT, field TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (field, value)
) STRICT;
CREATE TABLE rests (
    time INTEGER NOT NULL, id BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (time, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE last (low INTEGER NOT NULL, high INTEGER NOT NULL) STRICT;
COMMIT;
"""
_NEW_IN_2: Final = f"""
BEGIN IMMEDIATE;
{ERASED_TABLES}
CREATE TABLE IF NOT EXISTS companies (
    user TEXT PRIMARY KEY, company TEXT NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {VERSION};
COMMIT;
"""
_REMEMBERED: Final = 50_000
FACTS_NAME: Final = "analytics.duckdb"
"""The other database: neither is anything without the other."""
CURE: Final = (
    "put back a copy of the whole folder, or move the folder away: "
    "the bridges' journals and archives can fill a new one"
)
BUSY_MS: Final = 5_000
_WAL_BYTES: Final = 8 * 2**20


def open_file(folder: Path) -> sqlite3.Connection:
    """Open people.db, and make it if it is missing (0600). Raises StoreUnusable."""
    path, facts = folder / FILE_NAME, folder / FACTS_NAME
    if facts.exists() and not path.exists():
        raise StoreUnusable(f"{path} is missing beside {facts.name}, whose people it has; {CURE}")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(
            f"{path} cannot be opened: {error}; look at the disk and at its rights"
        ) from error
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StoreUnusable(
                f"{path} was written by a newer apim-bridge (schema {version}, this one knows {VERSION}); "
                "go back to that release, or set [bridge.analytics] path to another folder"
            )
        _configure(connection)
        if version == 0 and facts.exists():
            raise sqlite3.DatabaseError("it is empty")
        if version == 0:
            connection.executescript(f"{_TABLES}{_NEW_IN_2}")
        elif version == 1:
            connection.executescript(_NEW_IN_2)
        if not facts.exists() and connection.execute("SELECT 1 FROM people LIMIT 1").fetchone() is not None:
            raise StoreUnusable(f"{facts} is missing beside {path.name}; {CURE}")
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnusable(f"{path} is damaged or cannot be used: {error}; {CURE}") from error
    except StoreUnusable:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


class People:
    """Numbers the texts, for the writer, and finds them for questions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._known: dict[str, dict[str | None, int]] = {}
        self.forget()

    def begin(self) -> None:
        """Begin a transaction; nothing is written before the first text that is new."""
        self.connection.execute("BEGIN")

    def commit(self) -> None:
        """Write what is new, to the disk."""
        self.connection.execute("COMMIT")
        if sum(map(len, self._known.values())) > _REMEMBERED:
            self.forget()

    def rollback(self) -> None:
        """Let go of what was not committed."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self.forget()

    def forget(self) -> None:
        """Forget what is remembered: after a rollback, and where something was erased."""
        self._known = {field: {None: 0} for field in PERSONAL}

    def numbers(self, field: str, texts: Sequence[str | None]) -> list[int]:
        """Return the number of each text, 0 for None; those that are new are added."""
        known = self._known[field]
        try:
            return [*map(known.__getitem__, texts)]
        except KeyError:
            self._learn(field, set(texts).difference(known))
            return [*map(known.__getitem__, texts)]

    def _learn(self, field: str, missing: Iterable[str | None]) -> None:
        known = self._known[field]
        for text in missing:
            found = self.connection.execute(
                "SELECT id FROM people WHERE field = ? AND value = ?", (field, text)
            ).fetchone()
            if found is None:
                found = self.connection.execute(
                    "INSERT INTO people (field, value) VALUES (?, ?) RETURNING id", (field, text)
                ).fetchone()
            known[text] = found[0]

    def keep(self, rests: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Keep what is left of events: time in microseconds, id, JSON."""
        if rests:
            self.connection.executemany(
                "INSERT OR REPLACE INTO rests (time, id, body) VALUES (?, ?, ?)", rests
            )
            times = [rest[0] for rest in rests]
            # Where a start has to look whether their events were committed, too.
            self.connection.execute("DELETE FROM last")
            self.connection.execute("INSERT INTO last (low, high) VALUES (?, ?)", (min(times), max(times)))


def truncate(connection: sqlite3.Connection) -> None:
    """Empty the WAL, so that what was deleted is nowhere on the disk. Raises sqlite3.Error if a reader stands in it."""
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("a question holds the write-ahead log")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, on disk at the end of the block."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

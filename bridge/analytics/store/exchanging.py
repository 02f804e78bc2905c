"""Puts a copy in the place of DuckDB's file while the store is in use: what was deleted is in no block of it.

DuckDB leaves what is deleted in free blocks, and rows in those of their neighbours, whatever is written anew in place.
The long tables are copied from one moment's view of them, behind the writer's back. What is appended meanwhile, and all
short tables, follow when the writer and the questions stand still, for about a second. Then the file is closed,
which empties its write-ahead log, and the copy takes its name in one step: whenever the process is killed, the file of
that name is whole, the old one or the new one, and they hold the same. Whoever calls sees to it that nothing but
appends changes the long tables meanwhile.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from bridge.analytics.store import opening
from bridge.analytics.store.arrow import Columns
from bridge.analytics.store.cubes import CUBES
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.people import FACTS_NAME
from bridge.analytics.store.rollup import Roller
from bridge.analytics.store.writing import StoreWriter
from bridge.errors import StoreWaits

_APPENDED_TO: Final = ("facts", "details")
_LONG: Final = (*_APPENDED_TO, *(cube.table for cube in CUBES))


class FactsExchange:
    """One copy; `begin`, `place` and `end` are called on the writer's thread, `copy` on another."""

    def __init__(
        self,
        folder: Path,
        facts: FactsConnection,
        writer: StoreWriter,
        roller: Roller,
        reopened: Callable[[], duckdb.DuckDBPyConnection],
    ) -> None:
        """`reopened` opens the file again, as it was opened."""
        self._folder = folder
        self._facts = facts
        self._writer = writer
        self._roller = roller
        self._reopened = reopened
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def begin(self, least_free_bytes: int) -> None:
        """Begin with the store as it is now. Raises StoreWaits without room on the disk."""
        ((used,),) = self._facts.execute(
            "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = current_database()"
        ).fetchall()
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize < used + least_free_bytes:
            raise StoreWaits(
                f"the copy that nothing erased is in needs {used:,} bytes, more than the disk of {self._folder} has "
                "free; make room on it"
            )
        opening.remove_copy(self._folder)
        opening.attach_copy(self._facts, self._folder)
        self._cursor = self._facts.cursor()
        self._cursor.begin()
        # The view is of the moment of the first look.
        self._cursor.execute("SELECT 1 FROM facts LIMIT 1").fetchall()
        self._writer.appended = []

    def copy(self) -> None:
        """Copy the long tables."""
        assert self._cursor is not None  # noqa: S101 - it has begun
        for table in _LONG:
            self._cursor.execute(f"CREATE TABLE copy.{table} AS FROM {table}")
        self._cursor.commit()

    def place(self) -> None:
        """Copy the rest, as it is now, and put the copy in the place of the file; no question has it open.

        Raises StoreWaits and OSError: then the file is as it was; and StoreUnusable: it could not be opened again.
        """
        self._finish()
        self._roller.pause()
        self._take_place()

    def _finish(self) -> None:
        self._end_cursor()
        facts = self._facts
        self._copy_appended(self._writer.appended or [])
        tables = [
            table
            for (table,) in facts.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT temporary"
            ).fetchall()
        ]
        for table in tables:
            if table not in _LONG:
                facts.execute(f'CREATE TABLE copy."{table}" AS FROM "{table}"')
            ((same,),) = facts.execute(
                f'SELECT (SELECT count(*) FROM "{table}") = (SELECT count(*) FROM copy."{table}")'  # noqa: S608 - a table's name
            ).fetchall()
            if not same:
                raise StoreWaits(f"the copy of {table} is not the same; it is made anew")
        facts.execute("CHECKPOINT copy")
        facts.execute("DETACH copy")

    def _copy_appended(self, ids: list[str]) -> None:
        if not ids:
            return
        self._facts.register("appended", Columns({"id": "UUID"}, {"id": ids}, len(ids)))
        try:
            for table in _APPENDED_TO:
                came = f"SELECT t.* FROM {table} t SEMI JOIN appended USING (id)"  # noqa: S608 - our own names
                self._facts.execute(f"INSERT INTO copy.{table} {came}")
        finally:
            self._facts.unregister("appended")

    def _take_place(self) -> None:
        new, path = opening.copy_of(self._folder), self._folder / FACTS_NAME
        self._facts.close()
        try:
            # What waits there would be taken for a part of the new file.
            if any(path.with_name(f"{path.name}{side}").exists() for side in opening.SIDES[1:]):
                raise StoreWaits(f"{path} was not closed whole; it is copied anew")
            opening.sync(new)
            new.rename(path)
            opening.sync(self._folder)
        finally:
            self._writer.appended = None
            self._facts.exchange(self._reopened())
            self._roller.resume()

    def end(self) -> None:
        """Let go of a copy that has not taken its place."""
        self._writer.appended = None
        self._end_cursor()
        with contextlib.suppress(duckdb.Error):
            self._facts.execute("DETACH DATABASE IF EXISTS copy")
        opening.remove_copy(self._folder)

    def stop(self) -> None:
        """Stop what is being copied; may be called from any thread."""
        if self._cursor is not None:
            self._cursor.interrupt()

    def _end_cursor(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            with contextlib.suppress(duckdb.Error):
                cursor.rollback()
            cursor.close()

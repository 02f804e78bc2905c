"""Finds people for questions: their numbers by text, their texts by number."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from bridge.analytics.store.people import BUSY_MS, FILE_NAME

_MOST_VALUES: Final = 500


class PeopleFinder:
    """Reads people.db."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def opened(cls, folder: Path) -> Self:
        """Return one with a connection of its own."""
        path = folder / FILE_NAME
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        return cls(connection)

    async def find(self, field: str, values: Sequence[str]) -> list[int]:
        """Return the numbers of these texts, as far as they are known."""
        return await asyncio.to_thread(self._find, field, values)

    async def page(self, field: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Return the next numbers and texts of a field, by number."""
        return await asyncio.to_thread(
            lambda: self._connection.execute(
                "SELECT id, value FROM people WHERE field = ? AND id > ? ORDER BY id LIMIT ?",
                (field, after, limit),
            ).fetchall()
        )

    async def values(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the texts of these numbers; one that was erased has none."""
        return await asyncio.to_thread(self.texts, ids)

    def texts(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the same, on the caller's thread."""
        found: dict[int, str] = {}
        for start in range(0, len(ids), _MOST_VALUES):
            some = ids[start : start + _MOST_VALUES]
            marks = ",".join("?" * len(some))
            question = f"SELECT id, value FROM people WHERE id IN ({marks})"  # noqa: S608 - question marks alone
            found.update(self._connection.execute(question, some).fetchall())
        return found

    def rests(self, keys: Sequence[tuple[int, bytes]]) -> Mapping[bytes, bytes]:
        """Return the personal rest of each event, by id; keys are time in microseconds and id."""
        found: dict[bytes, bytes] = {}
        for key in keys:
            rows = self._connection.execute(
                "SELECT body FROM rests WHERE time = ? AND id = ?", key
            ).fetchall()
            found.update((key[1], body) for (body,) in rows)
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _find(self, field: str, values: Sequence[str]) -> list[int]:
        found: list[int] = []
        for value in values:
            rows = self._connection.execute(
                "SELECT id FROM people WHERE field = ? AND value = ?", (field, value)
            ).fetchall()
            found += (number for (number,) in rows)
        return found

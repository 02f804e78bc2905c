"""The thread that reads: one connection beside the writer's, one short question at a time (J5)."""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bridge.journal import schema
from bridge.journal.blocks import first_since, ids_intact, read_ids_below, unpack_ids

_T = TypeVar("_T")


class Reader:
    """Answers questions from the journal's file, off the event loop."""

    def __init__(self, state_dir: Path) -> None:
        self._connection = schema.open_for_reading(state_dir)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")

    async def ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what the question returns; it must not leave a query open."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._connection)

    async def positions(self, source: str) -> dict[str, bytes]:
        """Return how far a source has been read, by the source's keys."""
        return await self.ask(
            lambda connection: dict(
                connection.execute("SELECT key, value FROM positions WHERE source = ?", (source,)).fetchall()
            )
        )

    async def recent_ids(self, below: int, since_ms: int, most: int) -> AsyncIterator[Sequence[str]]:
        """Yield the ids of the blocks received since then, the newest block first, about `most` of them.

        `below`: only blocks with lower numbers. The journal's order decides, not each block's time: the clock may have
        gone back, and a block that looks old may come after one that does not. Ids that cannot be read are left out: at
        worst an event is repeated under the same id (P5).
        """
        seq = below
        try:
            first = await self.ask(functools.partial(first_since, received_ms=since_ms))
            while first is not None and most > 0:
                row = await self.ask(functools.partial(read_ids_below, seq=seq))
                if row is None or row[0] < first:
                    return
                seq, ids = row
                if ids_intact(ids):
                    names = unpack_ids(ids)
                    most -= len(names)
                    yield names
        except sqlite3.DatabaseError as error:
            if not schema.is_damage(error):
                raise

    def close(self) -> None:
        """Wait for the question under way and close the file."""
        self._thread.shutdown()
        self._connection.close()

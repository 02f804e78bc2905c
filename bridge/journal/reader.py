"""The thread that reads: one connection beside the writer's, one short question at a time (J5)."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bridge.journal import schema

_T = TypeVar("_T")


class Reader:
    """Answers questions from the journal's file, off the event loop."""

    def __init__(self, state_dir: Path) -> None:
        self._connection = schema.open_for_reading(state_dir)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")

    async def ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what the question returns; it must not leave a query open."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._connection)

    def close(self) -> None:
        """Wait for the question under way and close the file."""
        self._thread.shutdown()
        self._connection.close()

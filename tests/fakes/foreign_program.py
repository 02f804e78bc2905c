"""Another program that uses the journal's file, as somebody's sqlite3 shell does: `foreign_program.py FILE`.

Each line that it reads is a statement in SQL; it answers each with `done`.
"""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Foreign:
    """The program, as a test has it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def run(self, statement: str) -> None:
        """Return when the program has carried out a statement."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(statement.encode() + b"\n")
        async with asyncio.timeout(30):
            assert await self._process.stdout.readline() == b"done\n", statement


@asynccontextmanager
async def foreign_program(journal: Path) -> AsyncIterator[Foreign]:
    """Run it while the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-S",
        __file__,
        str(journal),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Foreign(process)
    finally:
        process.kill()
        await process.wait()


def _main() -> None:
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    for statement in sys.stdin:
        connection.execute(statement).fetchall()
        print("done", flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    _main()

"""The readers of the store: a few cursors, each question with a limit on its time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import duckdb

from bridge.analytics.store.cubes import Cube, RolledSpan
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.urgency import give_way
from bridge.errors import QuestionTooLong, Unanswerable

_R = TypeVar("_R")
_LOOK_SECONDS: Final = 0.05
_MOST_SPANS: Final = 10


class Snapshot:
    """The store as it is at one moment, for a question of several statements."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._rolled: dict[tuple[int, int, int, int], list[RolledSpan]] = {}

    def ask(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Return the rows of one SELECT."""
        return self._cursor.execute(sql, [*values]).fetchall()

    def rolled(self, cube: Cube, start: int, end: int) -> list[RolledSpan]:
        """Return for which spans of a period (µs) a cube has all calls, in whole steps; of many, the longest."""
        key = (cube.step, start, end, cube.length)
        if key in self._rolled:
            return self._rolled[key]
        rows = self.ask(
            "SELECT * FROM (SELECT greatest(start, ($2 + $1 - 1) // $1 * $1) AS low,"
            " least(until, $3 // $1 * $1) AS high FROM rolled WHERE length = $4)"
            " WHERE low < high ORDER BY high - low DESC LIMIT $5",
            (*key, _MOST_SPANS),
        )
        self._rolled[key] = sorted(RolledSpan(*row) for row in rows)
        return self._rolled[key]


def _end_transaction(cursor: duckdb.DuckDBPyConnection) -> None:
    """Leave no transaction behind, whatever a question was stopped in: the next one would fail, or see the past."""
    with contextlib.suppress(duckdb.TransactionException):
        # The one of BEGIN says so when none was begun.
        while True:
            with contextlib.suppress(duckdb.InterruptException):
                cursor.rollback()
                return


class Readers:
    """Answers a few questions at a time; the others wait for their turn."""

    def __init__(self, facts: FactsConnection, count: int) -> None:
        self._facts = facts
        self._count = count
        self._going = asyncio.Event()
        self._going.set()
        self._free: asyncio.Queue[duckdb.DuckDBPyConnection] = asyncio.Queue()
        self._all: list[duckdb.DuckDBPyConnection] = []
        self._open()
        self._stopping: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="question", initializer=give_way)

    def _open(self) -> None:
        self._all = [self._facts.cursor() for _ in range(self._count)]
        for cursor in self._all:
            self._free.put_nowait(cursor)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Let no reader have the file open while the block runs; questions that come meanwhile wait for its end."""
        self._going.clear()
        taken: list[duckdb.DuckDBPyConnection] = []
        try:
            while len(taken) < self._count:
                taken.append(await self._free.get())
        except BaseException:
            for cursor in taken:
                self._free.put_nowait(cursor)
            self._going.set()
            raise
        for cursor in taken:
            cursor.close()
        self._all = []
        try:
            yield
        finally:
            self._open()
            self._going.set()

    async def ask(self, sql: str, values: Sequence[object], seconds: float) -> list[tuple[Any, ...]]:
        """Return the rows of one SELECT.

        Raises QuestionTooLong after that time, waiting for a turn included, and Unanswerable when memory is too short.
        """
        return await self.use(lambda cursor: cursor.execute(sql, [*values]).fetchall(), seconds)

    async def look(self, work: Callable[[Snapshot], _R], seconds: float) -> _R:
        """Return what the work makes of a snapshot, on a thread."""

        def in_snapshot(cursor: duckdb.DuckDBPyConnection) -> _R:
            try:
                cursor.begin()
                return work(Snapshot(cursor))
            finally:
                _end_transaction(cursor)

        return await self.use(in_snapshot, seconds)

    async def use(self, work: Callable[[duckdb.DuckDBPyConnection], _R], seconds: float) -> _R:
        """Return what the work makes of a cursor, on a thread."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._going.wait()
                cursor = await self._free.get()
        except TimeoutError:
            raise QuestionTooLong(
                f"no answer in {seconds:g} seconds: other questions are being answered; ask again"
            ) from None
        future = loop.run_in_executor(self._threads, work, cursor)
        # Whatever becomes of the caller, who may be cancelled twice, the cursor is free when its work has ended.
        future.add_done_callback(lambda _: self._free.put_nowait(cursor))
        try:
            done, _ = await asyncio.wait((future,), timeout=deadline - loop.time())
        except asyncio.CancelledError:
            await self._stopped(cursor, future)
            raise
        if not done:
            await self._stopped(cursor, future)
            raise QuestionTooLong(
                f"no answer in {seconds:g} seconds; ask for a shorter period or fewer dimensions"
            )
        try:
            return await future
        except duckdb.OutOfMemoryException:
            raise Unanswerable(
                "the answer takes more memory than the store may use",
                "ask for a shorter period, fewer dimensions or fewer measures",
            ) from None

    async def _stopped(self, cursor: duckdb.DuckDBPyConnection, future: "asyncio.Future[Any]") -> None:
        """Return when the work has ended, which a task of its own sees to: the caller may be cancelled once more."""
        stopping = asyncio.create_task(self._stop(cursor, future))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.shield(stopping)

    async def _stop(self, cursor: duckdb.DuckDBPyConnection, future: "asyncio.Future[Any]") -> None:
        # The work may be between two statements when it is told: told again until it has heard.
        while not future.done():
            cursor.interrupt()
            await asyncio.wait((future,), timeout=_LOOK_SECONDS)
        future.exception()

    def close(self) -> None:
        """End the threads; their questions are stopped."""
        for cursor in self._all:
            cursor.interrupt()
        self._threads.shutdown()
        for cursor in self._all:
            cursor.close()

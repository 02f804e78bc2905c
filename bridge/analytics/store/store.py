"""The store as the analytics process uses it."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb

from bridge.analytics.store import feed, opening, people
from bridge.analytics.store.accounts import ACCOUNTS, Account, accounts_of, keep_account
from bridge.analytics.store.contract import Appended, Fed, ReceivedEvent, ReceivedRecord
from bridge.analytics.store.cubes import LENGTHS
from bridge.analytics.store.erased import Erased
from bridge.analytics.store.eraser import Eraser
from bridge.analytics.store.erasing import Erasing
from bridge.analytics.store.exchanging import FactsExchange
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.finding import PeopleFinder
from bridge.analytics.store.inserting import Inserts
from bridge.analytics.store.kept import KeptByPeople
from bridge.analytics.store.names import NameNumbers
from bridge.analytics.store.reading import Readers, Snapshot
from bridge.analytics.store.removal import Removal
from bridge.analytics.store.rollup import Roller, RollupAccount
from bridge.analytics.store.together import fed_of
from bridge.analytics.store.urgency import give_way
from bridge.analytics.store.whole import reader_of
from bridge.analytics.store.writing import StoreWriter
from bridge.errors import StoreUnusable, StoreWaits

_R = TypeVar("_R")
MEMORY_BYTES: Final = 192 * 2**20
THREADS: Final = 2
READERS: Final = 4
LEAST_FREE_BYTES: Final = 2 * opening.CHECKPOINT_BYTES
_EVENT_SECONDS: Final = 10.0
# Of the bytes that the store may take: so many are left after a cut, and at least so much of the events goes.
_AFTER_CUT: Final = 0.9
_LEAST_CUT: Final = 0.02
_MOST_CUTS: Final = 10


class Store:
    """Events, each once by its id; see the package's prose for what is on disk."""

    def __init__(
        self,
        folder: Path,
        facts: FactsConnection,
        inserts: Inserts,
        open_facts: Callable[[], duckdb.DuckDBPyConnection],
        texts: sqlite3.Connection,
        readers: int,
        least_free_bytes: int,
    ) -> None:
        """Use what `opened` has opened."""
        self.folder = folder
        self._least_free_bytes = least_free_bytes
        self._facts = facts
        persons = people.People(texts)
        self._names = NameNumbers(facts)
        self.may_have = self._names.may_have
        self._rollup = RollupAccount(facts)
        self._removal = Removal(facts, texts, persons, self._rollup)
        self._removal.collect_interrupted()
        erased = Erased(texts)
        self._writer = StoreWriter(
            facts, inserts, persons, self._names, self._rollup, erased, self._removal.kept_from()
        )
        self._readers = Readers(facts, readers)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._roller = Roller(facts)
        self._rolling = ThreadPoolExecutor(1, thread_name_prefix="rollup", initializer=give_way)
        self._tidying = asyncio.Lock()
        """Held by what changes the cubes, and by what no other change may be under way for: a checkpoint."""
        self._feed = feed.LiveFeed()
        self._exchange = FactsExchange(folder, facts, self._writer, self._roller, open_facts)
        self.eraser = Eraser(
            erased, Erasing(facts, texts, persons, self._rollup), self._removal, self._names, self._write
        )
        """Takes out what is to be erased."""
        self.kept = KeptByPeople(facts, self._write, self.ask)
        """Annotations and boards."""
        self.people = PeopleFinder.opened(folder)
        self.broken = asyncio.Event()
        """Set when DuckDB has given the file up, as it does when a checkpoint finds the disk full.

        Nothing that was answered is lost; but only another process can open the file again.
        """

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        folder: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        threads: int = THREADS,
        readers: int = READERS,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> AsyncIterator["Store"]:
        """Open the store in a folder, and make it if it is missing. Raises StoreUnusable.

        With less free than `least_free_bytes` no events are taken: a checkpoint needs room of its own.
        """
        with opening.locked(folder):
            await asyncio.to_thread(opening.sweep, folder)
            # In this order: a crash in between leaves an empty people.db alone, which the next start takes.
            texts = await asyncio.to_thread(people.open_file, folder)
            try:
                inserts = Inserts()
                open_facts = partial(
                    opening.open_file_giving_way, folder, inserts.prepare, memory_bytes, threads
                )
                facts = FactsConnection(await asyncio.to_thread(open_facts))
                try:
                    make = partial(cls, folder, facts, inserts, open_facts, texts, readers, least_free_bytes)
                    store = await asyncio.to_thread(make)
                    try:
                        yield store
                    finally:
                        await asyncio.to_thread(store.close)
                finally:
                    facts.close()
            finally:
                texts.close()

    async def append(self, received: Iterable[ReceivedEvent | ReceivedRecord]) -> Appended:
        """Keep these events, each once by its id; returns when they are on disk (S2).

        Raises StoreWaits: then none of them was kept, and the same may be sent again.
        """
        self._look_for_room()
        appended, new = await self._write(lambda: self._writer.append(received))
        if appended.new:
            self._feed.publish(lambda: fed_of(new))
        return appended

    async def ask(self, sql: str, values: Sequence[object], seconds: float) -> list[tuple[Any, ...]]:
        """Return the rows of one SELECT over the tables of DuckDB, with bound values.

        Raises QuestionTooLong after that many seconds; a question that nobody waits for any more is stopped.
        """
        return await self._readers.ask(sql, values, seconds)

    async def look(self, work: Callable[[Snapshot], _R], seconds: float) -> _R:
        """Return what the work makes of the store as it is at one moment. Raises like `ask`."""
        return await self._readers.look(work, seconds)

    async def roll_up(self, until_ms: int) -> int:
        """Roll up what has ended by then and has not changed since the call before; returns in how many chunks."""
        chunks = 0
        await self._write(self._rollup.look)
        for length in LENGTHS:
            while await self._roll_next(length, until_ms * 1000):
                chunks += 1
        return chunks

    async def _roll_next(self, length: int, until: int) -> bool:
        async with self._tidying:
            chunk = await self._write(lambda: self._rollup.begin(length, until, self._writer.kept_from))
            if chunk is None:
                return False
            await self._on(self._rolling, lambda: self._roller.roll(chunk))
            return await self._write(lambda: self._rollup.end(chunk))

    async def names(self, field: str, contains: str | None = None, limit: int = 1000) -> dict[int, str]:
        """Return texts of a dimension by their numbers: all, or those that have this text in them, in any case."""
        rows = await self.ask(
            "SELECT id, value FROM names WHERE field = ? AND (? IS NULL OR contains(lower(value), lower(?)))"
            " ORDER BY value LIMIT ?",
            (field, contains, contains, limit),
            _EVENT_SECONDS,
        )
        return dict(rows)

    async def event(self, number: str, columns: frozenset[str] | None = None) -> dict[str, Any] | None:
        """Return the event with this id as it came, or what of it is in these columns; None if there is none."""
        found = await self._readers.use(reader_of(self.people, (number,), columns), _EVENT_SECONDS)
        return found[0] if found else None

    async def events(self, ids: Sequence[str], seconds: float = _EVENT_SECONDS) -> list[dict[str, Any]]:
        """Return the events with these ids, in their order, without those that are not there."""
        return await self._readers.use(reader_of(self.people, ids), seconds)

    def watching(self, wanted: Callable[[Fed], bool] | None = None) -> AbstractContextManager[feed.Watcher]:
        """Look at what is appended while the block runs; one who is slow misses the oldest."""
        return self._feed.watching(wanted)

    async def exchange(self) -> None:
        """Put a copy in the place of DuckDB's file: what was deleted is nowhere on the disk when this returns.

        Raises StoreWaits without room for the copy: then the file is as it was.
        """
        exchange = self._exchange
        async with self._tidying:
            try:
                await self._write(lambda: exchange.begin(self._least_free_bytes))
                await self._on(self._rolling, exchange.copy)
                async with self._readers.paused():
                    placing = asyncio.ensure_future(self._write(exchange.place))
                    try:
                        await asyncio.shield(placing)
                    finally:
                        # Whoever asked for it may go away meanwhile.
                        await asyncio.wait((placing,))
            except (StoreUnusable, duckdb.Error):
                # The file is closed, and could not be opened again.
                self.broken.set()
                raise
            except BaseException:
                exchange.stop()
                await self._on(self._rolling, lambda: None)
                await self._write(exchange.end)
                raise

    async def keep_until(self, time_ms: int) -> int:
        """Let go of the events from before this time; returns how many there were."""
        before = time_ms * 1000

        def let_go() -> int:
            try:
                count = self._removal.let_go(before)
                for _ in self._removal.collect_names() if count else ():
                    pass
            finally:
                # As it is in the file now, however far that came.
                self._writer.kept_from = self._removal.kept_from()
                self._names.read()
            return count

        async with self._tidying:
            count = await self._write(let_go)
            if count:
                await self._steps(self._removal.collect())
                await self._write(self._removal.settle)
        return count

    async def shrink_to(self, most_bytes: int) -> int:
        """Let go of the oldest events until the store takes no more than this; returns how many there were."""
        count = 0
        for _ in range(_MOST_CUTS):
            used = await self.used_bytes()
            if used <= most_bytes:
                break
            share = max(1 - _AFTER_CUT * most_bytes / used, _LEAST_CUT)
            before = await self._write(partial(self._removal.oldest_beyond, share))
            if before is None:
                break
            count += await self.keep_until(before // 1000 + 1)
        return count

    async def used_bytes(self) -> int:
        """Return what the store takes, without the room in its files that is free again."""
        return await self._write(self._removal.used_bytes)

    async def settle(self) -> None:
        """Bring all that waits in write-ahead logs into the files."""
        async with self._tidying:
            await self._write(self._removal.settle)

    async def account(self, sender: str, instance: str, seen_ms: int, account: dict[str, Any]) -> None:
        """Keep what a sender says of itself, in place of what it said before."""
        await self._write(lambda: keep_account(self._facts, sender, instance, seen_ms, account))

    async def accounts(self) -> list[Account]:
        """Return the last account of each sender."""
        return accounts_of(await self.ask(ACCOUNTS, (), _EVENT_SECONDS))

    async def _steps(self, steps: Iterator[int]) -> list[int]:
        """Take the steps one by one, so that events get in between."""
        counts: list[int] = []
        while (count := await self._write(lambda: next(steps, None))) is not None:
            counts.append(count)
        return counts

    async def _write(self, work: Callable[[], _R]) -> _R:
        return await self._on(self._writing, work)

    async def _on(self, threads: ThreadPoolExecutor, work: Callable[[], _R]) -> _R:
        # What was begun is finished: a caller that goes away must not leave half a transaction.
        try:
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(threads, work))
        except (duckdb.Error, sqlite3.Error, OSError, StoreWaits) as error:
            cause = error.__cause__ if isinstance(error, StoreWaits) else error
            if isinstance(cause, duckdb.FatalException):
                self.broken.set()
            if isinstance(error, StoreWaits):
                raise
            raise StoreWaits(
                f"the store's disk does not take this: {str(error).partition(chr(10))[0]}; make room on it"
            ) from error

    def _look_for_room(self) -> None:
        room = os.statvfs(self.folder)
        if room.f_bavail * room.f_frsize < self._least_free_bytes:
            raise StoreWaits(
                f"the disk of {self.folder} has less than {self._least_free_bytes} bytes free; "
                "make room on it, or lower max_bytes in [bridge.analytics]"
            )

    def close(self) -> None:
        """End the threads; what was begun is finished, but for what was being rolled up."""
        self._exchange.stop()
        self._roller.close()
        self._rolling.shutdown()
        self._writing.shutdown()
        self._readers.close()
        self.people.close()

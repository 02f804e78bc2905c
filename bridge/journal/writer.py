"""The one thread that writes: everything that waits goes into one transaction (J4)."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.contracts import Block
from bridge.errors import JournalError
from bridge.journal.schema import is_damage
from bridge.journal.totals import Key
from bridge.telemetry.journal import JournalHappenings

# How long a cursor that is alone may wait for company.
_LAZY_SECONDS: Final = 0.1


@dataclass(slots=True)
class Transaction:
    """What a piece of work sees of the transaction that it runs in, on the writer's thread."""

    connection: sqlite3.Connection
    changes: dict[Key, int] = field(default_factory=dict)
    """Of the totals."""
    pending: dict[str, int] = field(default_factory=dict)
    """Changes of the events that wait, by sink."""
    inserted: list[tuple[Block, int, int]] = field(default_factory=list)
    """New blocks, their events' bytes in memory, and the bytes that they take on disk."""
    cursors: dict[str, int] = field(default_factory=dict)
    """New places of cursors, by sink."""
    registered: dict[str, int] | None = None
    """Events that waited for each configured sink before this transaction, when it registers them."""
    blocks_bytes: int = 0
    live_bytes: int = 0
    dead_bytes: int = 0
    """Changes of the room that all blocks, undelivered blocks and dead letters take."""

    def count(self, name: str, owner: str, events: int, reason: str = "") -> None:
        """Change a total by that many events."""
        if events:
            key = (name, owner, reason)
            self.changes[key] = self.changes.get(key, 0) + events


Work = Callable[[Transaction], Any]


class Again(Exception):  # noqa: N818 - says what to do
    """Raised when damage was met by what can wait: the transaction is begun anew, and it is not tried again."""


@dataclass(slots=True)
class Job:
    """A piece of work and those who wait for it."""

    work: Work
    future: asyncio.Future[Any]
    lazy: bool = False
    taken: bool = False
    """The writer has begun with it: nothing may be added any more."""


class Writer:
    """Owns the writing connection. `submit` is called on the event loop, work runs on the thread.

    `before_commit` runs on the thread at the end of each transaction, `after_commit` on the thread when it
    is on disk, and `publish` then on the event loop, before the jobs' futures are done (J6). `damaged` is told,
    on the thread, what SQLite found wrong with the file.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        before_commit: Work,
        after_commit: Work,
        publish: Work,
        damaged: Callable[[str], None],
        happenings: JournalHappenings,
    ) -> None:
        self._connection = connection
        self._before_commit = before_commit
        self._after_commit = after_commit
        self._publish = publish
        self._damaged = damaged
        self._happenings = happenings
        self._loop = asyncio.get_running_loop()
        self._condition = threading.Condition()
        self._jobs: list[Job] = []
        self._closing = False
        self.busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    @property
    def lock(self) -> threading.Condition:
        """Held while jobs are taken; whoever adds to a job that is not `taken` holds it meanwhile."""
        return self._condition

    def submit(self, work: Work, *, lazy: bool = False) -> Job:
        """Put a piece of work into the next transaction."""
        job = Job(work, self._loop.create_future(), lazy)
        with self._condition:
            if self._closing:
                raise JournalError("the journal is closed")
            self._jobs.append(job)
            if not lazy or len(self._jobs) == 1:
                self._condition.notify()
        return job

    async def do(self, work: Work, *, lazy: bool = False) -> Any:
        """Return what the work returned, once it is committed; raises what made it fail."""
        return await asyncio.shield(self.submit(work, lazy=lazy).future)

    async def close(self) -> None:
        """Commit what waits and end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _run(self) -> None:
        while jobs := self._take():
            self.busy_since = time.monotonic()
            self._commit(jobs)
            self.busy_since = None

    def _take(self) -> list[Job]:
        with self._condition:
            self._condition.wait_for(lambda: self._jobs or self._closing)
            if not self._closing and all(job.lazy for job in self._jobs):
                self._condition.wait_for(
                    lambda: self._closing or not all(job.lazy for job in self._jobs), _LAZY_SECONDS
                )
            jobs, self._jobs = self._jobs, []
            for job in jobs:
                job.taken = True
            return jobs

    def _commit(self, jobs: list[Job]) -> None:
        transaction = Transaction(self._connection)
        began = time.perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [job.work(transaction) for job in jobs]
            self._before_commit(transaction)
            self._connection.execute("COMMIT")
        except Again as again:
            self._roll_back()
            self._damaged(str(again))
            self._commit(jobs)
            return
        except Exception as error:  # noqa: BLE001 - whoever waits for the job is told
            self._roll_back()
            if len(jobs) > 1:
                # One bad job must not fail the others.
                for job in jobs:
                    self._commit([job])
                return
            if isinstance(error, sqlite3.Error) and is_damage(error):
                self._damaged(str(error))
            self._happenings.commit_failed(error)
            self._loop.call_soon_threadsafe(_fail, jobs[0].future, error)
            return
        self._after_commit(transaction)
        self._happenings.committed(time.perf_counter() - began)
        self._loop.call_soon_threadsafe(self._done, transaction, jobs, results)

    def _roll_back(self) -> None:
        # After some errors SQLite has done it, or cannot: then the next BEGIN says so.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _done(self, transaction: Transaction, jobs: list[Job], results: list[Any]) -> None:
        self._publish(transaction)
        for job, result in zip(jobs, results, strict=True):
            # A block's work knows its events and its job: without this, only the garbage collector frees them.
            job.work = nothing
            if not job.future.done():
                job.future.set_result(result)


def nothing(_transaction: Transaction) -> None:
    """Work that is done already, or a transaction for the sake of what each of them does at its end."""


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # Retrieved here, so that a job nobody waits for any more leaves no warning.
        future.exception()

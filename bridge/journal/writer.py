"""The one thread that writes: everything that waits goes into one transaction (J4)."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Final

from bridge.batches import Block
from bridge.errors import JournalError, JournalFull
from bridge.journal.happenings import JournalHappenings
from bridge.journal.schema import is_damage
from bridge.journal.totals import TotalKey

# How long a cursor may wait for other work to share its commit.
_LAZY_SECONDS: Final = 0.1
# A commit costs about 0.3 ms of CPU, however little is in it. If the last commit answered several senders, they will
# most likely come again, so the next commit waits this long for as many. In this way sixteen connections that post one
# event at a time share each commit; without the wait only four to eight of them do.
_GATHER_SECONDS: Final = 0.003
_LEAST_COMPANY: Final = 4


@dataclass(slots=True)
class Transaction:
    """The transaction that a piece of work runs in, on the writer's thread."""

    connection: sqlite3.Connection
    changes: dict[TotalKey, int] = field(default_factory=dict)
    """Of the totals."""
    pending: dict[str, int] = field(default_factory=dict)
    """Changes of the events that wait, by sink."""
    letters: dict[tuple[str, str | None], int] = field(default_factory=dict)
    """Changes of the letters that are kept, by sink and by the tenant that they are parked for."""
    inserted: list[tuple[Block, int, int]] = field(default_factory=list)
    """New blocks, their events' bytes in memory, and the bytes that they take on disk."""
    cursors: dict[str, int] = field(default_factory=dict)
    """New places of cursors, by sink."""
    registered: dict[str, int] | None = None
    """Events that waited for each configured sink before this transaction, when it registers them."""
    furthest: dict[str, int] | None = None
    """The furthest block of each configured sink, when it registers them."""
    reached: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """Blocks that new positions wait for, by source and key; None: the newest position is settled."""
    settled: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    """Positions that are settled now; None: forgotten."""
    asked: bool = False
    """A source began to ask for its settled positions."""
    behind: bool = False
    """More positions could be settled than one transaction takes."""
    blocks_bytes: int = 0
    live_bytes: int = 0
    dead_bytes: int = 0
    """Changes of the room that all blocks, undelivered blocks and dead letters take."""

    def keep(self, sink: str, tenant: str | None, letters: int) -> None:
        """Note that this many more letters are kept."""
        self.letters[sink, tenant] = self.letters.get((sink, tenant), 0) + letters

    def count(self, name: str, owner: str, events: int, reason: str = "") -> None:
        """Change a total by that many events."""
        if events:
            key = (name, owner, reason)
            self.changes[key] = self.changes.get(key, 0) + events


Work = Callable[[Transaction], Any]


class Again(Exception):  # noqa: N818 - says what to do
    """Raised when work that can wait found damage: the transaction starts again without that work."""


@dataclass(slots=True)
class Job:
    """A piece of work and those who wait for it."""

    work: Work
    lazy: bool = False
    failed: Callable[[Exception], None] | None = None
    """Called on the event loop with the error if the work failed."""
    waiters: list[asyncio.Future[Any]] = field(default_factory=list)
    taken: bool = False
    """The writer has it: nothing more may be added."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A transaction that is over: what its jobs returned, or the error that undid the one job in it."""

    transaction: Transaction
    jobs: list[Job]
    results: list[Any]
    error: Exception | None = None


class Writer:
    """Owns the writing connection. Jobs gather on the event loop; a thread commits them, a group at a time.

    `before_commit` runs on the thread at the end of each transaction, `after_commit` on the thread when the transaction
    is on disk, and `publish` then on the event loop, before the callers get their results (J6). `damaged` is called
    on the thread with what SQLite found wrong with the file; `explained` turns an error into the one that callers get.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        before_commit: Work,
        after_commit: Work,
        publish: Work,
        damaged: Callable[[str], None],
        explained: Callable[[Exception], Exception],
        happenings: JournalHappenings,
    ) -> None:
        self._connection = connection
        self._before_commit = before_commit
        self._after_commit = after_commit
        self._publish = publish
        self._damaged = damaged
        self._explained = explained
        self._happenings = happenings
        self._loop = asyncio.get_running_loop()
        self._groups: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._jobs: list[Job] = []
        self._urgent = 0
        """How many wait for more than a cursor."""
        self._expected = 0
        """How many of them make a group that waits for no more."""
        self._busy = False
        self._gathering: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._closing = False
        self.busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(
        self, work: Work, *, lazy: bool = False, failed: Callable[[Exception], None] | None = None
    ) -> Job:
        """Put a piece of work into the next transaction; `wait` must follow at once."""
        if self._closing:
            raise JournalError("the journal is closed")
        job = Job(work, lazy, failed)
        self._jobs.append(job)
        return job

    def wait(self, job: Job) -> asyncio.Future[Any]:
        """Return a future with what a job's work returns, done once it is committed, or with its error.

        Each caller has its own future: cancelling one changes nothing for the others.
        """
        waiter = self._loop.create_future()
        job.waiters.append(waiter)
        if not job.lazy:
            self._urgent += 1
        self._plan()
        return waiter

    async def do(self, work: Work, *, lazy: bool = False) -> Any:
        """Return what the work returned, once it is committed; raises the error that made it fail."""
        return await self.wait(self.submit(work, lazy=lazy))

    async def close(self) -> None:
        """Commit what waits and end the thread."""
        self._closing = True
        if self._jobs:
            self._hand_over()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _plan(self) -> None:
        """Plan when to hand over what waits: work that comes during a commit goes into the next one."""
        if self._busy or not self._jobs:
            return
        if self._urgent:
            if self._urgent >= self._expected:
                self._hand_over()
            elif self._gathering is None:
                self._gathering = self._loop.call_later(_GATHER_SECONDS, self._hand_over)
        elif self._lingering is None:
            self._lingering = self._loop.call_later(_LAZY_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        for timer in (self._gathering, self._lingering):
            if timer is not None:
                timer.cancel()
        self._gathering = self._lingering = None
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.taken = True
        self._urgent, self._busy = 0, True
        self._groups.put(jobs)

    def _run(self) -> None:
        while (jobs := self._groups.get()) is not None:
            self.busy_since = time.monotonic()
            ended = self._commit(jobs)
            self.busy_since = None
            self._loop.call_soon_threadsafe(self._done, ended)

    def _commit(self, jobs: list[Job]) -> list[_Ended]:
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
            return self._commit(jobs)
        except Exception as error:  # noqa: BLE001 - those who wait for the job get it
            self._roll_back()
            if len(jobs) > 1:
                # One bad job must not fail the others.
                return [ended for job in jobs for ended in self._commit([job])]
            if isinstance(error, sqlite3.Error) and is_damage(error):
                self._damaged(str(error))
            told = self._explained(error)
            if not isinstance(told, JournalFull):
                self._happenings.commit_failed(told)
            return [_Ended(transaction, jobs, [], told)]
        self._after_commit(transaction)
        self._happenings.committed(time.perf_counter() - began)
        return [_Ended(transaction, jobs, results)]

    def _roll_back(self) -> None:
        # After some errors SQLite has already done it, or cannot do it: then the next BEGIN fails and says so.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _done(self, group: list[_Ended]) -> None:
        self._busy = False
        expected = self._urgent + sum(
            len(job.waiters) for ended in group for job in ended.jobs if not job.lazy
        )
        self._expected = expected if expected >= _LEAST_COMPANY else 0
        try:
            for ended in group:
                if ended.error is None:
                    self._publish(ended.transaction)
                    for job, result in zip(ended.jobs, ended.results, strict=True):
                        _tell(job, result)
                else:
                    _fail(ended.jobs[0], ended.error)
        finally:
            self._plan()


def no_work(_transaction: Transaction) -> None:
    """Do nothing: the work is done already, or the transaction is wanted for its upkeep only."""


def _tell(job: Job, result: Any) -> None:
    # A block's work knows its events and its job: without this, only the garbage collector frees them.
    job.work = no_work
    for waiter in job.waiters:
        if not waiter.done():
            waiter.set_result(result)


def _fail(job: Job, error: Exception) -> None:
    job.work = no_work
    if job.failed is not None:
        job.failed(error)
    for waiter in job.waiters:
        if not waiter.done():
            waiter.set_exception(error)

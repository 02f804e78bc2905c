"""The journal as the rest of the bridge sees it: append, read, advance, and the dead letters."""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

from bridge.batches import Block
from bridge.contracts import Clock
from bridge.document.limits import JournalLimits
from bridge.errors import JournalFull, JournalWaits
from bridge.journal import salvage, schema
from bridge.journal.assembly import Accepted, Assembly
from bridge.journal.blocks import last_number, read_block, received_ms_from
from bridge.journal.books import Books
from bridge.journal.cursors import Advance, advance, rewind
from bridge.journal.dead_letters import DeadLetters
from bridge.journal.happenings import JournalHappenings
from bridge.journal.obstacles import Obstacles
from bridge.journal.reader import Reader
from bridge.journal.recent import RecentBlocks
from bridge.journal.registration import Cursor, Registered, SinkStart, let_go, read_cursor, register
from bridge.journal.retention import Retention
from bridge.journal.settled import Settled
from bridge.journal.totals import write_changes
from bridge.journal.writer import Job, Transaction, Writer, no_work


class Journal:
    """One open journal; all methods are called on the event loop.

    The caller holds the state folder's lock.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        state_dir: Path,
        settings: JournalLimits,
        happenings: JournalHappenings,
        clock: Clock,
    ) -> None:
        self.state_dir = state_dir
        self._happenings = happenings
        self._clock = clock
        self.books = Books(connection)
        self.totals = self.books.totals
        self._retention = Retention(connection, state_dir, settings, clock)
        self._settled = Settled(connection)
        self.obstacles = Obstacles(self._retention, state_dir, clock)
        self.last_seq = last_number(connection)
        self.removed: dict[str, int] = {}
        self._assemblies: dict[str, tuple[Assembly, Job]] = {}
        self._recent = RecentBlocks()
        self._grown = asyncio.Event()
        self._reader = Reader(state_dir)
        self._writer = Writer(
            connection,
            before_commit=self._before_commit,
            after_commit=self._after_commit,
            publish=self._publish,
            damaged=self._damaged,
            explained=self.obstacles.explained,
            happenings=happenings,
        )
        self.dead = DeadLetters(self._reader, self._writer)

    @classmethod
    async def open(
        cls, state_dir: Path, settings: JournalLimits, happenings: JournalHappenings, clock: Clock
    ) -> Self:
        """Open the journal of a state folder, and make it if it is missing.

        A damaged one is set aside, and a new one begins with what can be read of it. Raises JournalUnusable.
        """
        connection, saved = await asyncio.to_thread(salvage.open_or_save, state_dir, clock)
        try:
            journal = cls(connection, state_dir, settings, happenings, clock)
        except BaseException:
            connection.close()
            raise
        if saved is not None:
            happenings.set_aside(**asdict(saved))
        happenings.opened(
            path=str(state_dir / schema.FILE_NAME),
            events_journalled=journal.totals.sum("events_journalled"),
            file_bytes=schema.file_bytes(state_dir),
        )
        return journal

    async def close(self) -> None:
        """Commit what waits and close the file; the writer last, because the last one empties the WAL."""
        await asyncio.to_thread(self._reader.close)
        await self._writer.close()

    def renew(self, settings: JournalLimits) -> None:
        """Use these limits from now on."""
        self._retention.renew(settings)

    @property
    def retain_seconds(self) -> float:
        """For how long delivered events are kept, room permitting."""
        return self._retention.retain_seconds

    @property
    def pending(self) -> dict[str, int]:
        """The events that wait for each configured sink."""
        return self.books.pending

    def now_ms(self) -> int:
        """Return the time of day by the journal's clock, in milliseconds since the epoch."""
        return int(self._clock.time() * 1000)

    # In

    def append(self, accepted: Accepted) -> asyncio.Future[None]:
        """Return a future that is done when the events, the positions and the totals are on disk (P1, P2).

        Raises JournalWaits, at once or through the future, when there is no room or the disk fails: nothing was taken.
        """
        if accepted.bodies and (full := self._retention.no_room()) is not None:
            self._happenings.full(str(full))
            raise full
        return self._writer.wait(self._join(accepted))

    def _join(self, accepted: Accepted) -> Job:
        """Put events into the block that waits for the writer, or into a new one."""
        if (waiting := self._assemblies.get(accepted.source)) is not None:
            assembly, job = waiting
            if not job.taken and assembly.take(accepted):
                return job
        asked = self._settled.asked_by(accepted.source)
        assembly = Assembly(accepted, self.now_ms(), self._settled if asked else None)
        job = self._writer.submit(assembly.write, failed=self._append_failed)
        self._assemblies[accepted.source] = assembly, job
        return job

    def _append_failed(self, error: Exception) -> None:
        if isinstance(error, JournalFull):
            self._happenings.full(str(error))
        self.obstacles.append_failed(error)

    def _before_commit(self, transaction: Transaction) -> None:
        self._retention.prune(transaction)
        self._retention.settle(transaction)
        self._settled.settle(transaction)
        if transaction.inserted and (replaced := self._retention.replaced()) is not None:
            raise replaced
        if transaction.changes:
            write_changes(transaction.connection, transaction.changes)

    def _after_commit(self, transaction: Transaction) -> None:
        self._retention.apply(transaction)
        self._settled.apply(transaction)

    def _publish(self, transaction: Transaction) -> None:
        self.books.publish(transaction)
        self._settled.publish(transaction)
        for block, raw_bytes, _ in transaction.inserted:
            self.last_seq = block.seq
            self._recent.add(block, raw_bytes)
        if transaction.inserted:
            self.obstacles.appended()
            self._happenings.room_again()
            self._grown.set()
            self._grown = asyncio.Event()

    def _damaged(self, what: str) -> None:
        if salvage.ask_for(self.state_dir, what):
            self._happenings.damaged(what)

    async def positions(self, source: str) -> dict[str, bytes]:
        """Return how far a source has been read, by the source's keys."""
        return await self._reader.positions(source)

    def settled(self, source: str) -> AsyncIterator[Mapping[str, bytes]]:
        """Yield a source's settled positions: those up to which every sink has dealt with its events."""
        return self._settled.positions(source, self._writer)

    # Out

    async def register(self, sinks: Sequence[SinkStart] | None = None) -> dict[str, Cursor]:
        """Bring the cursors into line with the configured sinks and return them; None: the sinks that it knows.

        Before this the lane of a removed sink must have ended; after it a new sink's lane may start.
        """

        def work(transaction: Transaction) -> Registered:
            found = register(transaction, sinks, self.now_ms())
            self._settled.register(transaction)
            cursors = {name: cursor.seq for name, cursor in found.cursors.items()}
            self._retention.follow(transaction, cursors, found.removed)
            # The rows already hold what this transaction did before, and `_publish` will add that.
            inserted = sum(len(block.ids) for block, _, _ in transaction.inserted)
            transaction.registered = {
                name: pending - inserted - transaction.pending.get(name, 0)
                for name, pending in found.pending.items()
            }
            return found

        found: Registered = await self._writer.do(work)
        self.removed = found.removed
        for sink, events in found.let_go.items():
            self._happenings.sink_let_go(sink, events)
        for sink, events in found.skipped.items():
            self._happenings.sink_skips(sink, events)
        for sink, (expected, pending) in found.differing.items():
            self._happenings.books_differ(sink, expected, pending)
        return found.cursors

    async def cursor(self, sink: str) -> Cursor:
        """Return where a sink stands on disk."""
        return await self._reader.ask(functools.partial(read_cursor, sink=sink))

    async def next_block(self, seq: int) -> Block:
        """Return the first block whose number is `seq` or higher; waits until there is one.

        Raises BlockCorrupt.
        """
        while seq > self.last_seq:
            await self._grown.wait()
        if (recent := self._recent.find(seq)) is not None:
            return recent
        stored = await self._reader.ask(functools.partial(read_block, seq=seq))
        # Numbers have gaps after a salvage: perhaps every block up to here is gone.
        return stored or await self.next_block(self.last_seq + 1)

    def in_memory(self, seq: int) -> bool:
        """Tell whether this block and those after it are in memory."""
        return seq > self.last_seq or self._recent.reach_back_to(seq)

    async def oldest_pending_ms(self, seq: int) -> int | None:
        """Return when the first block from `seq` on was received, None if there is none."""
        if seq > self.last_seq:
            return None
        return await self._reader.ask(functools.partial(received_ms_from, seq=seq))

    async def advance(self, step: Advance) -> None:
        """Return when the cursor, the dead letters and the totals are on disk (P3).

        Raises JournalWaits when the disk fails: nothing was committed, and the same call may be tried again.
        """
        now_ms = self.now_ms()
        await self._writer.do(
            functools.partial(advance, step=step, now_ms=now_ms),
            lazy=not (step.letters or step.replayed or step.refused_again),
        )

    async def rewind(self, sink: str, to_ms: int) -> tuple[int, int]:
        """Put a sink's cursor back to the first block received at `to_ms` or later; its lane must not run.

        Returns how many events it will get again, and when the first of them was received. Only events that are
        still kept can be delivered again.
        """
        rewound: tuple[int, int] = await self._writer.do(functools.partial(rewind, sink=sink, to_ms=to_ms))
        return rewound

    # Upkeep

    async def tidy(self) -> None:
        """Delete what need not be kept, forget sinks removed a week ago, give room back; called now and then."""
        if self.removed:
            gone: dict[str, int] = await self._writer.do(
                lambda transaction: let_go(transaction, self.now_ms())
            )
            self._retention.forget(gone)
            for sink, events in gone.items():
                self.removed.pop(sink, None)
                self._happenings.sink_let_go(sink, events)
        # Step by step, so that appends get in between. Every transaction deletes some blocks at its end.
        self._retention.hurry()
        await self._writer.do(no_work)
        while self._retention.behind or self._settled.behind:
            await self._writer.do(no_work)
        while await self._writer.do(self._retention.shrink):
            pass

    def stuck_seconds(self, now: float) -> float:
        """Return how long the writer has been busy with one transaction; 0 when it is idle."""
        since = self._writer.busy_since
        return 0.0 if since is None else now - since

    def obstacle(self) -> JournalWaits | None:
        """Return why no events are taken now, or None."""
        return self.obstacles.now()

    def starved(self) -> str | None:
        """Return who keeps the WAL from being emptied, with the cure, or None."""
        return self._retention.starved()

    def sizes(self) -> dict[str, int]:
        """Return bytes: used (what counts against the limit), the limit, all blocks, files, WAL, free on the disk."""
        return self._retention.sizes()

    def recent_ids(self, since_ms: int, most: int) -> AsyncIterator[Sequence[str]]:
        """Yield the ids of the blocks received since then, the newest block first, about `most` of them."""
        return self._reader.recent_ids(self.last_seq + 1, since_ms, most)

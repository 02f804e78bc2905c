"""The journal as the rest of the bridge sees it: append, read, advance, and the dead letters."""

import asyncio
import functools
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bridge.contracts import Block, Clock
from bridge.errors import JournalFull
from bridge.journal import schema
from bridge.journal.assembly import Accepted, Assembly
from bridge.journal.blocks import COLUMNS, BlockCorrupt, read_row
from bridge.journal.dead_letters import DeadLetters, Letter, insert, settle
from bridge.journal.reader import Reader
from bridge.journal.registration import Cursor, Registered, SinkStart, register
from bridge.journal.retention import Retention
from bridge.journal.totals import Totals
from bridge.journal.writer import Transaction, Writer
from bridge.settings import JournalSettings
from bridge.telemetry.journal import JournalHappenings

# What the last committed blocks may hold in memory, decoded, for the lanes that keep up (P8).
_RECENT_BYTES: Final = 2 * 2**20


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a sink has come (J2): its cursor's new place and what became of the events before it."""

    sink: str
    seq: int
    at: int
    state: bytes | None = None
    """What the sink wants to remember; None leaves what it remembered before."""
    delivered: int = 0
    filtered: int = 0
    corrupt: int = 0
    letters: Sequence[Letter] = ()
    corrupt_blocks: Sequence[tuple[int, str]] = ()
    replayed: Sequence[int] = ()
    """Numbers of dead letters that were delivered."""
    refused_again: Sequence[tuple[int, Letter]] = ()
    """Numbers of dead letters that were not, with the new reason."""


class Journal:
    """One journal, opened; all methods are called on the event loop.

    The caller holds the state folder's lock.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        state_dir: Path,
        settings: JournalSettings,
        happenings: JournalHappenings,
        clock: Clock,
    ) -> None:
        self.state_dir = state_dir
        self._settings = settings
        self._happenings = happenings
        self._clock = clock
        self.totals = Totals(connection.execute("SELECT name, owner, reason, value FROM totals"))
        self._retention = Retention(connection, state_dir, settings, clock)
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'blocks'").fetchone()
        self.last_seq: int = row[0] if row else 0
        self.pending: dict[str, int] = {}
        self.removed: dict[str, int] = {}
        self._assembly: Assembly | None = None
        self._recent: deque[tuple[Block, int]] = deque()
        self._recent_bytes = 0
        self._grown = asyncio.Event()
        self._reader = Reader(state_dir)
        self._writer = Writer(
            connection,
            before_commit=self._before_commit,
            after_commit=self._retention.apply,
            publish=self._publish,
            happenings=happenings,
        )
        self.dead = DeadLetters(self._reader, self._writer)

    @classmethod
    async def open(
        cls, state_dir: Path, settings: JournalSettings, happenings: JournalHappenings, clock: Clock
    ) -> Self:
        """Open the journal of a state folder, making it if need be.

        Raises JournalUnusable, or sqlite3.Error for what is damaged.
        """
        connection = await asyncio.to_thread(schema.open_for_writing, state_dir)
        journal = cls(connection, state_dir, settings, happenings, clock)
        happenings.opened(
            path=str(state_dir / schema.FILE_NAME),
            events_journalled=journal.totals.sum("events_journalled"),
            file_bytes=schema.file_bytes(state_dir),
        )
        return journal

    async def close(self) -> None:
        """Commit what waits and close the file."""
        await self._writer.close()
        self._reader.close()

    # In

    async def append(self, accepted: Accepted) -> None:
        """Return when the events, the positions and the totals are on disk (P1, P2).

        Raises JournalFull when there is no room or the disk fails; nothing was taken then.
        """
        if accepted.bodies:
            if (why := self._retention.why_full()) is not None:
                self._happenings.full(why)
                raise JournalFull(why)
            self._happenings.room_again()
        with self._writer.lock:
            assembly = self._assembly
            if assembly is None or not assembly.take(accepted):
                assembly = self._assembly = Assembly(accepted, int(self._clock.time() * 1000))
                # The lock keeps the writer from it until `job` is set.
                assembly.job = self._writer.submit(assembly.write)
        assert assembly.job is not None  # noqa: S101 - set above or when it began
        try:
            await asyncio.shield(assembly.job.future)
        except sqlite3.Error as error:
            raise JournalFull(
                f"the journal cannot be written: {error}; look at the disk of {self.state_dir}"
            ) from error

    def _before_commit(self, transaction: Transaction) -> None:
        self._retention.prune(transaction)
        self._retention.settle(transaction)
        transaction.connection.executemany(
            "INSERT INTO totals VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
            [(*key, value) for key, value in transaction.changes.items()],
        )

    def _publish(self, transaction: Transaction) -> None:
        self.totals.add(transaction.changes)
        for sink, events in transaction.pending.items():
            self.pending[sink] += events
        for block, raw_bytes, _ in transaction.inserted:
            self.last_seq = block.seq
            for sink in self.pending:
                self.pending[sink] += len(block.ids)
            self._recent.append((block, raw_bytes))
            self._recent_bytes += raw_bytes
        while self._recent_bytes > _RECENT_BYTES and len(self._recent) > 1:
            self._recent_bytes -= self._recent.popleft()[1]
        if transaction.inserted:
            self._grown.set()
            self._grown = asyncio.Event()

    async def positions(self, source: str) -> dict[str, bytes]:
        """Return how far a source has been read, by its own keys."""
        return await self._reader.ask(
            lambda connection: dict(
                connection.execute("SELECT key, value FROM positions WHERE source = ?", (source,)).fetchall()
            )
        )

    # Out

    async def register(self, sinks: Sequence[SinkStart]) -> dict[str, Cursor]:
        """Bring the cursors into line with the configured sinks and return them; called before any lane runs."""

        def work(transaction: Transaction) -> Registered:
            found = register(transaction, sinks, self.totals, int(self._clock.time() * 1000))
            cursors = {name: cursor.seq for name, cursor in found.cursors.items()}
            self._retention.follow(transaction.connection, cursors, found.removed)
            return found

        found: Registered = await self._writer.do(work)
        self.pending = found.pending
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
        return await self._reader.ask(
            lambda connection: Cursor(
                *connection.execute("SELECT seq, at, state FROM cursors WHERE sink = ?", (sink,)).fetchone()
            )
        )

    async def next_block(self, seq: int) -> Block:
        """Return the first block whose number is `seq` or higher; waits until there is one.

        Raises BlockCorrupt.
        """
        while seq > self.last_seq:
            await self._grown.wait()
        for block, _ in reversed(self._recent):
            if block.seq == seq:
                return block
        stored = await self._reader.ask(lambda connection: _read_block(connection, seq))
        # Numbers are not dense after a salvage: perhaps everything up to here is gone.
        return stored or await self.next_block(self.last_seq + 1)

    async def oldest_pending_ms(self, seq: int) -> int | None:
        """Return when the first block from `seq` on was received, None if there is none."""
        if seq > self.last_seq:
            return None

        def look(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "SELECT received_ms FROM blocks WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,)
            ).fetchone()
            return row[0] if row else None

        return await self._reader.ask(look)

    async def advance(self, step: Advance) -> None:
        """Return when the cursor, the dead letters and the totals are on disk (P3)."""

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            connection.execute(
                "UPDATE cursors SET seq = ?, at = ?, state = coalesce(?, state) WHERE sink = ?",
                (step.seq, step.at, step.state, step.sink),
            )
            now_ms = int(self._clock.time() * 1000)
            insert(transaction, step.sink, step.letters, now_ms)
            settle(transaction, step.sink, step.replayed, step.refused_again, now_ms)
            for name in ("delivered", "filtered", "corrupt"):
                transaction.count(f"events_{name}", step.sink, getattr(step, name))
            connection.executemany(
                "INSERT OR IGNORE INTO corrupt VALUES (?, ?, ?)",
                [(seq, now_ms, what) for seq, what in step.corrupt_blocks],
            )
            transaction.cursors[step.sink] = step.seq
            transaction.pending[step.sink] = transaction.pending.get(step.sink, 0) - (
                step.delivered + step.filtered + step.corrupt + len(step.letters)
            )

        await self._writer.do(work, lazy=not (step.letters or step.replayed or step.refused_again))

    async def rewind(self, sink: str, to_ms: int) -> tuple[int, int]:
        """Put a sink's cursor back to the first block received at `to_ms` or later; its lane must not run.

        Returns how many events it will get again, and when the first of them was received. An event
        that is no longer kept cannot be delivered again: the oldest kept one is the limit.
        """

        def work(transaction: Transaction) -> tuple[int, int]:
            connection = transaction.connection
            seq, at = connection.execute("SELECT seq, at FROM cursors WHERE sink = ?", (sink,)).fetchone()
            row = connection.execute(
                "SELECT seq, received_ms FROM blocks WHERE received_ms >= ? ORDER BY seq LIMIT 1", (to_ms,)
            ).fetchone()
            if row is None or row[0] > seq or (row[0] == seq and at == 0):
                return 0, to_ms
            events: int = connection.execute(
                "SELECT coalesce(sum(count), 0) FROM blocks WHERE seq >= ? AND seq < ?", (row[0], seq)
            ).fetchone()[0]
            connection.execute("UPDATE cursors SET seq = ?, at = 0 WHERE sink = ?", (row[0], sink))
            transaction.count("events_rewound", sink, events + at)
            transaction.cursors[sink] = row[0]
            transaction.pending[sink] = transaction.pending.get(sink, 0) + events + at
            return events + at, row[1]

        rewound: tuple[int, int] = await self._writer.do(work)
        return rewound

    # Upkeep

    async def tidy(self) -> None:
        """Delete what need not be kept and give room back; called now and then when nothing else commits."""
        await self._writer.do(self._retention.shrink)

    def stuck_seconds(self, now: float) -> float:
        """Return for how long the writer has been at one transaction; 0 when it is idle."""
        since = self._writer.busy_since
        return 0.0 if since is None else now - since

    def why_full(self) -> str | None:
        """Return why no events are taken now, or None."""
        return self._retention.why_full()

    def sizes(self) -> dict[str, int]:
        """Return bytes: used (undelivered and dead), the limit, all blocks, the files, free on the disk."""
        return {
            "used_bytes": self._retention.used_bytes,
            "max_bytes": self._settings.max_bytes,
            "blocks_bytes": self._retention.total_bytes,
            "file_bytes": schema.file_bytes(self.state_dir),
            "disk_free_bytes": schema.disk_free_bytes(self.state_dir),
        }

    async def recent_ids(self, since_ms: int, most: int) -> AsyncIterator[bytes]:
        """Yield the ids (16 bytes each) of the blocks received since then, newest first, `most` at the most."""
        seq = self.last_seq + 1
        while most > 0:
            row = await self._reader.ask(functools.partial(_ids_below, seq=seq, since_ms=since_ms))
            if row is None:
                return
            seq, count, ids = row
            most -= count
            yield ids[:-4]


def _read_block(connection: sqlite3.Connection, seq: int) -> Block | None:
    where = "FROM blocks WHERE seq >= ? ORDER BY seq LIMIT 1"
    try:
        row = connection.execute(f"SELECT {COLUMNS} {where}", (seq,)).fetchone()
    except sqlite3.DatabaseError as error:
        found = connection.execute(f"SELECT seq, count {where}", (seq,)).fetchone()
        raise BlockCorrupt(found[0], found[1], str(error)) from error
    return None if row is None else read_row(row)


def _ids_below(connection: sqlite3.Connection, *, seq: int, since_ms: int) -> tuple[int, int, bytes] | None:
    row: tuple[int, int, bytes] | None = connection.execute(
        "SELECT seq, count, ids FROM blocks WHERE seq < ? AND received_ms >= ? ORDER BY seq DESC LIMIT 1",
        (seq, since_ms),
    ).fetchone()
    return row

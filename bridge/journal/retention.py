"""Which blocks may be deleted, and how much room the others take (P4, J3)."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bridge.contracts import Clock
from bridge.document.limits import JournalLimits
from bridge.errors import JournalFull, JournalWaits
from bridge.journal import schema
from bridge.journal.holders import who_reads
from bridge.journal.writer import Again, Transaction

# Deletes are spread over the commits, so that none of them is slow; a commit deletes more when room is needed at once.
_DELETES_PER_COMMIT: Final = 8
_DELETES_WHEN_CROWDED: Final = 128
_DISK_CHECK_SECONDS: Final = 0.5
# Old blocks are not urgent: looking for them at each commit would cost a tenth of the commit.
_AGE_CHECK_SECONDS: Final = 1.0
_VACUUM_PAGES: Final = 1024
# Far more than a checkpoint leaves that has to wait for one of the bridge's own reads.
_STARVED_WAL_BYTES: Final = 2 * schema.WAL_BYTES


class Retention:
    """Knows the room that blocks and dead letters take; runs on the writer's thread.

    The event loop reads its numbers between commits, which is safe for single integers.
    """

    def __init__(
        self, connection: sqlite3.Connection, state_dir: Path, settings: JournalLimits, clock: Clock
    ) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._clock = clock
        self._cursors: dict[str, int] = {}
        self._removed: dict[str, int] = {}
        self._floor = 0
        self._disk_checked = float("-inf")
        self._age_checked = float("-inf")
        self._grew = False
        self._first = 0
        self._paused = False
        self._look_at_wal = False
        self.behind = False
        """Whether the last commit left blocks that need not be kept."""
        self.disk_free_bytes = schema.disk_free_bytes(state_dir)
        self.wal_bytes = schema.wal_bytes(state_dir)
        self._files = schema.file_identities(state_dir)
        self.total_bytes: int = connection.execute(
            "SELECT coalesce(sum(stored_bytes), 0) FROM blocks"
        ).fetchone()[0]
        self.live_bytes = self.total_bytes
        self.dead_bytes: int = connection.execute(
            "SELECT coalesce(sum(length(event)), 0) FROM dead"
        ).fetchone()[0]

    def renew(self, settings: JournalLimits) -> None:
        """Use these limits from the next transaction on."""
        self._settings = settings

    @property
    def retain_seconds(self) -> float:
        """For how long delivered events are kept, room permitting."""
        return self._settings.retain

    def sizes(self) -> dict[str, int]:
        """Return bytes: used (what counts against the limit), the limit, all blocks, files, WAL, free on the disk."""
        return {
            "used_bytes": self.used_bytes,
            "max_bytes": self._settings.max_bytes,
            "blocks_bytes": self.total_bytes,
            "file_bytes": schema.file_bytes(self._state_dir),
            "wal_bytes": schema.wal_bytes(self._state_dir),
            "disk_free_bytes": schema.disk_free_bytes(self._state_dir),
        }

    def hurry(self) -> None:
        """Look at the blocks' ages and at the WAL at the next commit."""
        self._age_checked = float("-inf")
        self._look_at_wal = True

    def follow(
        self, transaction: Transaction, cursors: Mapping[str, int], removed: Mapping[str, int]
    ) -> None:
        """Keep blocks for these cursors: of the configured sinks, and of those that lately left the configuration."""
        self._cursors, self._removed = dict(cursors), dict(removed)
        self._floor = self._lowest()
        row = transaction.connection.execute(
            "SELECT coalesce(sum(stored_bytes), 0) FROM blocks WHERE seq >= ?", (self._floor,)
        ).fetchone()
        # `apply` will add the blocks that this transaction has written.
        self.live_bytes = row[0] - sum(stored for _, _, stored in transaction.inserted)

    def forget(self, sinks: Iterable[str]) -> None:
        """Keep no more blocks for these sinks, which are forgotten."""
        self._removed = {name: seq for name, seq in self._removed.items() if name not in set(sinks)}

    def settle(self, transaction: Transaction) -> None:
        """Work out what the transaction's new cursors and blocks mean for the room; before its commit."""
        transaction.live_bytes = sum(stored for _, _, stored in transaction.inserted)
        if not transaction.cursors:
            return
        floor = min((self._cursors | transaction.cursors).values())
        low, high = min(floor, self._floor), max(floor, self._floor)
        size: int = transaction.connection.execute(
            "SELECT coalesce(sum(stored_bytes), 0) FROM blocks WHERE seq >= ? AND seq < ?", (low, high)
        ).fetchone()[0]
        transaction.live_bytes += size if floor < self._floor else -size

    def apply(self, transaction: Transaction) -> None:
        """Apply what a transaction changed, after its commit."""
        self._cursors |= transaction.cursors
        self._grew = self._grew or bool(transaction.inserted)
        self._floor = self._lowest()
        self.live_bytes += transaction.live_bytes
        self.total_bytes += transaction.blocks_bytes
        self.dead_bytes += transaction.dead_bytes
        if self._look_at_wal:
            self._look_at_wal = False
            self._empty_wal(transaction.connection)

    def _empty_wal(self, connection: sqlite3.Connection) -> None:
        """Empty a WAL that has outgrown its size: if the journal is full because of it, nothing else would empty it."""
        self.wal_bytes = schema.wal_bytes(self._state_dir)
        if self.wal_bytes > schema.WAL_BYTES:
            schema.empty_wal(connection)
            self.wal_bytes = schema.wal_bytes(self._state_dir)

    @property
    def used_bytes(self) -> int:
        """What counts against `max_bytes`: undelivered blocks, dead letters, and what the WAL has above its size."""
        used: int = self.live_bytes + self.dead_bytes + max(0, self.wal_bytes - schema.WAL_BYTES)
        return used

    def no_room(self) -> JournalFull | None:
        """Return why there is no room for events, or None."""
        now = self._clock.monotonic()
        if now - self._disk_checked >= _DISK_CHECK_SECONDS:
            self._disk_checked = now
            self.disk_free_bytes = schema.disk_free_bytes(self._state_dir)
            self.wal_bytes = schema.wal_bytes(self._state_dir)
        if self.used_bytes >= self._settings.max_bytes:
            if (starved := self.starved()) is not None:
                return JournalFull(starved, reason="open_reader")
            return JournalFull(
                f"undelivered events and dead letters take {self.used_bytes} bytes of the "
                f"{self._settings.max_bytes} that [bridge.journal] max_bytes allows"
            )
        if self.disk_free_bytes < self._settings.min_free_bytes:
            return JournalFull(
                f"only {self.disk_free_bytes} bytes are free on the file system of {self._state_dir}; "
                f"[bridge.journal] min_free_bytes asks for {self._settings.min_free_bytes}",
                reason="disk_nearly_full",
            )
        return None

    def starved(self) -> str | None:
        """Return who keeps the WAL from being emptied, with the cure, when it has outgrown its size; or None."""
        if self.wal_bytes <= _STARVED_WAL_BYTES:
            return None
        return (
            f"{self._state_dir / schema.FILE_NAME}-wal has grown to {self.wal_bytes} bytes, because "
            f"{who_reads(self._state_dir)} keeps a read transaction open; end it, then the WAL is emptied"
        )

    def replaced(self) -> JournalWaits | None:
        """Return why the journal's file can no longer take events, or None."""
        if schema.file_identities(self._state_dir) == self._files:
            return None
        # SQLite goes on in the file that has no name any more, which would be gone with the process (P1).
        return JournalWaits(
            f"{self._state_dir / schema.FILE_NAME} or its WAL was deleted or replaced while the bridge runs; "
            "let it deliver what waits, then start it again",
            reason="replaced",
        )

    def prune(self, transaction: Transaction) -> None:
        """Delete blocks that nobody needs, oldest first, a few at a time."""
        if self._paused:
            self._paused = False
            return
        excess = self.total_bytes + self.dead_bytes + transaction.blocks_bytes - self._settings.max_bytes
        disk_is_low = self.disk_free_bytes < self._settings.min_free_bytes
        crowded = excess >= 0 or disk_is_low
        now = self._clock.monotonic()
        if not crowded and not self.behind and now - self._age_checked < _AGE_CHECK_SECONDS:
            return
        self._age_checked = now
        # A rewind in this same transaction needs blocks that were delivered before it.
        floor = min(self._floor, *transaction.cursors.values()) if transaction.cursors else self._floor
        kept_from = min(floor, *self._removed.values()) if self._removed else floor
        horizon_ms = int((self._clock.time() - self._settings.retain) * 1000)
        limit = _DELETES_WHEN_CROWDED if crowded else _DELETES_PER_COMMIT
        rows = transaction.connection.execute(
            "SELECT seq, stored_bytes, received_ms FROM blocks"
            " WHERE seq >= ? AND seq < ? AND seq NOT IN (SELECT seq FROM corrupt) ORDER BY seq LIMIT ?",
            (self._first, floor, limit),
        ).fetchall()
        doomed: list[tuple[int, int]] = []
        for seq, stored_bytes, received_ms in rows:
            old = received_ms < horizon_ms and seq < kept_from
            if excess < 0 and not disk_is_low and not old:
                break
            doomed.append((seq, stored_bytes))
            excess -= stored_bytes
        self.behind = len(doomed) == limit
        try:
            for seq, _ in doomed:
                transaction.connection.execute("DELETE FROM blocks WHERE seq = ?", (seq,))
        except sqlite3.DatabaseError as error:
            if not schema.is_damage(error):
                raise
            # Broken pages must not make other work fail; leave them alone until the file is repaired.
            self._first = doomed[-1][0] + 1
            self._paused = True
            raise Again(str(error)) from error
        transaction.blocks_bytes -= sum(stored_bytes for _, stored_bytes in doomed)

    def shrink(self, transaction: Transaction) -> bool:
        """Give up to 4 MiB of pages back to the file system; returns whether another step is due.

        A step is due when more than half of the file is empty, or the disk is nearly full. While blocks come in it is
        only one step, because they would need the room again.
        """
        connection = transaction.connection
        busy, self._grew = self._grew, False
        free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        disk_is_low = self.disk_free_bytes < self._settings.min_free_bytes
        if free <= _VACUUM_PAGES or not (disk_is_low or free > pages // 2):
            return False
        connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        return not busy

    def _lowest(self) -> int:
        return min(self._cursors.values(), default=0)

"""Which blocks may go, and how much room the others take (P4, J3)."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bridge.contracts import Clock
from bridge.journal import schema
from bridge.journal.writer import Transaction
from bridge.settings import JournalSettings

# Deleting is spread over the commits, so that none of them is slow.
_DELETES_PER_COMMIT: Final = 8
_DISK_CHECK_SECONDS: Final = 0.5
_VACUUM_PAGES: Final = 1024


class Retention:
    """Knows the room that blocks and dead letters take; lives on the writer's thread.

    Its numbers are read by the event loop between commits, which is safe for single integers.
    """

    def __init__(
        self, connection: sqlite3.Connection, state_dir: Path, settings: JournalSettings, clock: Clock
    ) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._clock = clock
        self._cursors: dict[str, int] = {}
        self._removed: dict[str, int] = {}
        self._floor = 0
        self._free_checked = float("-inf")
        self.disk_free_bytes = schema.disk_free_bytes(state_dir)
        self.total_bytes: int = connection.execute(
            "SELECT coalesce(sum(stored_bytes), 0) FROM blocks"
        ).fetchone()[0]
        self.live_bytes = self.total_bytes
        self.dead_bytes: int = connection.execute(
            "SELECT coalesce(sum(length(event)), 0) FROM dead"
        ).fetchone()[0]

    def follow(
        self, connection: sqlite3.Connection, cursors: Mapping[str, int], removed: Mapping[str, int]
    ) -> None:
        """Take the cursors of the configured sinks, and of those that left the configuration lately."""
        self._cursors, self._removed = dict(cursors), dict(removed)
        self._floor = self._lowest()
        row = connection.execute(
            "SELECT coalesce(sum(stored_bytes), 0) FROM blocks WHERE seq >= ?", (self._floor,)
        ).fetchone()
        self.live_bytes = row[0]

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
        """Take over what a transaction changed; after its commit."""
        self._cursors |= transaction.cursors
        self._floor = self._lowest()
        self.live_bytes += transaction.live_bytes
        self.total_bytes += transaction.blocks_bytes
        self.dead_bytes += transaction.dead_bytes

    @property
    def used_bytes(self) -> int:
        """What counts against `max_bytes`: undelivered blocks and dead letters."""
        used: int = self.live_bytes + self.dead_bytes
        return used

    def why_full(self) -> str | None:
        """Return why the journal takes no events now, or None."""
        if self.used_bytes >= self._settings.max_bytes:
            return (
                f"undelivered events and dead letters take {self.used_bytes} bytes of the "
                f"{self._settings.max_bytes} that [bridge.journal] max_bytes allows"
            )
        now = self._clock.monotonic()
        if now - self._free_checked >= _DISK_CHECK_SECONDS:
            self._free_checked = now
            self.disk_free_bytes = schema.disk_free_bytes(self._state_dir)
        if self.disk_free_bytes < self._settings.min_free_bytes:
            return (
                f"only {self.disk_free_bytes} bytes are free on the file system of {self._state_dir}; "
                f"[bridge.journal] min_free_bytes asks for {self._settings.min_free_bytes}"
            )
        return None

    def prune(self, transaction: Transaction) -> None:
        """Delete a few blocks that nobody needs, oldest first."""
        connection = transaction.connection
        crowded = (
            self.total_bytes + self.dead_bytes >= self._settings.max_bytes
            or self.disk_free_bytes < self._settings.min_free_bytes
        )
        if crowded:
            rows = connection.execute(
                "SELECT seq, stored_bytes FROM blocks WHERE seq < ? AND seq NOT IN (SELECT seq FROM corrupt)"
                " ORDER BY seq LIMIT ?",
                (self._floor, _DELETES_PER_COMMIT),
            ).fetchall()
        else:
            horizon_ms = int((self._clock.time() - self._settings.retain) * 1000)
            rows = connection.execute(
                "SELECT seq, stored_bytes FROM blocks WHERE seq < ? AND received_ms < ?"
                " AND seq NOT IN (SELECT seq FROM corrupt) ORDER BY seq LIMIT ?",
                (
                    min(self._floor, *self._removed.values()) if self._removed else self._floor,
                    horizon_ms,
                    _DELETES_PER_COMMIT,
                ),
            ).fetchall()
        for seq, stored_bytes in rows:
            connection.execute("DELETE FROM blocks WHERE seq = ?", (seq,))
            transaction.blocks_bytes -= stored_bytes

    def shrink(self, transaction: Transaction) -> None:
        """Give pages back to the file system when more than half of the file is empty."""
        connection = transaction.connection
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        if free > _VACUUM_PAGES and free > pages // 2:
            connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()

    def _lowest(self) -> int:
        return min(self._cursors.values(), default=0)

"""Up to which position every sink has dealt with a source's events, for sources that ask.

A source that reads from a hub commits its offsets only then, so that a forwarder whose disk is lost loses nothing.
A block is dealt with once each configured sink's cursor has been past it and none of its events is parked: each is
delivered, or dead.

    reached     once block `seq` is dealt with, `key` is settled up to `value`. One row for each key of each block of
                a source that asks, deleted when it is settled. A value of NULL forgets the key.
    settled     the newest position that is settled, by key.

What was settled stays settled. `cursors.furthest` is how far a sink has ever been, which a rewind does not change;
`dead.held_from` is the first block that a parked event may have come from (its batch began there). A sink that left
the configuration does not count, and neither do events that it has parked.
"""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Mapping
from typing import Final

from bridge.journal.writer import Transaction, Writer

# Rows settled in one transaction: when a sink leaves the configuration, a whole backlog may be settled at once.
_MOST_ROWS: Final = 1_000


class Settled:
    """Keeps both tables on the writer's thread, and tells the sources on the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._furthest: dict[str, int] = {}
        """The furthest block that each configured sink has reached."""
        self._newest: dict[tuple[str, str], int] = {
            (source, key): seq
            for source, key, seq in connection.execute(
                "SELECT source, key, max(seq) FROM reached GROUP BY source, key"
            )
        }
        """The block of the newest position that is not settled, by source and key."""
        self._known: dict[str, dict[str, bytes]] = {}
        for source, key, value in connection.execute("SELECT source, key, value FROM settled"):
            self._known.setdefault(source, {})[key] = value
        self._askers: dict[str, list[_Asker]] = {}
        self.behind = False
        """Whether the last transaction left rows that can be settled."""

    def asked_by(self, source: str) -> bool:
        """Tell whether this source asks: for all others nothing is written."""
        return source in self._askers

    async def positions(self, source: str, writer: Writer) -> AsyncIterator[Mapping[str, bytes]]:
        """Yield the source's settled positions by key: first all of them, then those that moved, whenever some did."""
        asker = _Asker()
        self._askers.setdefault(source, []).append(asker)
        try:
            await writer.do(functools.partial(self._begin, source=source))
            asker.news = dict(self._known.get(source, {}))
            while True:
                while not asker.news:
                    asker.moved.clear()
                    await asker.moved.wait()
                news, asker.news = asker.news, {}
                yield news
        finally:
            self._askers[source].remove(asker)
            if not self._askers[source]:
                del self._askers[source]

    def note(
        self, transaction: Transaction, source: str, positions: Mapping[str, bytes | None], seq: int | None
    ) -> None:
        """Keep positions until block `seq` is dealt with.

        None: they came without events. They are settled with what came before them, perhaps at once.
        """
        for key, value in positions.items():
            waits_for = seq or self._waits_for(transaction, source, key)
            if waits_for is None:
                _settle(transaction, source, key, value)
            else:
                transaction.connection.execute(
                    "INSERT OR REPLACE INTO reached VALUES (?, ?, ?, ?)", (waits_for, source, key, value)
                )
                transaction.reached[source, key] = waits_for

    def register(self, transaction: Transaction) -> None:
        """Count the sinks that are configured from this transaction on."""
        transaction.furthest = dict(
            transaction.connection.execute("SELECT sink, furthest FROM cursors WHERE removed_ms IS NULL")
        )

    def settle(self, transaction: Transaction) -> None:
        """Settle what the transaction's new cursors and letters allow; before its commit."""
        if not (self._newest or transaction.reached):
            return
        changed = transaction.cursors or transaction.letters or transaction.furthest is not None
        if not (changed or transaction.asked or self.behind):
            return
        first, limit = self._limits(transaction)
        if first is None or first >= limit:
            transaction.behind = False
            return
        connection = transaction.connection
        row = connection.execute(
            "SELECT seq FROM reached WHERE seq < ? ORDER BY seq LIMIT 1 OFFSET ?", (limit, _MOST_ROWS)
        ).fetchone()
        transaction.behind = row is not None
        if row is not None:
            # All rows of a block go together, however many there are.
            limit = max(row[0], first + 1)
        # SQLite takes the other columns from the row that has the maximum.
        for source, key, value, _ in connection.execute(
            "SELECT source, key, value, max(seq) FROM reached WHERE seq < ? GROUP BY source, key", (limit,)
        ).fetchall():
            _settle(transaction, source, key, value)
            newest = self._waits_for(transaction, source, key)
            if newest is not None and newest < limit:
                transaction.reached[source, key] = None
        connection.execute("DELETE FROM reached WHERE seq < ?", (limit,))

    def apply(self, transaction: Transaction) -> None:
        """Apply what a transaction changed; after its commit, on the writer's thread."""
        if transaction.furthest is not None:
            self._furthest = transaction.furthest
        for sink, seq in transaction.cursors.items():
            if sink in self._furthest:
                self._furthest[sink] = max(self._furthest[sink], seq)
        for place, waits_for in transaction.reached.items():
            if waits_for is None:
                self._newest.pop(place, None)
            else:
                self._newest[place] = waits_for
        self.behind = transaction.behind

    def publish(self, transaction: Transaction) -> None:
        """Tell the sources that ask, after the commit, on the event loop."""
        for (source, key), value in transaction.settled.items():
            known = self._known.setdefault(source, {})
            if value is None:
                known.pop(key, None)
            else:
                known[key] = value
            for asker in self._askers.get(source, ()):
                asker.tell(key, value)

    def _begin(self, transaction: Transaction, source: str) -> None:
        """Note the positions from before the source asked: they wait for the last block."""
        connection, transaction.asked = transaction.connection, True
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'blocks'").fetchone()
        positions = dict(
            connection.execute("SELECT key, value FROM positions WHERE source = ?", (source,)).fetchall()
        )
        known = dict(
            connection.execute("SELECT key, value FROM settled WHERE source = ?", (source,)).fetchall()
        )
        for key in known.keys() - positions.keys():
            _settle(transaction, source, key, None)
        for key, value in positions.items():
            newest = known.get(key)
            if (seq := self._waits_for(transaction, source, key)) is not None:
                (newest,) = connection.execute(
                    "SELECT value FROM reached WHERE seq = ? AND source = ? AND key = ?", (seq, source, key)
                ).fetchone()
            if newest != value:
                self.note(transaction, source, {key: value}, row[0] if row else None)

    def _waits_for(self, transaction: Transaction, source: str, key: str) -> int | None:
        """Return the block that the newest position of a key waits for; None: it is settled."""
        place = (source, key)
        if place in transaction.reached:
            return transaction.reached[place]
        return self._newest.get(place)

    def _limits(self, transaction: Transaction) -> tuple[int | None, int]:
        """Return the first block that something waits for, and the first that is not dealt with."""
        furthest = self._furthest if transaction.furthest is None else transaction.furthest
        limit = min((max(seq, transaction.cursors.get(sink, 0)) for sink, seq in furthest.items()), default=0)
        for sink in furthest:
            held_from: int | None = transaction.connection.execute(
                "SELECT min(held_from) FROM dead WHERE sink = ? AND held_from IS NOT NULL", (sink,)
            ).fetchone()[0]
            limit = limit if held_from is None else min(limit, held_from)
        first: int | None = transaction.connection.execute("SELECT min(seq) FROM reached").fetchone()[0]
        return first, limit


class _Asker:
    """A source that asks, and what it has not been told yet."""

    def __init__(self) -> None:
        self.news: dict[str, bytes] = {}
        self.moved = asyncio.Event()

    def tell(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.news.pop(key, None)
        else:
            self.news[key] = value
            self.moved.set()


def _settle(transaction: Transaction, source: str, key: str, value: bytes | None) -> None:
    if value is None:
        transaction.connection.execute("DELETE FROM settled WHERE source = ? AND key = ?", (source, key))
    else:
        transaction.connection.execute(
            "INSERT OR REPLACE INTO settled VALUES (?, ?, ?)", (source, key, value)
        )
    transaction.settled[source, key] = value

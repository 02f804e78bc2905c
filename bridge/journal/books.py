"""The books in memory: totals, waiting events and letters, all as the last commit left them (P7).

Everything here changes in `publish`, in one step of the event loop. So whoever reads it without an await in between
sees sums that balance.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from bridge.journal.totals import Totals
from bridge.journal.writer import Transaction


class Books:
    """The totals, and the numbers that must agree with them: waiting events and kept letters."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.totals = Totals(connection.execute("SELECT name, owner, reason, value FROM totals"))
        self.pending: dict[str, int] = {}
        """Events that wait for each configured sink."""
        self._letters: dict[str, int] = {}
        """Kept letters of each sink, parked ones among them."""
        self._parked: dict[str, dict[str, int]] = {}
        # Each query needs only its index: the letters themselves are not read.
        self._letters.update(
            connection.execute("SELECT sink, count(*) FROM dead INDEXED BY dead_sinks GROUP BY sink")
        )
        for sink, tenant, letters in connection.execute(
            "SELECT sink, tenant, count(*) FROM dead INDEXED BY dead_tenants"
            " WHERE tenant IS NOT NULL GROUP BY sink, tenant"
        ):
            self._parked.setdefault(sink, {})[tenant] = letters

    def publish(self, transaction: Transaction) -> None:
        """Apply what a commit changed."""
        self.totals.add(transaction.changes)
        if transaction.registered is not None:
            self.pending = transaction.registered
        for sink, events in transaction.pending.items():
            if sink in self.pending:
                self.pending[sink] += events
        for block, _, _ in transaction.inserted:
            for sink in self.pending:
                self.pending[sink] += len(block.ids)
        for (sink, tenant), letters in transaction.letters.items():
            self._letters[sink] = self._letters.get(sink, 0) + letters
            if tenant is not None:
                parked = self._parked.setdefault(sink, {})
                parked[tenant] = parked.get(tenant, 0) + letters
                if not parked[tenant]:
                    del parked[tenant]

    def dead_letters(self, sink: str) -> int:
        """Return how many letters of a sink are kept, not counting the parked ones."""
        return self._letters.get(sink, 0) - self.parked_events(sink)

    def parked_events(self, sink: str) -> int:
        """Return how many events of a sink are parked."""
        return sum(self.parked(sink).values())

    def parked(self, sink: str) -> Mapping[str, int]:
        """Return how many events of each tenant are parked."""
        return self._parked.get(sink, {})

    def differences(self, sinks: Iterable[str]) -> dict[str, int]:
        """Return by how much each sum is off: 0 everywhere, unless the bridge has miscounted."""
        totals = self.totals
        found = {"intake": totals.intake_difference()}
        for sink in sinks:
            if sink not in self.pending:
                continue  # a reload is about to remove it
            found[sink] = totals.expected_pending(sink) - self.pending[sink]
            gone = totals.sum("dead_letters_replayed", sink) + totals.sum("dead_letters_purged", sink)
            found[f"{sink} dead letters"] = (
                totals.sum("events_dead", sink) - gone - self._letters.get(sink, 0)
            )
        return found

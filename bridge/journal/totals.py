"""The books: counts of events that change with the rows they count (P7)."""

import sqlite3
from collections.abc import Iterable, Mapping

TotalKey = tuple[str, str, str]
"""Metric (without `_total`), source or sink, reason (or empty)."""

Changes = Mapping[TotalKey, int]

# For each sink: journalled + rewound = the sum of these + pending.
SETTLED = (
    "events_delivered",
    "events_sampled_out",
    "events_filtered",
    "events_dead",
    "events_dead_again",
    "events_corrupt",
    "events_skipped",
)


class Totals:
    """The totals as the last commit left them."""

    def __init__(self, rows: Iterable[tuple[str, str, str, int]] = ()) -> None:
        self._values: dict[TotalKey, int] = {
            (name, owner, reason): value for name, owner, reason, value in rows
        }

    def add(self, changes: Changes) -> None:
        """Apply what a commit changed."""
        for key, value in changes.items():
            self._values[key] = self._values.get(key, 0) + value

    def rows(self) -> list[tuple[str, str, str, int]]:
        """Return (name, owner, reason, value) of every row."""
        return [(*key, value) for key, value in self._values.items()]

    def items(self, name: str) -> list[tuple[tuple[str, str], int]]:
        """Return ((owner, reason), value) of each row of that name."""
        return [
            ((owner, reason), value) for (row, owner, reason), value in self._values.items() if row == name
        ]

    def sum(self, name: str, owner: str | None = None) -> int:
        """Return the sum over all owners and reasons, or over one owner's reasons."""
        return sum(
            value
            for (row, row_owner, _), value in self._values.items()
            if row == name and owner in (None, row_owner)
        )

    def expected_pending(self, sink: str) -> int:
        """Return what must be pending for this sink if the books balance."""
        settled = sum(self.sum(name, sink) for name in SETTLED)
        return self.sum("events_journalled") + self.sum("events_rewound", sink) - settled

    def intake_difference(self) -> int:
        """Return received - journalled - rejected - duplicates; 0 when the books balance."""
        return (
            self.sum("events_received")
            - self.sum("events_journalled")
            - self.sum("events_rejected")
            - self.sum("events_duplicate")
        )


def write_changes(connection: sqlite3.Connection, changes: Changes) -> None:
    """Add to the totals on disk what a transaction changed."""
    # One statement for all rows, because after each statement the event loop may take the interpreter's lock.
    rows = ", ".join(["(?, ?, ?, ?)"] * len(changes))
    connection.execute(
        f"INSERT INTO totals VALUES {rows} ON CONFLICT DO UPDATE SET value = value + excluded.value",  # noqa: S608 - only marks
        [part for key, value in changes.items() for part in (*key, value)],
    )

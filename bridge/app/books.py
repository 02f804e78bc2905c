"""The books as an operator sees them: the same whether a daemon runs or not."""

from collections.abc import Collection
from typing import Any, Final

from bridge.journal import Journal

_SETTLED: Final = (
    "delivered",
    "sampled_out",
    "filtered",
    "dead",
    "dead_again",
    "corrupt",
    "rewound",
    "skipped",
)


def books_of(journal: Journal, sinks: Collection[str]) -> dict[str, Any]:
    """Return the sums that must balance (P7), and whether they do."""
    differences = journal.books.differences(sinks)
    return {
        "balanced": not any(differences.values()),
        "differences": differences,
        "lost_bytes": journal.totals.sum("log_lost_bytes"),
        **{
            name: journal.totals.sum(f"events_{name}")
            for name in ("received", "journalled", "rejected", "duplicate")
        },
    }


def settled_of(journal: Journal, sink: str) -> dict[str, int]:
    """Return what became of a sink's events."""
    return {what: journal.totals.sum(f"events_{what}", sink) for what in _SETTLED}


def journal_of(journal: Journal) -> dict[str, Any]:
    """Return where the journal is, and how much of what there is it takes."""
    return {
        "path": str(journal.state_dir),
        **journal.sizes(),
        "trouble": journal.starved() or "",
        "removed_sinks": list(journal.removed),
    }

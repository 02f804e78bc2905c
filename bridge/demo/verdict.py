"""Whether the show proves what it promises: every event arrived, and the books say the same as both ends."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Counts:
    """What both ends and the bridge's books say when all is over; all are numbers of events."""

    written: int
    """By the gateway, to its log."""
    journalled: int
    rejected: int
    duplicates: int
    """Found by the bridge before they were journalled."""
    booked: int
    """Delivered, by the bridge's books."""
    pending: int
    dead: int
    arrived: int
    """Different events that Moesif has."""
    copies: int
    """Taken by Moesif once more, under the same id."""
    without_id: int
    """Taken by Moesif without an id: a copy of these could not be told."""
    shown: int | None
    """Different events that the dashboard has; None where there is no dashboard."""
    differences: dict[str, int]
    """By how much the bridge's sums do not balance (P7); all 0 when they do."""

    @classmethod
    def of(
        cls, written: int, status: dict[str, Any], report: dict[str, Any], shown: int | None = None
    ) -> Self:
        """Return the counts of a bridge's status with a sink `moesif`, of the look-alike's report and the dashboard."""
        books, sink = status["books"], status["sinks"]["moesif"]
        return cls(
            written=written,
            journalled=books["journalled"],
            rejected=books["rejected"],
            duplicates=books["duplicate"],
            booked=sink["delivered"],
            pending=sink["pending"],
            dead=sink["dead"],
            arrived=report["unique"],
            copies=report["duplicates"],
            without_id=report["without_id"],
            shown=shown,
            differences=books["differences"],
        )

    @property
    def lost(self) -> int:
        """Events that the gateway wrote and Moesif does not have."""
        return max(0, self.written - self.arrived)

    @property
    def balanced(self) -> bool:
        """Whether the bridge's own sums balance (P7), and agree with both ends."""
        ends_agree = self.journalled == self.written and self.booked == self.arrived
        ends_agree = ends_agree and self.shown in {self.journalled, None}
        return ends_agree and not any(self.differences.values())


def faults(counts: Counts) -> list[str]:
    """Return what is wrong, a line each; nothing when every event arrived and the books balance."""
    c = counts
    amounts = {
        "lost, Moesif does not have them": c.lost,
        "never came into the journal": c.written - c.journalled,
        "journalled twice": c.journalled - c.written,
        "Moesif has them and nobody wrote them": c.arrived - c.written,
        "booked as delivered, Moesif does not have them": c.booked - c.arrived,
        "Moesif has them, not booked as delivered": c.arrived - c.booked,
        "rejected as no events": c.rejected,
        "taken for duplicates": c.duplicates,
        "waiting in the journal": c.pending,
        "dead letters": c.dead,
        "without an id": c.without_id,
    }
    if c.shown is not None:
        amounts["taken, the dashboard does not show them"] = c.journalled - c.shown
        amounts["shown in the dashboard, and nobody took them"] = c.shown - c.journalled
    found = [f"{what}: {number:,} of {c.written:,} events" for what, number in amounts.items() if number > 0]
    return found + [f"books out of balance: {name} by {by:,}" for name, by in c.differences.items() if by]

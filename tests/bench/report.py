"""What a benchmark found: costs beside the floor, figures beside their targets, and what is missing."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.table import Table

_MOST_BYTES: Final = 80_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a shipper took."""

    events: int
    cpu_seconds: float
    seconds: float
    """From the moment it was healthy until the sink had everything."""
    peak_bytes: int
    sent_bytes: int
    disk_bytes: int

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event: CPU seconds for a million events."""
        return self.cpu_seconds / self.events * 1e6


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures, a value for each round."""

    name: str
    values: Sequence[float]
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    """The target; with neither it is only told."""

    def row(self) -> tuple[str, ...]:
        """Return it as a line of the table."""
        median = statistics.median(self.values)
        spread = f"{_short(min(self.values))} … {_short(max(self.values))}" if len(self.values) > 1 else ""
        target, met = "", ""
        if self.at_most is not None:
            target, met = f"≤ {_short(self.at_most)}", "met" if median <= self.at_most else "missed"
        if self.at_least is not None:
            target, met = f"≥ {_short(self.at_least)}", "met" if median >= self.at_least else "missed"
        return self.name, _short(median), spread, self.unit, target, met


@dataclass(slots=True)
class Report:
    """Everything that a run of the benchmark found."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    """By shipper; the first is the floor."""
    figures: list[Figure] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    """Most memory of the bridge, by what was measured."""
    missing: dict[str, int] = field(default_factory=dict)
    """Events that did not arrive, by what was measured; none should be here."""
    failures: dict[str, str] = field(default_factory=dict)
    """What could not be measured, and why."""

    def ran(self, shipper: str, run: Run) -> None:
        """Add what one run took."""
        self.runs.setdefault(shipper, []).append(run)

    def peak(self, what: str, peak_bytes: int) -> None:
        """Note the most memory that the bridge has held."""
        self.peaks[what] = max(self.peaks.get(what, 0), peak_bytes)

    def arrived(self, what: str, expected: set[str], arrived: set[str]) -> None:
        """Note the events that are missing."""
        if lost := len(expected - arrived):
            self.missing[what] = self.missing.get(what, 0) + lost

    @property
    def is_good(self) -> bool:
        """Whether everything was measured and nothing is missing; a missed target is no failure."""
        return not self.missing and not self.failures

    def show(self) -> None:
        """Print the tables."""
        console = Console(width=132, highlight=False)
        if self.runs:
            console.print(self._costs())
        table = Table("figure", "median", "from … to", "unit", "target", "", title="Figures")
        for figure in self.figures:
            table.add_row(*figure.row())
        for what, peak in self.peaks.items():
            table.add_row(
                *Figure(f"peak memory: {what}", [peak / 1e6], "MB", at_most=_MOST_BYTES / 1e6).row()
            )
        console.print(table)
        for what, why in self.failures.items():
            console.print(f"not measured: {what}: {why}", style="bold red")
        for what, lost in self.missing.items():
            console.print(f"MISSING: {what}: {lost} events did not arrive", style="bold red")
        if not self.missing:
            console.print("No event is missing.")

    def _costs(self) -> Table:
        table = Table(title="Costs: medians, ratios round by round")
        for name in ("", "CPU s / million", "ratio to the floor", "from … to", "events/s", "peak MB"):
            table.add_column(name, justify="left" if not name else "right")
        table.add_column("sent B/event", justify="right")
        table.add_column("written B/event", justify="right")
        floor = next(iter(self.runs.values()))
        for shipper, runs in self.runs.items():
            ratios = [run.cpu_us / base.cpu_us for run, base in zip(runs, floor, strict=False)]
            table.add_row(
                shipper,
                _short(statistics.median(run.cpu_us for run in runs)),
                f"{statistics.median(ratios):.2f}",
                f"{min(ratios):.2f} … {max(ratios):.2f}",
                _short(statistics.median(run.events / run.seconds for run in runs)),
                _short(max(run.peak_bytes for run in runs) / 1e6),
                _short(statistics.median(run.sent_bytes / run.events for run in runs)),
                _short(statistics.median(run.disk_bytes / run.events for run in runs)),
            )
        return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

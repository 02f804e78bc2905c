"""The end of the show: the counts as a table, and what they prove."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.demo.show import Ending


def show_ending(console: Console, ending: Ending, faults: Sequence[str]) -> None:
    """Print the counts, then the verdict; no faults mean that nothing was lost."""
    counts = ending.counts
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("the books")
    table.add_column("events", justify="right")
    table.add_column("", style="dim")
    table.add_row(
        "written", f"{counts.written:,}", f"by the gateway, to a log that rolled {ending.last.rolls}x"
    )
    table.add_row("journalled", f"{counts.journalled:,}", "each line once, through kill -9 and rolls")
    table.add_row("delivered", f"{counts.arrived:,}", "different ids that Moesif has")
    if counts.shown is not None:
        table.add_row("shown", f"{counts.shown:,}", "in the dashboard, which stayed up meanwhile")
    table.add_row("sent twice", f"{counts.copies:,}", "the same id again: Moesif drops the copy")
    table.add_row("lost", Text(f"{counts.lost:,}", _style(good=not counts.lost)), "")
    table.add_row(
        "books balance",
        Text("yes" if counts.balanced else "no", _style(good=counts.balanced)),
        "both ends, the dashboard and the bridge's sums agree"
        if counts.shown is not None
        else "both ends and the bridge's sums agree",
    )
    console.print()
    console.print(table)
    console.print()
    for fault in faults:
        console.print(Text(f"FAULT: {fault}", "bold red"))
    if not faults:
        console.print(
            Text(
                f"Nothing was lost: Moesif was down for {ending.outage_seconds:.1f} s, the bridge was killed "
                f"and away for {ending.away_seconds:.1f} s, and {ending.last.retries:,} requests were tried again.",
                "bold green",
            )
        )


def _style(*, good: bool) -> str:
    return "bold green" if good else "bold red"

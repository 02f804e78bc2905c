"""The live screen: the way of the events, the acts, the numbers, in 22 lines of 80 columns."""

import math
from typing import Final, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.demo.sight import Act, Sight, Speeds

WIDTH: Final = 80
HEIGHT: Final = 22
_BARS: Final = " ▁▂▃▄▅▆▇█"
_SPARK_COLUMNS: Final = 34
_NAME_COLUMNS: Final = 13
_NUMBER_COLUMNS: Final = 10
# Of the gateway, the log, the bridge and Moesif, with an arrow between each two.
_WAY_COLUMNS: Final = (11, 6, 11, 6, 19, 6, 11)
_BRIDGE_STYLES: Final = {"up": "green", "killed": "bold red", "stopped": "dim"}


class LiveScreen:
    """Redraws itself in place; its last picture stays."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._rates = Speeds()
        self._written = Sparkline(_SPARK_COLUMNS)
        self._unread = Sparkline(_SPARK_COLUMNS)
        self._pending = Sparkline(_SPARK_COLUMNS)
        self._arrived = Sparkline(_SPARK_COLUMNS)
        self._shown = Sparkline(_SPARK_COLUMNS)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, sight: Sight) -> None:
        """Draw one moment."""
        self._live.update(self.picture(sight), refresh=True)

    def picture(self, sight: Sight) -> RenderableType:
        """Return the next picture."""
        self._rates.add(sight)
        self._written.add(self._rates.written)
        self._unread.add(sight.unread)
        self._pending.add(sight.pending)
        self._arrived.add(self._rates.arrived)
        self._shown.add(self._rates.shown)
        return Group(_way(sight), _acts(sight), self._numbers(sight))

    def _numbers(self, sight: Sight) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=_NAME_COLUMNS, style="bold")
        grid.add_column(width=_NUMBER_COLUMNS, justify="right")
        grid.add_column(width=_NUMBER_COLUMNS, justify="right", style="dim")
        grid.add_column(width=_SPARK_COLUMNS, no_wrap=True, overflow="ellipsis")
        for name, value, rate, spark, style in (
            ("written", sight.written, f"{self._rates.written:,.0f}/s", self._written, "cyan"),
            ("unread in log", sight.unread, "", self._unread, "yellow"),
            ("pending", sight.pending, "", self._pending, "yellow"),
            ("delivered", sight.arrived, f"{self._rates.arrived:,.0f}/s", self._arrived, "green"),
            *(
                (("shown", sight.shown, f"{self._rates.shown:,.0f}/s", self._shown, "blue"),)
                if sight.dashboard
                else ()
            ),
        ):
            grid.add_row(name, f"{value:,}", rate, Text(str(spark), style))
        grid.add_row("retries", f"{sight.retries:,}", "", _sink(sight))
        if not sight.dashboard:
            grid.add_row("sent twice", f"{sight.copies:,}", "", Text("same id: Moesif drops the copy", "dim"))
        return _panel(grid)


class Sparkline:
    """A series as bars, the highest at full height, over all the time so far.

    When its columns are full, each two become one; a column shows its peak, so that nothing short is
    averaged away.
    """

    def __init__(self, columns: int) -> None:
        """`columns` must be even."""
        self._columns = columns
        self._peaks: list[float] = []
        self._per_column = 1
        self._in_last = 1

    def add(self, value: float) -> None:
        """Take the next value, 0 or more."""
        if self._in_last < self._per_column:
            self._peaks[-1] = max(self._peaks[-1], value)
            self._in_last += 1
            return
        if len(self._peaks) == self._columns:
            self._peaks = [max(pair) for pair in zip(self._peaks[::2], self._peaks[1::2], strict=True)]
            self._per_column *= 2
        self._peaks.append(value)
        self._in_last = 1

    def __str__(self) -> str:
        top = max(self._peaks, default=0) or 1
        return "".join(_BARS[math.ceil(peak * (len(_BARS) - 1) / top)] for peak in self._peaks)


def _way(sight: Sight) -> RenderableType:
    """Draw the way of an event, and where it is cut."""
    reads = sight.bridge in ("up", "stopping")
    sends = reads and sight.moesif_up
    kills = f", killed {sight.kills}x" if sight.kills and sight.bridge != "killed" else ""
    grid = Table.grid()
    for columns in _WAY_COLUMNS:
        grid.add_column(width=columns, justify="center", no_wrap=True)
    grid.add_row(
        Text("gateway", "bold"),
        _arrow(sight.writing, broken=False),
        Text("log", "bold"),
        _arrow(reads, broken=sight.bridge == "killed"),
        Text("bridge", "bold"),
        _arrow(sends, broken=not sight.moesif_up),
        Text("Moesif", "bold"),
    )
    grid.add_row(
        Text("writing", "green") if sight.writing else Text("quiet", "dim"),
        "",
        Text(f"rolled {sight.rolls}x", "cyan"),
        "",
        Text(sight.bridge + kills, _BRIDGE_STYLES.get(sight.bridge, "yellow")),
        "",
        Text("up", "green") if sight.moesif_up else Text("down", "bold red"),
    )
    title = f"[bold]apim-bridge demo[/] [dim]{sight.seconds:5.1f} s[/]"
    return _panel(grid, title, f"dashboard: [bold]{sight.dashboard}[/]" if sight.dashboard else None)


def _arrow(flows: bool, *, broken: bool) -> Text:
    if broken:
        return Text("──✖──▷", "red")
    return Text("─────▶", "green") if flows else Text("─────▷", "dim")


def _acts(sight: Sight) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(justify="right", min_width=7, style="dim")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for act in Act:
        began = sight.begun.get(act)
        if began is None:
            grid.add_row(Text("○", "dim"), "", Text(act.words, "dim"))
        elif act is sight.act and sight.bridge != "stopped":
            grid.add_row(Text("▶", "bold cyan"), f"{began:.1f} s", Text(act.words, "bold"))
        else:
            grid.add_row(Text("✔", "green"), f"{began:.1f} s", Text(act.words))
    return _panel(grid)


def _sink(sight: Sight) -> Text:
    """Say what the bridge's lane to Moesif is doing."""
    match sight.sink_state:
        case "":
            return Text("no bridge runs", "dim")
        case "retrying" | "paused":
            return Text(f"{sight.sink_state}, next try in {sight.retry_in_seconds:.1f} s", "red")
        case state:
            return Text(f"the sink is {state}", "green")


def _panel(content: RenderableType, title: str | None = None, subtitle: str | None = None) -> Panel:
    return Panel(
        content,
        title=title,
        subtitle=subtitle,
        box=box.ROUNDED,
        width=WIDTH,
        padding=(0, 2),
        border_style="dim",
    )

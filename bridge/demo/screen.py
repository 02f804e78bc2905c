"""How the show is shown: live on a terminal, as a line now and then elsewhere."""

from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console

from bridge.demo.live_screen import HEIGHT, WIDTH, LiveScreen
from bridge.demo.sight import Act, Sight, Speeds

_LINE_SECONDS: Final = 2.0


class Screen(Protocol):
    """Shows what there is to see, between entry and exit."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, sight: Sight) -> None:
        """Show one moment; called several times a second."""
        ...


def screen_for(console: Console, *, plain: bool) -> Screen:
    """Return the live screen where it can be shown, else the plain one."""
    # The live screen draws with characters that only UTF-8 has.
    draws = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    roomy = console.width >= WIDTH and console.height > HEIGHT
    return LiveScreen(console) if draws and roomy and not plain else PlainScreen(console)


class PlainScreen:
    """A line for each act, and one with numbers every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rates = Speeds()
        self._act: Act | None = None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was printed."""

    def show(self, sight: Sight) -> None:
        """Print a line if it is time for one."""
        self._rates.add(sight)
        if self._act is None and sight.dashboard:
            self._line(sight, f"Dashboard: {sight.dashboard}")
        if sight.act is not self._act:
            self._act = sight.act
            self._line(sight, sight.act.words)
        elif sight.seconds >= self._next_line:
            self._line(sight, self._numbers(sight))

    def _line(self, sight: Sight, text: str) -> None:
        self._next_line = sight.seconds + _LINE_SECONDS
        self._console.out(f"{sight.seconds:6.1f} s  {text}", highlight=False)
        self._console.file.flush()

    def _numbers(self, sight: Sight) -> str:
        shown = f"shown {sight.shown:,}, " if sight.dashboard else ""
        sink = f", sink {sight.sink_state}" if sight.sink_state else ""
        return (
            f"written {sight.written:,} ({self._rates.written:,.0f}/s), "
            f"delivered {sight.arrived:,} ({self._rates.arrived:,.0f}/s), {shown}unread {sight.unread:,}, "
            f"pending {sight.pending:,}, retries {sight.retries:,}, rolls {sight.rolls}, "
            f"bridge {sight.bridge}{sink}"
        )

"""What signals ask of the daemon, from its first moment on: handlers are set before the imports, which take long.

Until then, and as process 1 of a container for good, a signal without a handler is lost or ends the process.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

STOPS: Final = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Remembers signals that come before the daemon can act on them; then the daemon's own handlers take over."""

    def __init__(self) -> None:
        self.stop = ""
        """The signal that asked for a stop; empty: none did."""
        self.reload = False
        """Whether a signal asked for the configuration to be read again."""

    def listen(self) -> None:
        """Take the place of the system's default, which ends the process."""
        for number in STOPS:
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGHUP, self._note_reload)

    def begin_reading(self) -> None:
        """The configuration is read from now on, which serves whatever asked for it before."""
        self.reload = False

    def hand_over(self, add: Callable[..., object], stop: Callable[[str], object]) -> None:
        """Let the event loop (`add` is its `add_signal_handler`) tell `stop` which signal asks for it, or asked."""
        for number in STOPS:
            add(number, stop, number.name)
        if self.stop:
            stop(self.stop)

    def _note_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop = signal.Signals(number).name

    def _note_reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reload = True


SIGNALS: Final = Signals()
"""Of this process, which has one set of handlers."""

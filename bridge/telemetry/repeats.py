"""Failures that repeat: logged once, then at growing intervals with a count."""

from bridge.contracts import Clock


class Repeats:
    """Decides whether a repeated failure is worth a line: at once, then after 10 s, 20 s, … 10 min."""

    def __init__(self, clock: Clock, *, first_seconds: float = 10, longest_seconds: float = 600) -> None:
        self._clock = clock
        self._first = first_seconds
        self._longest = longest_seconds
        self._seen: dict[str, tuple[float, float, int]] = {}

    def due(self, what: str) -> int | None:
        """Return how often it happened since its last line, this time included; None: say nothing now."""
        now = self._clock.monotonic()
        next_line, interval, count = self._seen.get(what, (now, self._first / 2, 0))
        if now < next_line:
            self._seen[what] = (next_line, interval, count + 1)
            return None
        interval = min(interval * 2, self._longest)
        self._seen[what] = (now + interval, interval, 0)
        return count + 1

    def over(self, what: str) -> bool:
        """Forget a failure that is over; return whether it was logged."""
        return self._seen.pop(what, None) is not None

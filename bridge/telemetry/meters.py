"""What counts and measures, for those who need not know that Prometheus reads it."""

from typing import Protocol


class Counter(Protocol):
    """Counts up."""

    def inc(self, amount: float = 1) -> None:
        """Count."""
        ...


class Histogram(Protocol):
    """Sorts what it measures by size."""

    def observe(self, amount: float) -> None:
        """Take one measurement."""
        ...


class Meters(Protocol):
    """Counters and histograms by name, with their labels in the order of the table of metrics."""

    def counter(self, name: str, *labels: str) -> Counter:
        """Return a counter."""
        ...

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Return a histogram."""
        ...


class Unread:
    """The meters of a command: it ends before anybody could read them."""

    def counter(self, _name: str, *_labels: str) -> Counter:
        """Return a counter."""
        return _NOTHING

    def histogram(self, _name: str, *_labels: str) -> Histogram:
        """Return a histogram."""
        return _NOTHING


class _Nothing:
    def inc(self, amount: float = 1) -> None:
        pass

    def observe(self, amount: float) -> None:
        pass


_NOTHING = _Nothing()

"""A part of a batch: the events of one request, and how sending them went so far."""

from dataclasses import dataclass

from bridge.contracts import Payload


@dataclass(slots=True)
class Part:
    """Events of a batch that go into one request, and how that went so far."""

    start: int
    stop: int
    address: str
    suspect: bool = False
    """It, or what it is a part of, has failed for long."""
    successes: int = 0
    """Of the lane, when it or what it is a part of failed last."""
    failing_since: float = float("inf")
    proven_since: float = float("inf")
    """When it failed again, as a suspect, though something else had passed."""
    payload: Payload | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def halves(self) -> list["Part"]:
        """Return its first and its second half, as suspect as it is."""
        middle = (self.start + self.stop) // 2
        return [
            Part(start, stop, self.address, self.suspect, self.successes, proven_since=self.proven_since)
            for start, stop in ((self.start, middle), (middle, self.stop))
        ]

    def failed(self, now: float, successes: int, poison_after: float) -> bool:
        """Note a failure that may be its own; return whether something else has passed since the last one."""
        passed = self.suspect and successes > self.successes
        if passed:
            self.proven_since = min(self.proven_since, now)
        self.successes = successes
        self.failing_since = min(self.failing_since, now)
        self.suspect = self.suspect or now - self.failing_since >= poison_after
        return passed

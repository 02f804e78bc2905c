"""A part of a batch: the events of one request, and how sending them went so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.contracts import Payload


@dataclass(slots=True)
class Part:
    """Events of a batch that go into one request, and how that went so far."""

    places: Sequence[int]
    """Where they stand in the batch."""
    address: str
    suspect: bool = False
    """It, or the part that it was split from, has failed for long."""
    successes: int = 0
    """The lane's successes when it, or the part that it was split from, last failed."""
    failing_since: float = float("inf")
    proven_since: float = float("inf")
    """When it failed again, as a suspect, though something else had passed."""
    payload: Payload | None = None

    def __len__(self) -> int:
        return len(self.places)

    def anew(self) -> "Part":
        """Return the same part, as if it had never been sent."""
        return Part(self.places, self.address)

    def only(self, places: Sequence[int]) -> "Part":
        """Return the part with these of its events, as suspect as it is."""
        return Part(places, self.address, self.suspect, self.successes, proven_since=self.proven_since)

    def halves(self) -> list["Part"]:
        """Return its first and its second half."""
        middle = len(self) // 2
        return [self.only(self.places[:middle]), self.only(self.places[middle:])]

    def failed(self, now: float, successes: int, poison_after: float) -> bool:
        """Note a failure that it may have caused; return whether something else has passed since the last one."""
        passed = self.suspect and successes > self.successes
        if passed:
            self.proven_since = min(self.proven_since, now)
        self.successes = successes
        self.failing_since = min(self.failing_since, now)
        self.suspect = self.suspect or now - self.failing_since >= poison_after
        return passed

"""The events of one request, as they go to intake: some at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from bridge.contracts import Arrival, Kind
from bridge.errors import Unacceptable
from bridge.sources.http.body import RawEvent

# What goes to intake at a time: large enough to share its costs, small enough to stay in bounds (P8), and to keep the
# event loop for milliseconds only where nothing in it is an event.
PORTION_BYTES: Final = 2**20
PORTION_EVENTS: Final = 2000


@dataclass(slots=True)
class Portion:
    """Events that go to intake together; the lists run in parallel."""

    bodies: list[bytes] = field(default_factory=list)
    kinds: list[Kind | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    """Index in the request."""
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    """Index in the request, reason and detail of what could not be told apart."""
    upserts: bool = False
    """See `contracts.Arrival`."""
    repeated: int = 0
    """As above."""

    def arrival(self, source: str) -> Arrival:
        """Return what intake is given."""
        rejected: dict[str, int] = {}
        for _, reason, _ in self.refused:
            rejected[reason] = rejected.get(reason, 0) + 1
        return Arrival(
            source,
            self.bodies,
            self.kinds,
            self.places,
            b"",
            rejected=rejected,
            upserts=self.upserts,
            repeated=self.repeated,
        )


def portions(events: Iterable[RawEvent], *, upserts: bool = False) -> Iterator[Portion]:
    """Yield the events in portions of about PORTION_BYTES; the same body gives the same portions (P5)."""
    portion, size = Portion(upserts=upserts), 0
    for index, event in enumerate(events):
        if isinstance(event, Unacceptable):
            portion.refused.append((index, event.reason, event.detail))
            if len(portion.refused) == PORTION_EVENTS:
                yield portion
                portion, size = Portion(upserts=upserts), 0
            continue
        kind, body = event
        portion.bodies.append(body)
        portion.kinds.append(kind)
        portion.places.append(index)
        # An object costs more than its few bytes.
        size += len(body) + 64
        if size >= PORTION_BYTES or len(portion.bodies) == PORTION_EVENTS:
            yield portion
            portion, size = Portion(upserts=upserts), 0
    if portion.bodies or portion.refused:
        yield portion

"""Events that go together: a block in the journal, and a batch on its way to a sink."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from bridge.events.decoding import decoded
from bridge.events.event import Event

WARM_EVENTS: Final = 50
"""How many events are decoded and mapped at a time: few enough to stay in the processor's cache."""


class Ahead(Protocol):
    """What delivery makes of an arrival's events while they are decoded; only delivery looks inside."""

    def size_bytes(self) -> int:
        """Return how many bytes of memory it takes."""

    def add(self, events: Sequence[Event], ids: Sequence[str], /) -> None:
        """Take the next events, at most WARM_EVENTS; the last of `ids` belong to them. Never raises."""


@dataclass(frozen=True, slots=True)
class Block:
    """Events that were journalled together; immutable, shared by all lanes."""

    seq: int
    received_ms: int
    source: str
    ids: Sequence[str]
    bodies: Sequence[bytes]
    """Each event's canonical JSON on one line."""
    packed: bytes = b""
    """The bodies as they are on disk, a tenth as large."""
    ahead: Sequence[Ahead | None] = ()
    """What delivery has made of each arrival's events; a block that was read from the disk has none."""


class Packed(NamedTuple):
    """Where to read bodies again: those of a block from `start` up to `stop`."""

    bodies: bytes
    """Those of the whole block, as `Block.packed`."""
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Events on their way to one sink; the fields run in parallel."""

    ids: Sequence[str]
    bodies: Sequence[bytes]
    """Each event's canonical JSON on one line."""
    received_ms: Sequence[int]
    packed: Sequence[Packed] = ()
    """All bodies, packed, to unpack when they are needed; empty: `bodies` has the only copy."""
    mapped: Sequence[bytes] = ()
    """All events in the sink's form, as its `mapper` returned them, if they were mapped ahead."""

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, stop: int) -> "Batch":
        """Return the events from `start` up to `stop`; only the whole batch keeps what was mapped ahead."""
        if start == 0 and stop >= len(self):
            return self
        cut = slice(start, stop)
        return Batch(self.ids[cut], self.bodies[cut], self.received_ms[cut])

    def pick(self, places: Sequence[int]) -> "Batch":
        """Return the events at these places, in this order; only the whole batch keeps what was mapped ahead."""
        if places == range(len(self)):
            return self
        return Batch(
            [self.ids[place] for place in places],
            [self.bodies[place] for place in places],
            [self.received_ms[place] for place in places],
        )

    def lightened(self) -> "Batch":
        """Return the batch without what can be made again: the bodies, if they are also packed, and the mapped form."""
        return replace(self, bodies=() if self.packed else self.bodies, mapped=())

    def events(self) -> Iterator[Event]:
        """Yield each event decoded, see `decoded`."""
        return decoded(self.bodies)

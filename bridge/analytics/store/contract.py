"""What goes into the store and what comes back."""

from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.analytics.store.usual import UsualEvent


class ReceivedEvent(msgspec.Struct, frozen=True, gc=False):
    """One event on its way into the store."""

    id: str
    """A UUID; the same for every copy of the event (P5)."""
    received_ms: int
    """When the bridge took it, in milliseconds since the epoch."""
    event: UsualEvent | dict[str, Any]
    """Its canonical JSON, with its `bridge` object. A dict is not changed; a struct can be taken once."""
    country: str | None = None
    """Where it came from, looked up by its address, where it says no country itself."""


class ReceivedRecord(msgspec.Struct, frozen=True, gc=False):
    """What a sender says of a user, a company and the like, beside its calls."""

    id: str
    """As that of an event: it counts once."""
    received_ms: int
    user: str | None = None
    company: str | None = None
    """With both, the user's later calls are the company's, where they name none."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: on disk, all of it."""

    new: int
    known: int
    """Events that came before, or twice in the batch."""
    old: int = 0
    """Events that came for the first time, to a time that retention has emptied; they were not kept."""
    erased: int = 0
    """Events that came for the first time, of a subject that was erased after them; they were not kept."""
    records: int = 0
    """Records that came for the first time."""


@dataclass(frozen=True, slots=True)
class Fed:
    """One event of the live stream."""

    id: str
    time_ms: int
    values: dict[str, Any]
    """What `facts` has of it, by column, with texts in place of numbers; without those that are NULL."""
    event: dict[str, Any]

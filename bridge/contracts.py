"""The contracts between the parts: who calls what, when, and what each return and error means.

    source ──Arrival──▶ intake ──▶ journal ──Block──▶ lane ──Batch──▶ sink

An await is an acknowledgement: `await ingest(arrival)` returns when it is on disk, `await sink.send(…)`
returns when it is delivered. The lanes give intake one thing back, `Followers`: somewhere to put events for the sinks
that keep up (`Ahead`), and a wait until they have caught up. Nothing else crosses these borders.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from bridge.batches import Ahead, Batch
from bridge.events.event import Event

Kind = Literal["response", "fault"]
SettledPositions = Callable[[], AsyncIterator[Mapping[str, bytes]]]
"""Yields a source's settled positions: first all of them, then those that moved (see `journal.settled`)."""


class Clock(Protocol):
    """Time as an argument, so that a test can bring its own."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


# Every request makes an Arrival and a Receipt: as frozen dataclasses they would cost 1.6 µs more.
class Arrival(msgspec.Struct, frozen=True):
    """What a source hands to intake in one go: a chunk of a log, or one HTTP request.

    `bodies`, `kinds` and `places` run in parallel, one entry for each event.
    """

    source: str
    """The source's name, a label of its metrics: `log`, `http`."""
    bodies: Sequence[bytes]
    """One JSON value each, unchecked, as it came in."""
    kinds: Sequence[Kind | None]
    """The kind of each, where only its carrier says it (WSO2's log line has it in the prefix); None: not said."""
    places: Sequence[int]
    """Where each stood: byte offset in the file, or index in the request."""
    fingerprint: bytes
    """The file's; with the place it makes the id of an event that brings none. Empty: intake takes the request's."""
    positions: Mapping[str, bytes | None] = {}
    """The source's positions after this arrival, committed with its block (P2); None forgets one."""
    rejected: Mapping[str, int] = {}
    """Inputs that the source itself had to pass over, by reason of REJECT_REASONS."""
    lost_bytes: Mapping[str, int] = {}
    """Bytes that were gone before the source could read them, by reason of LOSS_REASONS."""
    ignored: int = 0
    """Log lines that are not events and do not look like events."""
    repeated: int = 0
    """Events that the source knows to be on disk already: duplicates."""
    tolerant: bool = False
    """JSON objects without a recognisable field are other programs' log lines: ignored, not rejected."""
    upserts: bool = False
    """Each replaces what came before: a repeat of an earlier one is not a duplicate."""


class Receipt(msgspec.Struct, frozen=True):
    """What became of an arrival. When it is returned, whatever was accepted is fsynced (P1)."""

    accepted: int
    duplicates: int
    rejected: Sequence[tuple[int, str, str]]
    """Index in the arrival, reason of REJECT_REASONS, detail."""


class Ingest(Protocol):
    """Intake, as the sources see it."""

    async def __call__(self, arrival: Arrival) -> Receipt:
        """Return when every acceptable event and the positions are on disk, for one source in the order of the calls.

        Raises JournalWaits when there is no room or the disk fails: nothing was taken; try the same again later.
        """


class Followers(Protocol):
    """The lanes, as intake sees them."""

    def ahead(self, arrival: Arrival, received_ms: int) -> Ahead:
        """Return what to add this arrival's events to; it then goes into the journal with them."""
        ...

    async def in_step(self) -> None:
        """Wait briefly until lanes that keep up are at most one block behind; never raises."""
        ...


class Source(Protocol):
    """Where events come from. The application runs each source as a supervised task."""

    name: str

    async def run(self) -> None:
        """Take events until cancelled; called once, after `bind` of every listening source succeeded."""
        ...

    async def finish(self) -> None:
        """Take what is there now and nothing that comes later; called once at the stop, after `run` was cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `apim-bridge check` looked at."""

    grade: Literal["ok", "note", "fault"]
    what: str
    """What was found, and the cure if one is needed."""


@runtime_checkable
class ShownSource(Source, Protocol):
    """A source with a state that operators may want to see."""

    def status(self) -> Mapping[str, Any]:
        """Return what an operator may want to know, as plain data without secrets."""
        ...

    def gauges(self) -> Iterable[tuple[str, Sequence[str], float]]:
        """Return the source's gauges as they are now: name, labels (the source's name first), value."""
        ...


class Certificate(Protocol):
    """The certificate that a listener shows to callers over TLS."""

    expires: float | None
    """When it expires, in seconds since the epoch."""

    def follow(self) -> None:
        """Read its files again if they have changed."""
        ...


@runtime_checkable
class ListeningSource(Source, Protocol):
    """A source that others connect to: `bind` comes before `run`."""

    url: str
    """Where it listens, once it does."""
    tls: Certificate | None
    example: str
    """A command that sends an event to it, for people who try the bridge out."""

    async def bind(self) -> None:
        """Listen; raises SettingsError when it cannot listen at the address."""
        ...


@runtime_checkable
class AccountingSink(Protocol):
    """A sink whose destination wants to know what the bridge has taken, to show how complete it is itself."""

    async def account(self, account: Mapping[str, Any]) -> None:
        """Return when the destination has the account; raises SinkError."""
        ...


class Mapper(Protocol):
    """Puts events into a sink's form, where that form depends on nothing but the event."""

    def __call__(self, events: Sequence[Event], ids: Sequence[str], received_ms: int, /) -> bytes:
        """Return the events as a part of what the sink sends; if it raises anything, they are mapped later."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway that this bridge runs beside."""

    instance: str
    """Goes into every event."""
    url: str | None
    """Scheme and host for full URIs, where an event does not bring its own."""
    publishes_profiles: bool = False
    """Whether sinks that can publish users and companies to their destination do so."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A part of a batch in its destination's form, ready to be sent any number of times."""

    body: Any
    """Bytes or records; only the sink looks into it."""
    size_bytes: int
    count: int
    """Events in it."""
    left_out: Collection[int] = ()
    """Which events of the part the sink's sampling leaves out. When `count` is 0 nothing is sent."""
    address: str = ""
    """Where the sink sends it: what `Traits.addresses` returned for its events."""

    @property
    def sampled_out(self) -> int:
        """How many events the sampling leaves out."""
        return len(self.left_out)


Addresses = Callable[[Batch], Sequence[str] | None]
"""Returns an address for each event, what one request cannot mix (a tenant's key, an endpoint); None: all go together.

The lane sends a part for each address, and `encode` gets events of one address only. Once a tenant is refused,
events for the same address are parked without a `send`, until a small one succeeds.
"""


def one_address(_batch: Batch) -> None:
    """Let all events of a batch go together."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What others need to know about a sink; a sink names only what differs from these defaults."""

    ordered: bool = False
    """It gets one batch at a time, in order."""
    max_event_age_seconds: float | None = None
    """The destination refuses events older than this; None: it takes events of any age."""
    takes_records: bool = False
    """Whether it takes records that are not API calls: users, companies, actions and subscriptions of Moesif's SDKs."""
    mapper: Mapper | None = None
    """Maps events while intake has them decoded, as long as the lane keeps up; `encode` then finds them in
    `Batch.mapped`. None: the sink has no form of its own, or must see the whole batch to map it."""
    addresses: Addresses = one_address


class Sink(Protocol):
    """One destination: it maps, encodes, sends, and classifies the answer.

    The lane calls `start` once, then `encode` and `send` for each batch, for up to `concurrency` batches
    at a time; an `ordered` sink gets one batch at a time, in order.
    """

    name: str
    traits: Traits
    destination: str
    """How operators know it: a URL without secrets, a folder."""

    async def start(self, state: bytes | None) -> None:
        """Get ready; `state` is what the last committed `send` returned, None at the very first start."""
        ...

    async def encode(self, batch: Batch) -> Payload:
        """Map and encode; if it raises anything, the lane looks for the event that cannot be mapped."""
        ...

    async def send(self, payload: Payload) -> bytes | None:
        """Return when the destination has the payload for good.

        What it returns is saved in the same transaction as the cursor (P3) and comes back in `start`.
        Raises RetryLater, Refused, TooLarge, NeedsOperator or TenantRefused for the whole payload. Raises SomeFailed
        where the destination answers for each event: all others are delivered. Any other error restarts the lane. For
        an `ordered` sink, what failed is sent again after the rest of its own batch, and before the next batch.
        """
        ...

    async def probe(self) -> str:
        """Ask the destination whether it is there and lets us in; for `apim-bridge check`.

        Returns a few words for the operator; raises SinkError with the cure.
        """
        ...

    async def close(self) -> None:
        """Close connections and files."""
        ...

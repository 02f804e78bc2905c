"""Hot path 1: from a source to the journal, a whole arrival at a time."""

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import chain

import msgspec

from bridge.aside import Aside
from bridge.batches import WARM_EVENTS, Ahead
from bridge.contracts import Arrival, Followers, Kind, Receipt
from bridge.errors import Unacceptable
from bridge.events.decoding import decoded
from bridge.events.envelope import IN_FRONT, in_front
from bridge.events.event import (
    EMPTY,
    REFUSALS,
    Event,
    decode_fast,
    encode,
    from_object,
    is_fault,
)
from bridge.events.ids import event_id, place_id
from bridge.events.origin import holds_record, is_record
from bridge.events.reading import read_object
from bridge.events.sizes import LARGE_BYTES
from bridge.formats.carriers import Found, Opened, opened
from bridge.formats.marks import looks_like_event
from bridge.journal import Accepted, Journal
from bridge.journal.seen_ids import SeenIds
from bridge.privacy.rules import Rules


class Nobody:
    """Stands in for the followers when there are no lanes."""

    def size_bytes(self) -> int:
        """Return 0: nothing is kept."""
        return 0

    def ahead(self, _arrival: Arrival, _received_ms: int) -> Ahead:
        """Return itself, which keeps nothing."""
        return self

    def add(self, _events: Sequence[Event], _ids: Sequence[str]) -> None:
        """Do nothing: no lane would use them."""

    async def in_step(self) -> None:
        """Return at once: there is no lane to wait for."""


class Intake:
    """Decodes, checks, identifies and journals events; the `Ingest` that sources are given.

    `seen` knows the ids of the last minutes. Without an HTTP source it is None: a log line is journalled
    exactly once because of its position (P2). `rules` say what is kept of an event. `observe` is called with the
    events of an arrival once they are on disk.

    `followers` map events for the sinks that keep up, while the events are decoded; intake does not look at the result.
    """

    def __init__(
        self,
        journal: Journal,
        seen: SeenIds | None,
        rules: Rules | None = None,
        observe: Callable[[Iterable[Event]], None] | None = None,
    ) -> None:
        self._journal = journal
        self._underway: dict[int, tuple[Sequence[str], asyncio.Future[None]]] = {}
        self._aside = Aside()
        self.seen = seen
        self.followers: Followers = Nobody()
        self.renew(rules, observe)

    def renew(self, rules: Rules | None, observe: Callable[[Iterable[Event]], None] | None = None) -> None:
        """Apply these to everything that arrives from now on."""
        self._rules = rules or Rules()
        self._observe = observe

    async def __call__(self, arrival: Arrival) -> Receipt:  # noqa: C901, PLR0912 - one loop, read from top to bottom
        """Return when everything acceptable is on disk (P1); raises JournalWaits when nothing was taken."""
        accepted = Accepted(arrival.source, positions=dict(arrival.positions))
        ids, bodies = accepted.ids, accepted.bodies
        rejected: list[tuple[int, str, str]] = []
        ignored = arrival.ignored
        fingerprint = arrival.fingerprint
        rules = self._rules
        concern = rules.concern
        ahead = accepted.ahead = self.followers.ahead(arrival, self._journal.now_ms())
        events: list[Event] = []
        placed: set[str] = set()
        came = arrival.bodies
        decode: Callable[[bytes], Event] = decode_fast
        open_up: Callable[[bytes, Kind | None], Iterable[Found]] = opened
        large = max(map(len, came), default=0) > LARGE_BYTES
        if large or (arrival.source in self._aside.ends and arrival.positions):
            # What takes long must not keep the others waiting.
            decode, open_up = await self._aside.decoding(arrival, large=large)
        for start in range(0, len(came), WARM_EVENTS):
            warm = slice(start, start + WARM_EVENTS)
            pairs = zip(came[warm], arrival.kinds[warm], strict=True)
            more: list[tuple[int, tuple[bytes, Kind | None]]] = []
            for index, (body, kind) in chain(enumerate(pairs, start), more):
                # Decode: the fast way, or the generic way for what the fast one refuses, which may be several events.
                try:
                    try:
                        event = decode(body)
                    except REFUSALS:
                        event = EMPTY
                    if event.correlationId is None and event == EMPTY:
                        (body, event, kind), *others = _opened(open_up(body, kind), index, rejected)  # noqa: PLW2901 - the canonical bytes take the input's place
                        more += [(index, (other.body, other.kind)) for other in others]
                    # The kind stands only in the log line's prefix: keep it with the event where it says more.
                    if kind is not None and (kind == "fault") != is_fault(event):
                        body, event = _with_kind(body, kind)  # noqa: PLW2901 - as above
                    # Shape: keep who called; what is hidden gets neither to the disk nor into the id.
                    if concern(event):
                        body, event = rules.applied(body, event)  # noqa: PLW2901 - as above
                except Unacceptable as error:
                    # Another program's line is not a damaged event.
                    if arrival.tolerant and kind is None and not looks_like_event(body):
                        ignored += 1
                    else:
                        rejected.append((index, error.reason, error.detail))
                    continue
                # One event is one line in its block, with `bridge` in front if it has one.
                if event.extra is not None or b"\n" in body:
                    body = _in_form(body, event)  # noqa: PLW2901 - as above
                # Identify: the same id for every copy, by whichever way it came (P5).
                name = event_id(event)
                if name is None:
                    fingerprint = fingerprint or _digest(arrival.bodies, rules)
                    name = _free_id(fingerprint, arrival.places[index], body, placed)
                ids.append(name)
                bodies.append(body)
                events.append(event)
            # Map ahead for the sinks that keep up, while the events are in the processor's cache.
            ahead.add(events, ids)
            events.clear()
        duplicates = _without_known(accepted, None if arrival.upserts else self.seen)
        accepted.raw_bytes = sum(map(len, bodies)) + len(bodies)
        repeated = len(duplicates) + arrival.repeated
        _count(accepted, arrival, rejected, repeated, ignored)
        # Journal: the await is the acknowledgement.
        await self._append(accepted, duplicates)
        if len(ids) >= WARM_EVENTS:
            await self.followers.in_step()
        return Receipt(len(ids), repeated, rejected)

    async def _append(self, accepted: Accepted, duplicates: Sequence[str]) -> None:
        if not accepted.totals and not accepted.positions:
            return
        repeats = set(duplicates)
        before = [
            commit for ids, commit in self._underway.values() if repeats and not repeats.isdisjoint(ids)
        ]
        try:
            commit = asyncio.ensure_future(
                self._append_after(before, accepted) if before else self._journal.append(accepted)
            )
        except BaseException:
            self._forget(accepted)
            raise
        self._underway[id(accepted)] = (accepted.ids, commit)
        # Runs even if the caller is gone: the ids of events that failed must not stay known.
        commit.add_done_callback(functools.partial(self._ended, accepted))
        await asyncio.shield(commit)

    async def _append_after(self, before: Sequence[asyncio.Future[None]], accepted: Accepted) -> None:
        # A repeat is acknowledged only when the one before it is on disk. Should that one fail, nothing
        # of this arrival may get past it, its log position least of all (P2).
        for commit in before:
            await asyncio.shield(commit)
        await self._journal.append(accepted)

    def _ended(self, accepted: Accepted, commit: asyncio.Future[None]) -> None:
        del self._underway[id(accepted)]
        if commit.cancelled() or commit.exception() is not None:
            self._forget(accepted)
        elif self._observe is not None:
            self._observe(decoded(accepted.bodies))

    def _forget(self, accepted: Accepted) -> None:
        if self.seen is not None:
            for name in accepted.ids:
                self.seen.discard(name)


def _without_known(accepted: Accepted, seen: SeenIds | None) -> list[str]:
    """Take out the events that came before, and return their ids."""
    known = [] if seen is None else seen.add_all(accepted.ids)
    if known:
        # These were mapped, too. Repeats are rare: the lanes map the rest themselves.
        accepted.ahead = None
    duplicates = [accepted.ids.pop(at) for at in reversed(known)]
    for at in reversed(known):
        del accepted.bodies[at]
    return duplicates


def _in_form(body: bytes, event: Event) -> bytes:
    """Return an event's bytes in a form that readers of the journal can tell apart without decoding."""
    if holds_record(event):
        body = body if is_record(body) else in_front(body, "eventType", "origin")
    elif event.extra is not None and "bridge" in event.extra and not body.startswith(IN_FRONT):
        body = in_front(body, "bridge")
    return msgspec.json.format(body, indent=-1) if b"\n" in body else body


def _opened(came: Iterable[Found], index: int, rejected: list[tuple[int, str, str]]) -> Sequence[Opened]:
    """Return the events in bytes that the fast way refuses, at least one; add what is refused to `rejected`.

    Raises Unacceptable when there is none.
    """
    found = [*came]
    events = [one for one in found if isinstance(one, Opened)]
    refused = [one for one in found if isinstance(one, Unacceptable)]
    rejected += [(index, one.reason, one.detail) for one in refused[not events :]]
    if not events:
        raise refused[0]
    return events


def _free_id(fingerprint: bytes, place: int, body: bytes, placed: set[str]) -> str:
    """Return an id made of the place that is not taken yet: a line may hold the same event twice."""
    while (name := place_id(fingerprint, place, body)) in placed:
        place += 1
    placed.add(name)
    return name


def _with_kind(body: bytes, kind: Kind) -> tuple[bytes, Event]:
    data, _ = read_object(body)
    data["eventType"] = kind
    return encode(data), from_object(data)


def _digest(bodies: Sequence[bytes], rules: Rules) -> bytes:
    """Return the fingerprint of a request, without what the rules hide in it (P5)."""
    digest = blake2b(digest_size=16)
    for body in bodies:
        for found in opened(body, None):
            try:
                shown = _shown(found, rules)
            except Unacceptable as error:
                shown = error.reason.encode()
            digest.update(shown)
            digest.update(b"\n")
    return digest.digest()


def _shown(found: Found, rules: Rules) -> bytes:
    if isinstance(found, Unacceptable):
        raise found
    return rules.applied(found.body, found.event)[0] if rules.concern(found.event) else found.body


def _count(
    accepted: Accepted, arrival: Arrival, rejected: list[tuple[int, str, str]], duplicates: int, ignored: int
) -> None:
    """Add this arrival's counts, which are committed with its events (P7)."""
    source, totals = arrival.source, accepted.totals
    reasons = dict(arrival.rejected)
    for _, reason, _ in rejected:
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, events in reasons.items():
        totals["events_rejected", source, reason] = events
    for reason, size in arrival.lost_bytes.items():
        totals["log_lost_bytes", source, reason] = size
    received = len(accepted.ids) + duplicates + sum(reasons.values())
    for name, events in (
        ("events_received", received),
        ("events_journalled", len(accepted.ids)),
        ("events_duplicate", duplicates),
        ("lines_ignored", ignored),
    ):
        if events:
            totals[name, source, ""] = events

"""Hot path 1: from what a source brought to the journal, a whole arrival at a time."""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from bridge.contracts import Arrival, Kind, Receipt
from bridge.errors import Unacceptable
from bridge.events import REFUSALS, Event, decode_fast, encode, from_object, mend, read_object
from bridge.journal import Accepted, Journal
from bridge.journal.seen_ids import SeenIds
from bridge.shaping.ids import event_id, place_id


class Intake:
    """Decodes, checks, identifies and journals events; the `Ingest` that sources are given.

    `seen` knows the ids of the last minutes. Without an HTTP source it is None: a log line is journalled
    exactly once by its position (P2).
    """

    def __init__(self, journal: Journal, seen: SeenIds | None) -> None:
        self._journal = journal
        self._seen = seen
        self._underway: dict[int, tuple[Sequence[str], asyncio.Task[None]]] = {}

    async def __call__(self, arrival: Arrival) -> Receipt:
        """Return when everything acceptable is on disk (P1); raises JournalFull, and nothing was taken."""
        accepted = Accepted(arrival.source, positions=dict(arrival.positions))
        rejected: list[tuple[int, str, str]] = []
        duplicates: list[str] = []
        ignored = arrival.ignored
        origin = arrival.origin
        seen = self._seen
        for index, (body, kind) in enumerate(zip(arrival.bodies, arrival.kinds, strict=True)):
            # Decode: the fast way, or the generic one for what that refuses.
            try:
                try:
                    event = decode_fast(body)
                except REFUSALS:
                    body, event = mend(body)  # noqa: PLW2901 - the canonical bytes take the input's place
                # The kind stands only in the log line's prefix: keep it with the event where it says more.
                if kind is not None and (kind == "fault") != event.is_fault:
                    body, event = _with_kind(body, kind)  # noqa: PLW2901 - as above
            except Unacceptable as error:
                if arrival.tolerant and kind is None:
                    ignored += 1
                else:
                    rejected.append((index, error.reason, error.detail))
                continue
            # One event is one line in its block.
            if b"\n" in body:
                body = msgspec.json.format(body, indent=-1)  # noqa: PLW2901 - as above
            # Identify: the same id for every copy, by whichever way it came (P5).
            name = event_id(event)
            if name is None:
                origin = origin or _digest(arrival.bodies)
                name = place_id(origin, arrival.places[index], body)
            if seen is not None and not seen.add(name):
                duplicates.append(name)
                continue
            accepted.ids.append(name)
            accepted.bodies.append(body)
            accepted.events.append(event)
            accepted.raw_bytes += len(body) + 1
        _count(accepted, arrival, rejected, len(duplicates), ignored)
        # Journal: the await is the acknowledgement.
        await self._append(accepted, duplicates)
        return Receipt(len(accepted.ids), len(duplicates), rejected)

    async def _append(self, accepted: Accepted, duplicates: Sequence[str]) -> None:
        if self._seen is None:
            await self._journal.append(accepted)
            return
        # A repeat is acknowledged only when the one before it is on disk.
        before = [
            commit for ids, commit in self._underway.values() if any(name in ids for name in duplicates)
        ]
        # A task of its own: a caller that goes away must not leave the ids of events that failed.
        commit = asyncio.create_task(self._commit(accepted, self._seen))
        self._underway[id(accepted)] = (accepted.ids, commit)
        for underway in (commit, *before):
            await asyncio.shield(underway)

    async def _commit(self, accepted: Accepted, seen: SeenIds) -> None:
        try:
            await self._journal.append(accepted)
        except BaseException:
            for name in accepted.ids:
                seen.discard(name)
            raise
        finally:
            del self._underway[id(accepted)]


def _with_kind(body: bytes, kind: Kind) -> tuple[bytes, Event]:
    data, _ = read_object(body)
    data["eventType"] = kind
    return encode(data), from_object(data)


def _digest(bodies: Sequence[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    for body in bodies:
        digest.update(body)
        digest.update(b"\n")
    return digest.digest()


def _count(
    accepted: Accepted, arrival: Arrival, rejected: list[tuple[int, str, str]], duplicates: int, ignored: int
) -> None:
    """Put the books of this arrival beside its events (P7)."""
    source, totals = arrival.source, accepted.totals
    reasons = dict(arrival.rejected)
    for _, reason, _ in rejected:
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, events in reasons.items():
        totals["events_rejected", source, reason] = events
    received = len(accepted.ids) + duplicates + sum(reasons.values())
    for name, events in (
        ("events_received", received),
        ("events_journalled", len(accepted.ids)),
        ("events_duplicate", duplicates),
        ("lines_ignored", ignored),
    ):
        if events:
            totals[name, source, ""] = events

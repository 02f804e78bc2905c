"""What every path of the HTTP source shares: a body on its way in, its events on their way to disk (P1).

request ──▶ body ──▶ portions ──▶ ingest ──▶ what became of them
"""

import asyncio
import hmac
from collections.abc import Collection, Iterator
from typing import Any, Final, Protocol

from aiohttp import web

from bridge.contracts import Ingest, Receipt
from bridge.sources.http.answers import Answer, Refusal
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.portions import PORTION_BYTES, Portion
from bridge.sources.http.room import Room, Turns
from bridge.sources.http.upload import Upload, refuse_gone
from bridge.transports.http.callers import Callers, Stranger

# Of one request. The largest body has room for about a fifth as many usual events.
_MOST_EVENTS: Final = 100_000
# After so many values without a single event the rest is not looked at.
MOST_USELESS: Final = 5000
# A larger body is split on a thread: this much broken JSON takes as long as the others can wait.
LARGE_BODY_BYTES: Final = 192 * 2**10
# Further rejected events are only counted.
_MOST_REJECTED: Final = 100
# Bytes of events that are decoded and on their way to disk at a time; decoded they take about five times that.
_INSIDE_BYTES: Final = 2 * 2**20


class Endpoint(Protocol):
    """What is served at a path; the HTTP source calls `admit`, then `answer`.

    Both raise Refusal. What else `answer` raises (JournalWaits before all) the source answers with 503.
    """

    method: str
    """The only method that is served."""

    def admit(self, request: web.BaseRequest) -> None:
        """Return if the sender may send here."""
        ...

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return the answer, when all events of the request are on disk."""
        ...


class Tally:
    """What became of the events of one request."""

    def __init__(self) -> None:
        self.accepted = self.duplicates = self.rejected_total = 0
        self.rejected: list[tuple[int, str, str]] = []

    def add(self, portion: Portion, receipt: Receipt) -> None:
        """Add what became of a portion."""
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        if receipt.rejected or portion.refused:
            places = portion.places
            rejected = [(places[at], reason, detail) for at, reason, detail in receipt.rejected]
            rejected += portion.refused
            self.rejected_total += len(rejected)
            self.rejected += sorted(rejected)[: _MOST_REJECTED - len(self.rejected)]

    @property
    def events(self) -> int:
        """How many there were."""
        return self.accepted + self.duplicates + self.rejected_total

    @property
    def is_all_accepted(self) -> bool:
        """Whether it is the usual case: there were events, and each was accepted."""
        return bool(self.accepted) and not self.duplicates and not self.rejected_total

    @property
    def is_nothing_good(self) -> bool:
        """Whether there were events and none of them could be taken."""
        return bool(self.rejected_total) and not self.accepted and not self.duplicates

    def content(self) -> dict[str, Any]:
        """Return the body of the answer; it has `rejected_total` if the list is cut."""
        content = {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": [
                {"index": index, "reason": reason, "detail": detail}
                for index, reason, detail in self.rejected
            ],
        }
        if self.rejected_total > len(self.rejected):
            content["rejected_total"] = self.rejected_total
        return content


class Reception:
    """Takes bodies and events for all endpoints, within the limits that they share (P8)."""

    def __init__(
        self,
        ingest: Ingest,
        happenings: HttpHappenings,
        *,
        source: str,
        in_flight_bytes: int,
        max_body_bytes: int,
        seconds: float,
    ) -> None:
        self._ingest = ingest
        self._happenings = happenings
        self._source = source
        self._room = Room(in_flight_bytes)
        self._turns = Turns(_INSIDE_BYTES)
        self._thread = asyncio.Lock()
        self._max_body_bytes = max_body_bytes
        self._seconds = seconds
        self._full = False
        self.most_events = _MOST_EVENTS

    def body(self, request: web.BaseRequest) -> Upload:
        """Return a context manager that yields the whole body."""
        return Upload(
            request, self._room, self._happenings, max_bytes=self._max_body_bytes, seconds=self._seconds
        )

    async def take(
        self, request: web.BaseRequest, parts: Iterator[Portion], size: int, *, whoever_waits: bool = False
    ) -> Tally:
        """Return what became of the events of a body of that size, when they are on disk (P1).

        `whoever_waits`: also those of a sender who has gone, because it never sends again.
        Raises what `ingest` raises; the portions before were taken and are duplicates when they come again.
        """
        tally = Tally()
        if size > LARGE_BODY_BYTES:
            await self._take_large(
                request, parts, tally, min(size, PORTION_BYTES), whoever_waits=whoever_waits
            )
        else:
            await self._turns.enter(size)
            try:
                for portion in parts:
                    tally.add(portion, await self._ingest(portion.arrival(self._source)))
                    if tally.rejected_total > MOST_USELESS:
                        self._refuse_useless(request, tally)
            finally:
                self._turns.leave(size)
        if self._full and tally.accepted:
            self._full = False
            self._happenings.room_again()
        if tally.is_nothing_good:
            _, reason, detail = tally.rejected[0]
            self._happenings.nothing_good(request.remote or "?", reason, detail)
        return tally

    def cut_off_slow(self) -> None:
        """End the bodies whose senders are slow, because others want their places."""
        self._room.cut_off_slow()

    def no_room(self, why: str) -> None:
        """Report that the journal is full; the next request that is taken reports that it no longer is."""
        self._full = True
        self._happenings.no_room(why)

    async def _take_large(
        self,
        request: web.BaseRequest,
        parts: Iterator[Portion],
        tally: Tally,
        inside: int,
        *,
        whoever_waits: bool,
    ) -> None:
        # Splitting takes long: it is done on a thread, for one body at a time, and each has its turn again after each
        # portion. Small requests wait for one portion at most. A failure between two portions is an error for all of
        # them; those that were taken are duplicates when they come again.
        while True:
            await self._turns.enter(inside)
            try:
                if not whoever_waits:
                    refuse_gone(request)
                async with self._thread:
                    more = await asyncio.to_thread(_next, parts)
                if more is None:
                    return
                tally.add(more, await self._ingest(more.arrival(self._source)))
            finally:
                self._turns.leave(inside)
            self._refuse_useless(request, tally)

    def _refuse_useless(self, request: web.BaseRequest, tally: Tally) -> None:
        """Raise Refusal for a request that is not worth reading on, and for one with too many events."""
        if tally.is_nothing_good and tally.rejected_total > MOST_USELESS:
            _, reason, detail = tally.rejected[0]
            self._happenings.nothing_good(request.remote or "?", reason, detail)
            raise Refusal(
                400,
                f"none of the first {tally.rejected_total} things in it is an event: {reason}",
                f"send events; the rest is not looked at where more than {MOST_USELESS} are none",
            )
        if tally.events > self.most_events:
            raise Refusal(
                413,
                f"more than {self.most_events} events in one request; those before are taken",
                "send fewer events in one request",
            )


class OpenDoor:
    """Lets in everyone except foreign web pages, for a listener that asks for no token."""

    def __init__(self, callers: Callers | None, happenings: HttpHappenings) -> None:
        """`callers`: None where TLS knows who calls."""
        self._callers = callers
        self._happenings = happenings

    def admit(self, request: web.BaseRequest) -> None:
        """Return unless the request may come from a foreign web page; raises Refusal (403, 421)."""
        if self._callers is None:
            return
        try:
            self._callers.admit(request.method, request.headers)
        except Stranger as stranger:
            self._happenings.stranger(request.remote or "?", stranger.error, stranger.cure)
            raise Refusal(stranger.status, stranger.error, stranger.cure) from None


class Bearer:
    """Lets in senders with one of the tokens; if there are no tokens, it lets in everyone that `OpenDoor` does."""

    def __init__(self, tokens: Collection[bytes], door: OpenDoor, happenings: HttpHappenings) -> None:
        self._tokens = tokens
        self._door = door
        self._happenings = happenings

    def admit(self, request: web.BaseRequest) -> None:
        """Return if `Authorization: Bearer` has one of the tokens; raises Refusal (401)."""
        if not self._tokens:
            self._door.admit(request)
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if is_one_of(token.strip(), self._tokens) and scheme.lower() == "bearer":
            return
        self._happenings.unauthorised(request.remote or "?")
        raise Refusal(
            401,
            "a token is missing or not known",
            "send Authorization: Bearer TOKEN",
            {"WWW-Authenticate": 'Bearer realm="apim-bridge"'},
        )


def is_one_of(given: str, secrets: Collection[bytes]) -> bool:
    """Tell whether a header's text is one of the secrets."""
    text = given.encode("utf-8", "surrogateescape")
    # Every secret is compared, each in constant time, so that the time tells nothing.
    matches = [hmac.compare_digest(text, known) for known in secrets]
    return any(matches)


def _next(parts: Iterator[Portion]) -> Portion | None:
    return next(parts, None)

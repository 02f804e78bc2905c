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
from bridge.sources.http.body import PORTION_BYTES, Portion
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.upload import Room, Turns, Upload

# Rejected events beyond these are counted only.
_MOST_REJECTED: Final = 100
# Bytes of events that are decoded and on their way to disk at a time; decoded they take about five times that.
_INSIDE_BYTES: Final = 2 * 2**20


class Endpoint(Protocol):
    """What is served at a path; the HTTP source calls `admit`, then `answer`.

    Both raise Refusal. What else `answer` raises (JournalWaits before all) the source answers with 503.
    """

    method: str
    """The only one that is served."""

    def admit(self, request: web.BaseRequest) -> None:
        """Return for a sender who may send here."""
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
    def is_all_accepted(self) -> bool:
        """Whether it is the usual case: there were events, and each was accepted."""
        return bool(self.accepted) and not self.duplicates and not self.rejected_total

    @property
    def is_nothing_good(self) -> bool:
        """Whether there were events and none of them could be taken."""
        return bool(self.rejected_total) and not self.accepted and not self.duplicates

    def content(self) -> dict[str, Any]:
        """Return it as the answer says it; `rejected_total` is there when the list is cut."""
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
        self._max_body_bytes = max_body_bytes
        self._seconds = seconds
        self._full = False

    def body(self, request: web.BaseRequest, max_bytes: int | None = None) -> Upload:
        """Return the context that is the whole body.

        `max_bytes`: the largest body, where a protocol sets another limit than the settings do.
        """
        most = self._max_body_bytes if max_bytes is None else max_bytes
        return Upload(request, self._room, self._happenings, max_bytes=most, seconds=self._seconds)

    async def take(self, request: web.BaseRequest, parts: Iterator[Portion], size: int) -> Tally:
        """Return what became of the events of a body of that size, when they are on disk (P1).

        Raises what `ingest` raises; the portions before were taken and are duplicates when they come again.
        """
        tally = Tally()
        # Larger bodies are taken portion by portion, so that no more than one is inside at a time.
        inside = min(size, PORTION_BYTES)
        await self._turns.enter(inside)
        try:
            if size > PORTION_BYTES:
                await self._take_large(parts, tally)
            else:
                for portion in list(parts):
                    tally.add(portion, await self._ingest(portion.arrival(self._source)))
        finally:
            self._turns.leave(inside)
        if self._full and tally.accepted:
            self._full = False
            self._happenings.room_again()
        if tally.is_nothing_good:
            _, reason, detail = tally.rejected[0]
            self._happenings.nothing_good(request.remote or "?", reason, detail)
        return tally

    def no_room(self, why: str) -> None:
        """Say that the journal is full; the next request that is taken says that it no longer is."""
        self._full = True
        self._happenings.no_room(why)

    async def _take_large(self, parts: Iterator[Portion], tally: Tally) -> None:
        # Splitting takes long: the others want their turn. A failure between two portions is an error for
        # all of them; those that were taken are duplicates when they come again.
        while more := await asyncio.to_thread(_next, parts):
            tally.add(more, await self._ingest(more.arrival(self._source)))


class Bearer:
    """Lets in callers with one of the tokens; everyone, if there are none."""

    def __init__(self, tokens: Collection[bytes], happenings: HttpHappenings) -> None:
        self._tokens = tokens
        self._happenings = happenings

    def admit(self, request: web.BaseRequest) -> None:
        """Return if one of the tokens stands behind `Authorization: Bearer`; raises Refusal (401)."""
        if not self._tokens:
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
    # Every one is compared, each in constant time: how long it takes tells nothing.
    matches = [hmac.compare_digest(text, known) for known in secrets]
    return any(matches)


def _next(parts: Iterator[Portion]) -> Portion | None:
    return next(parts, None)

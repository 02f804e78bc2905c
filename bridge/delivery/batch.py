"""Delivers one batch: a part for each address, whole, in halves or one by one, until every event is dealt with."""

import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from bridge.batches import Batch
from bridge.contracts import Payload
from bridge.delivery.in_flight import InFlight, Outcome
from bridge.delivery.layout import lay_out
from bridge.delivery.parking import KeyTrouble, Parking
from bridge.delivery.part import Part
from bridge.delivery.sender import Sender
from bridge.errors import NeedsOperator, Refused, RetryLater, SinkError, SomeFailed, TenantRefused, TooLarge
from bridge.journal import PARKED, Letter, unpack_events

# When so many single events are refused and none is taken, the events are not at fault.
_SUSPICIOUS_REFUSALS: Final = 8
# Events that fail with these may be what makes the destination fail. With other failures they never reached it.
_SUSPICIOUS_FAILURES: Final = frozenset({"server_error", "timeout"})
# A single event must go on failing for this share of `poison_after`, after something else has passed.
_PROVEN_SHARE: Final = 0.1
# Of the destination's answer, in a message.
_SHOWN_CHARACTERS: Final = 200


class Delivery:
    """A batch between its first request and its end.

    If every event is refused, none becomes a dead letter: the lane pauses until the sink takes something else.
    `replay`: these letters were refused before, so the lane does not pause, and refused tenants are tried again.
    """

    def __init__(
        self,
        batch: Batch,
        sender: Sender,
        parking: Parking,
        in_flight: InFlight,
        poison_after: float,
        *,
        replay: bool = False,
    ) -> None:
        self._batch = batch
        self._sender = sender
        self._pace = sender.pace
        self._parking = parking
        self._in_flight = in_flight
        self._poison_after = poison_after
        self._replay = replay
        self._successes = sender.pace.successes
        self._rounds = 0
        self._begin_round()

    async def run(self) -> Outcome:
        """Return when the sink has every event of the batch, or has refused it for good."""
        parts, failed = lay_out(self._batch, self._sender.sink.traits.addresses)
        unmappable = [(place, self._letter(place, "unmappable", None, why)) for place, why in failed]
        while not await self._go_round(parts):
            if not self._others_pass():
                self._pause()
            # Send again what was refused while nothing passed: the destination may have recovered.
            self._begin_round()
            self._rounds += 1
        refused = ((part.places[0], letter) for part, letter in (*self._refused, *self._refused_singly))
        letters = sorted((*refused, *self._parked, *unmappable), key=lambda letter: letter[0])
        return Outcome(letters, self._sampled_out, self._state)

    def _begin_round(self) -> None:
        self._refused: list[tuple[Part, Letter]] = []
        """Events that were refused while they were alone in their request."""
        self._refused_singly: list[tuple[Part, Letter]] = []
        """Those of them that the destination itself refused."""
        self._parked: list[tuple[int, Letter]] = []
        self._sampled_out = 0
        self._state: bytes | None = None

    async def _go_round(self, whole: Iterable[Part]) -> bool:
        """Send these parts, splitting what fails; return False when everything seems to be refused."""
        parts = deque(part.anew() for part in whole)
        believed = self._replay or self._others_pass()
        while parts:
            part = parts.popleft()
            taken = False
            try:
                taken = await self._send(part, parts)
            except NeedsOperator:
                parts.appendleft(part)
                continue
            except RetryLater as error:
                self._after_failure(part, parts, error)
                continue
            except (Refused, TooLarge) as error:
                if len(part) > 1:
                    parts.extendleft(reversed(self._in_search_order(part.anew().halves())))
                    continue
                self._refused.append((part, self._refusal(part.places[0], error)))
            if taken and self._rounds and not believed:
                parts.extend(part.anew() for part, _ in (*self._refused, *self._refused_singly))
                self._refused, self._refused_singly = [], []
            believed = believed or taken
            if not believed and (self._refused or self._refused_singly):
                enough = self._refused_singly or len(self._refused) >= _SUSPICIOUS_REFUSALS
                if enough and self._refuses_everything():
                    return False
                # Try the largest part that waits: is there anything that it takes?
                parts.rotate(1)
        return believed or not self._refuses_everything()

    async def _send(self, part: Part, parts: deque[Part]) -> bool:
        """Send a part; returns whether the destination took any of it, False when all is parked or sampled out.

        Events that failed by themselves are put aside, or go back to the parts.
        """
        if not self._replay and (trouble := self._parking.trouble(part.address)) is not None:
            self._park(part.places, trouble)
            return False
        payload = part.payload
        if payload is None:
            payload = part.payload = await self._encode(self._whole().pick(part.places))
            if len(part) == len(self._batch):
                # During a request the bodies only take memory: they are needed again only after a refusal (P8).
                self._batch = self._batch.lightened()
        taken = payload.count
        if payload.count:
            try:
                self._state = await self._sender.send(payload) or self._state
            except TenantRefused as error:
                self._park(part.places, self._parking.refused(error, part.address))
                return False
            except SomeFailed as error:
                taken -= len(error.failures)
                refused = self._sort(part, parts, error.failures)
                if not taken and not self._replay:
                    self._pace.refusals += refused
        self._sampled_out += payload.sampled_out
        return taken > 0

    async def _encode(self, batch: Batch) -> Payload:
        try:
            return await self._sender.sink.encode(batch)
        except Exception as error:
            # A fault of the mapping must cost one event, not the lane.
            raise _Unmappable(f"{type(error).__name__}: {error}") from error

    def _sort(self, part: Part, parts: deque[Part], failures: Mapping[int, SinkError]) -> int:
        """Deal with each failed event as its error says; return how many were refused."""
        refused: list[tuple[Part, Letter]] = []
        again: list[int] = []
        later: list[RetryLater] = []
        for index, failure in sorted(failures.items()):
            place = part.places[index]
            if isinstance(failure, TenantRefused):
                self._park((place,), self._parking.refused(failure))
            elif isinstance(failure, (RetryLater, NeedsOperator)):
                again.append(place)
                later += [failure] if isinstance(failure, RetryLater) else []
            else:
                refused.append((Part((place,), part.address), self._refusal(place, failure)))
        self._refused_singly += refused
        if not again:
            return len(refused)
        rest = part
        if len(again) < len(part):
            rest = part.only(again)
            rest.failing_since = part.failing_since
        if len(later) < len(again):
            # The lane pauses for them.
            parts.appendleft(rest)
        else:
            self._after_failure(
                rest, parts, min(later, key=lambda error: error.reason in _SUSPICIOUS_FAILURES)
            )
        return len(refused)

    def _after_failure(self, part: Part, parts: deque[Part], error: RetryLater) -> None:
        """Try the part again, after the others; in halves when it has failed for long.

        Only events that pass meanwhile tell a bad event from a destination that is down: for the halves of a suspect
        that is the other half, or another batch. While none passes, the parts are split slowly, and kept.
        """
        if error.reason not in _SUSPICIOUS_FAILURES:
            parts.appendleft(part)
            return
        now = self._sender.clock.monotonic()
        passed = part.failed(now, self._pace.successes, self._poison_after)
        if part.suspect:
            self._in_flight.give_way()
        for_long = now - part.failing_since >= self._poison_after
        if len(part) > 1 and (for_long or passed):
            parts.extend(part.halves())
        elif len(part) == 1 and now - part.proven_since >= self._poison_after * _PROVEN_SHARE:
            self._refused.append((part, self._refusal(part.places[0], error)))
        else:
            parts.append(part)

    def _in_search_order(self, halves: list[Part]) -> list[Part]:
        # While the lane is paused, each round asks about other events.
        if self._rounds and random.random() < 0.5:  # noqa: S311 - no secret
            halves.reverse()
        return halves

    def _others_pass(self) -> bool:
        return self._pace.successes > self._successes

    def _refuses_everything(self) -> bool:
        if self._refused_singly and self._pace.refusals > _SUSPICIOUS_REFUSALS:
            return True
        # An event that cannot be mapped says nothing of the destination, and a few that are too large are normal.
        reasons = [letter.reason for _, letter in self._refused]
        return "refused" in reasons or reasons.count("too_large") >= _SUSPICIOUS_REFUSALS

    def _pause(self) -> None:
        _, letter = (*self._refused, *self._refused_singly)[-1]
        error = NeedsOperator(
            f"the destination refuses every event: {letter.answer[:_SHOWN_CHARACTERS]}; "
            f"look at what {self._sender.sink.destination} asks for",
            reason="refuses_everything",
            status=letter.status,
            answer=letter.answer,
        )
        self._sender.happenings.paused(error, self._pace.failed(error))
        self._in_flight.give_way()

    def _park(self, places: Iterable[int], trouble: KeyTrouble) -> None:
        """Park these events for their tenant; that neither pauses the lane nor proves anything."""
        self._parked += (
            (place, self._letter(place, PARKED, trouble.status, trouble.message, trouble.tenant))
            for place in places
        )

    def _refusal(self, place: int, error: SinkError) -> Letter:
        return self._letter(place, _reason(error), error.status, error.answer or str(error))

    def _letter(
        self, place: int, reason: str, status: int | None, answer: str, tenant: str | None = None
    ) -> Letter:
        batch = self._whole()
        return Letter(
            batch.ids[place], batch.bodies[place], batch.received_ms[place], reason, status, answer, tenant
        )

    def _whole(self) -> Batch:
        """Return the batch with its bodies."""
        if not self._batch.bodies:
            bodies = [
                body
                for packed, start, stop in self._batch.packed
                for body in unpack_events(packed)[start:stop]
            ]
            self._batch = replace(self._batch, bodies=bodies)
        return self._batch


class _Unmappable(Refused):
    """An event cannot be put into the sink's form."""


def _reason(error: SinkError) -> str:
    match error:
        case _Unmappable():
            return "unmappable"
        case TooLarge():
            return "too_large"
        case RetryLater():
            return "server_error"
        case _:
            return "refused"

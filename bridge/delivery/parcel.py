"""One batch on its way: a part for each address, whole, in halves or one by one, until every event has an end."""

import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bridge.contracts import Batch, Clock, Payload, Sink
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.layout import lay_out
from bridge.delivery.pace import Pace
from bridge.delivery.parking import Parking, Refusal
from bridge.delivery.part import Part
from bridge.errors import (
    NeedsOperator,
    Refused,
    RetryLater,
    SinkError,
    TenantRefused,
    TooLarge,
)
from bridge.journal import PARKED, Letter, unpack_events

# So many refusals of single events, and not one event taken: it is not about single events.
_SUSPICIOUS_REFUSALS: Final = 8
# What fails with these may be what makes the destination fail. Other failures never reached it.
_SUSPICIOUS_FAILURES: Final = frozenset({"server_error", "timeout"})
# A single event must go on failing for this share of `poison_after`, after something else has passed.
_PROVEN_SHARE: Final = 0.1
# Of the destination's answer, in a message.
_SHOWN_CHARACTERS: Final = 200


@dataclass(slots=True)
class Outcome:
    """What became of a batch: delivered, but for the letters (by index in the batch) and what was sampled out."""

    letters: list[tuple[int, Letter]] = field(default_factory=list)
    sampled_out: int = 0
    state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Carrier:
    """What it takes to deliver: one sink, its pace, and what is said about it."""

    sink: Sink
    pace: Pace
    parking: Parking
    clock: Clock
    happenings: DeliveryHappenings
    poison_after: float
    give_way: Callable[[], None]
    """Called when a batch must be compared with others: one more may pass by it."""

    def deliver(self, batch: Batch, *, replay: bool = False) -> Coroutine[Any, Any, Outcome]:
        """Return when the sink has every event of the batch, or has refused it for good.

        If every event is refused, nothing is given up and the lane pauses, until the sink has taken something
        else (`replay`: letters were refused before: no pause, and refused tenants are asked again).
        """
        return _Parcel(self, batch, replay=replay).deliver()


class _Parcel:
    """A batch between its first request and its end."""

    def __init__(self, carrier: Carrier, batch: Batch, *, replay: bool) -> None:
        self._carrier = carrier
        self._batch = batch
        self._replay = replay
        self._parts: Sequence[tuple[int, int, str]] = ()
        """Where the events of each address begin and end, and the address."""
        self._successes = carrier.pace.successes
        self._rounds = 0
        self._outcome = Outcome()
        self._parked: list[tuple[int, Letter]] = []

    async def deliver(self) -> Outcome:
        order, unmappable = self._lay_out()
        while self._parts and not await self._go_round():
            if not self._others_pass():
                self._pause()
            # What was refused while nothing passed is asked again: the destination may be well by now.
            self._outcome, self._parked = Outcome(), []
            self._rounds += 1
        letters = [(order[at], letter) for at, letter in (*self._outcome.letters, *self._parked)]
        self._outcome.letters = sorted((*letters, *unmappable), key=lambda letter: letter[0])
        return self._outcome

    def _lay_out(self) -> tuple[Sequence[int], Sequence[tuple[int, Letter]]]:
        """Put the events of one address side by side; returns where each event stood, and what has no address."""
        batch = self._batch
        if not len(batch):
            return (), ()
        layout = lay_out(batch, self._carrier.sink.addresses)
        self._batch, self._parts = layout.batch, layout.parts
        unmappable = [(at, _letter(batch, at, "unmappable", None, why)) for at, why in layout.failed]
        return layout.order, unmappable

    async def _go_round(self) -> bool:
        """Send the batch, splitting what fails; return False when everything seems to be refused."""
        parts = deque(Part(*bounds) for bounds in self._parts)
        believed = self._replay or self._others_pass()
        while parts:
            part = parts.popleft()
            try:
                taken = await self._send(part)
            except NeedsOperator:
                parts.appendleft(part)
            except RetryLater as error:
                self._after_failure(part, parts, error)
            except (Refused, TooLarge) as error:
                if len(part) > 1:
                    whole = Part(part.start, part.stop, part.address)
                    parts.extendleft(reversed(self._in_search_order(whole.halves())))
                    continue
                self._give_up(part, error)
                if not believed:
                    if len(self._outcome.letters) >= _SUSPICIOUS_REFUSALS and self._refuses_everything():
                        return False
                    # Look elsewhere, where the largest part waits: is there anything that it takes?
                    parts.rotate(1)
            else:
                if taken and self._rounds and not believed:
                    parts.extend(Part(at, at + 1, self._address(at)) for at, _ in self._outcome.letters)
                    self._outcome.letters.clear()
                believed = believed or taken
        return believed or not self._refuses_everything()

    def _others_pass(self) -> bool:
        return self._carrier.pace.successes > self._successes

    def _refuses_everything(self) -> bool:
        # That an event cannot be mapped is the bridge's own word, and that a few are too large is likely.
        reasons = [letter.reason for _, letter in self._outcome.letters]
        return "refused" in reasons or reasons.count("too_large") >= _SUSPICIOUS_REFUSALS

    def _pause(self) -> None:
        carrier, letter = self._carrier, self._outcome.letters[-1][1]
        error = NeedsOperator(
            f"the destination refuses every event: {letter.answer[:_SHOWN_CHARACTERS]}; "
            f"look at what {carrier.sink.destination} asks for",
            reason="refuses_everything",
            status=letter.status,
            answer=letter.answer,
        )
        carrier.happenings.paused(error, carrier.pace.failed(error))
        carrier.give_way()

    def _in_search_order(self, halves: list[Part]) -> list[Part]:
        # While the lane is paused, each round asks about other events.
        if self._rounds and random.random() < 0.5:  # noqa: S311 - no secret
            halves.reverse()
        return halves

    def _after_failure(self, part: Part, parts: deque[Part], error: RetryLater) -> None:
        """Try the part again, after the others; in halves when it has failed for long.

        Only what passes meanwhile tells a bad event from a destination that is down: the halves of a suspect
        are told apart by each other and by other batches. Without that they are split, slowly, and kept.
        """
        if error.reason not in _SUSPICIOUS_FAILURES:
            parts.appendleft(part)
            return
        carrier = self._carrier
        now = carrier.clock.monotonic()
        passed = part.failed(now, carrier.pace.successes, carrier.poison_after)
        if part.suspect:
            carrier.give_way()
        for_long = now - part.failing_since >= carrier.poison_after
        if len(part) > 1 and (for_long or passed):
            parts.extend(part.halves())
        elif len(part) == 1 and now - part.proven_since >= carrier.poison_after * _PROVEN_SHARE:
            self._give_up(part, error)
        else:
            parts.append(part)

    def _give_up(self, part: Part, error: SinkError) -> None:
        letter = _letter(self._whole(), part.start, _reason(error), error.status, error.answer or str(error))
        self._outcome.letters.append((part.start, letter))

    def _refusal(self, part: Part) -> Refusal | None:
        return None if self._replay else self._carrier.parking.refusal(part.address)

    def _park(self, part: Part, refusal: Refusal) -> None:
        """Keep the part's events for their tenant: no pause, and no proof of anything."""
        self._parked += (
            (at, _letter(self._whole(), at, PARKED, refusal.status, refusal.message, refusal.tenant))
            for at in range(part.start, part.stop)
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

    def _lighten(self) -> None:
        """Let go of what only a refusal would ask for: while requests are under way it takes memory (P8)."""
        bodies = () if self._batch.packed else self._batch.bodies
        self._batch = replace(self._batch, bodies=bodies, mapped=())

    def _address(self, at: int) -> str:
        return next(address for start, stop, address in self._parts if start <= at < stop)

    async def _send(self, part: Part) -> bool:
        """Send a part; returns whether the destination took it, False when it is parked or all sampled out."""
        carrier, pace = self._carrier, self._carrier.pace
        if (refusal := self._refusal(part)) is not None:
            self._park(part, refusal)
            return False
        payload = part.payload
        if payload is None:
            payload = part.payload = await self._encode(self._whole().part(part.start, part.stop))
            if len(part) == len(self._batch):
                self._lighten()
        if payload.count:
            async with pace.turn() as outage:
                began = carrier.clock.monotonic()
                try:
                    state = await carrier.sink.send(payload)
                except RetryLater as error:
                    carrier.happenings.retrying(error, pace.failed(error, outage))
                    raise
                except NeedsOperator as error:
                    carrier.happenings.paused(error, pace.failed(error, outage))
                    raise
                except TenantRefused as error:
                    self._park(part, carrier.parking.refused(part.address, error))
                    if pace.answered(outage):
                        carrier.happenings.resumed()
                    return False
                except (Refused, TooLarge) as error:
                    carrier.happenings.refused(error, payload.count)
                    raise
                carrier.happenings.delivered(payload, carrier.clock.monotonic() - began)
                if pace.succeeded(outage):
                    carrier.happenings.resumed()
                self._outcome.state = state or self._outcome.state
        self._outcome.sampled_out += payload.sampled_out
        return payload.count > 0

    async def _encode(self, batch: Batch) -> Payload:
        try:
            return await self._carrier.sink.encode(batch)
        except Exception as error:
            # A fault of the mapping must cost one event, not the lane.
            raise _Unmappable(f"{type(error).__name__}: {error}") from error


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


def _letter(
    batch: Batch, at: int, reason: str, status: int | None, answer: str, tenant: str | None = None
) -> Letter:
    return Letter(batch.ids[at], batch.bodies[at], batch.received_ms[at], reason, status, answer, tenant)

"""One batch on its way: sent whole, in halves or one by one, until every event of it has an end."""

from dataclasses import dataclass, field
from typing import Final

from bridge.contracts import Batch, Clock, Payload, Sink
from bridge.delivery.pace import Pace
from bridge.errors import NeedsOperator, Refused, RetryLater, SinkError, TooLarge
from bridge.journal import Letter
from bridge.telemetry.delivery import DeliveryHappenings

# So many single refusals in a row, and not one event taken: it is not about single events.
_SUSPICIOUS_REFUSALS: Final = 16


@dataclass(slots=True)
class Outcome:
    """What became of a batch: delivered, but for the letters (by index in the batch)."""

    letters: list[tuple[int, Letter]] = field(default_factory=list)
    state: bytes | None = None


class _Poison(SinkError):  # noqa: N818 - says what the part is
    """This part keeps failing with 5xx or time-outs while others pass."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What it takes to deliver: one sink, its pace, and what is said about it."""

    sink: Sink
    pace: Pace
    clock: Clock
    happenings: DeliveryHappenings
    poison_after: float

    async def deliver(self, batch: Batch, *, replay: bool = False) -> Outcome:
        """Return when the sink has every event of the batch, or has refused it for good.

        If every event is refused, nothing is given up and the lane pauses, until the sink has taken something
        else (`replay`: letters were refused before, no pause).
        """
        began = self.clock.monotonic()
        patient = replay
        while True:
            outcome = Outcome()
            finished, taken = await self._deliver_parts(batch, outcome, patient=patient)
            others_pass = self.pace.last_success > began
            if taken or (finished and (replay or others_pass)):
                return outcome
            patient = replay or others_pass
            if not patient:
                _, letter = outcome.letters[-1]
                error = NeedsOperator(
                    f"the destination refuses every event: {letter.answer}; look at what it asks for",
                    reason="refuses_everything",
                    status=letter.status,
                    answer=letter.answer,
                )
                self.happenings.paused(error, self.pace.failed(error))

    async def _deliver_parts(self, batch: Batch, outcome: Outcome, *, patient: bool) -> tuple[bool, int]:
        """Send the batch, splitting what is refused.

        Stops early when it looks as if everything is refused, unless it is `patient`. Returns whether it
        came to the end, and how many events it says something about that the destination did not refuse.
        """
        taken = 0
        parts: list[tuple[int, int, float]] = [(0, len(batch), self.poison_after)]
        while parts:
            start, stop, poison_after = parts.pop()
            part = batch if stop - start == len(batch) else batch.part(start, stop)
            try:
                payload = await self._encode(part)
                outcome.state = await self._send(payload, poison_after) or outcome.state
                taken += stop - start
            except (Refused, TooLarge, _Poison) as error:
                if stop - start > 1:
                    middle = (start + stop) // 2
                    # What others passed by proves the rest: its parts need not fail for long.
                    after = 0.0 if isinstance(error, _Poison) else poison_after
                    parts += [(middle, stop, after), (start, middle, after)]
                    continue
                outcome.letters.append((start, _letter(part, error)))
                if isinstance(error, (_Unmappable, _Poison)):
                    # The bridge's own word, or proven by others that passed.
                    taken += 1
                if not taken and not patient and len(outcome.letters) >= _SUSPICIOUS_REFUSALS:
                    return False, 0
        return True, taken

    async def _encode(self, part: Batch) -> Payload:
        try:
            return await self.sink.encode(part)
        except Exception as error:
            # A fault of the mapping must cost one event, not the lane.
            raise _Unmappable(f"{type(error).__name__}: {error}") from error

    async def _send(self, payload: Payload, poison_after: float) -> bytes | None:
        first_failure: float | None = None
        while True:
            async with self.pace.turn() as outage:
                began = self.clock.monotonic()
                try:
                    state = await self.sink.send(payload)
                except RetryLater as error:
                    now = self.clock.monotonic()
                    first_failure = now if first_failure is None else first_failure
                    poison = (
                        error.reason in {"server_error", "timeout"} and now - first_failure >= poison_after
                    )
                    if poison and self.pace.last_success > first_failure:
                        raise _Poison(str(error), status=error.status, answer=error.answer) from error
                    self.happenings.retrying(error, self.pace.failed(error, outage))
                except NeedsOperator as error:
                    self.happenings.paused(error, self.pace.failed(error, outage))
                except (Refused, TooLarge) as error:
                    self.happenings.refused(error, payload.count)
                    raise
                else:
                    self.pace.succeeded(outage)
                    self.happenings.delivered(payload, self.clock.monotonic() - began)
                    return state


class _Unmappable(Refused):
    """An event cannot be put into the sink's form."""


def _letter(part: Batch, error: SinkError) -> Letter:
    match error:
        case _Unmappable():
            reason = "unmappable"
        case TooLarge():
            reason = "too_large"
        case _Poison():
            reason = "server_error"
        case _:
            reason = "refused"
    return Letter(part.ids[0], part.bodies[0], reason, error.status, error.answer or str(error))

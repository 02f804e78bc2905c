"""One request to a sink: at the lane's pace, and every outcome is logged and counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.contracts import Clock, Payload, Sink
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.pace import Pace
from bridge.errors import (
    ContractBroken,
    NeedsOperator,
    Refused,
    RetryLater,
    SinkError,
    SomeFailed,
    TenantRefused,
    TooLarge,
)

_OF_ONE_EVENT: Final = (RetryLater, Refused, TooLarge, NeedsOperator, TenantRefused)


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends payloads to one sink, and lets pace and operators know how it went."""

    sink: Sink
    pace: Pace
    clock: Clock
    happenings: DeliveryHappenings

    async def send(self, payload: Payload) -> bytes | None:
        """Return what the sink's `send` returned, or raise what it raised, once the lane's pace knows of it."""
        pace, happenings = self.pace, self.happenings
        async with pace.turn() as outage:
            began = self.clock.monotonic()
            try:
                state = await self.sink.send(payload)
            except (RetryLater, NeedsOperator) as error:
                self._hold(error, outage)
                raise
            except TenantRefused:
                self._answered(outage)
                raise
            except (Refused, TooLarge) as error:
                self._answered(outage)
                happenings.refused(error, payload.count)
                raise
            except SomeFailed as error:
                self._sort(payload, error, outage, self.clock.monotonic() - began)
                raise
            self._taken(payload, payload.count, outage, self.clock.monotonic() - began)
            return state

    def _sort(self, payload: Payload, error: SomeFailed, outage: int, seconds: float) -> None:
        """Tell the pace that some events failed: it slows down only if nothing was delivered."""
        self._check(payload, error.failures)
        failures = error.failures.values()
        taken = payload.count - len(failures)
        operator = next((failure for failure in failures if isinstance(failure, NeedsOperator)), None)
        later = max(
            (failure for failure in failures if isinstance(failure, RetryLater)),
            key=lambda failure: failure.retry_after_seconds or 0,
            default=None,
        )
        self.happenings.some_failed(error, taken)
        trouble = operator or (None if taken else later)
        if trouble is not None:
            # Before what was taken is noted: that ends no pause, for the others would fail again.
            self._hold(trouble, outage)
        if taken:
            self._taken(payload, taken, outage, seconds)
        elif trouble is None:
            self._answered(outage)
        if later is not None:
            self.pace.wait_for(later)

    def _check(self, payload: Payload, failures: Mapping[int, SinkError]) -> None:
        """Raise ContractBroken for what no sink may say: the lane would lose an event, or count it twice."""
        events = payload.count + payload.sampled_out
        wrong = ""
        if not failures:
            wrong = "names no event"
        elif strange := [index for index in failures if not 0 <= index < events]:
            wrong = f"names event {strange[0]} of a part of {events}"
        elif unsent := failures.keys() & payload.left_out:
            wrong = f"names event {min(unsent)}, which it left out"
        elif others := [error for error in failures.values() if not isinstance(error, _OF_ONE_EVENT)]:
            wrong = f"says of an event {others[0]!r}"
        if wrong:
            raise ContractBroken(f"the sink {self.sink.name} has a fault: its SomeFailed {wrong}")

    def _taken(self, payload: Payload, events: int, outage: int, seconds: float) -> None:
        self.happenings.delivered(events, payload.size_bytes, seconds)
        if self.pace.succeeded(outage):
            self.happenings.resumed()

    def _answered(self, outage: int) -> None:
        if self.pace.answered(outage):
            self.happenings.resumed()

    def _hold(self, error: RetryLater | NeedsOperator, outage: int) -> None:
        seconds = self.pace.failed(error, outage)
        if isinstance(error, RetryLater):
            self.happenings.retrying(error, seconds)
        else:
            self.happenings.paused(error, seconds)

"""What happens on the way to one sink."""

from collections import Counter
from typing import Any, Final

from bridge.clock import SystemClock
from bridge.contracts import Clock
from bridge.errors import NeedsOperator, RetryLater, SinkError, SomeFailed, TenantRefused
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.repeats import Repeats

# Trouble that returns sooner than this is the same trouble, and not worth a new line.
_SAME_TROUBLE_SECONDS: Final = 60


class DeliveryHappenings:
    """One method for each thing that happens to a lane; its lines all carry the sink's name."""

    def __init__(self, metrics: Metrics, logger: Any, sink: str, clock: Clock | None = None) -> None:
        self._metrics = metrics
        self._sink = sink
        self._log = logger.bind(sink=sink)
        self._clock = clock or SystemClock()
        self._repeats = Repeats(self._clock)
        self._resumed_at = float("-inf")
        self._batches = metrics.counter("batches_sent", sink)
        self._bytes = metrics.counter("sent_bytes", sink)
        self._events = metrics.histogram("batch_events", sink)
        self._seconds = metrics.histogram("request_duration_seconds", sink)
        self._restarts = metrics.counter("lane_restarts", sink)

    def started(self, destination: str, pending: int) -> None:
        """The lane begins, or begins again."""
        self._log.info("lane_started", destination=destination, pending=pending)

    def delivered(self, events: int, size_bytes: int, seconds: float) -> None:
        """The destination took a request, or some events of one."""
        self._batches.inc()
        self._bytes.inc(size_bytes)
        self._events.observe(events)
        self._seconds.observe(seconds)

    def some_failed(self, error: SomeFailed, taken: int) -> None:
        """The destination took some events of a request, and said what is wrong with each of the others."""
        failures = list(error.failures.values())
        if taken and (again := next((it for it in failures if isinstance(it, RetryLater)), None)) is not None:
            self._metrics.counter("retries", self._sink, again.reason).inc()
        kinds = Counter(type(failure).__name__ for failure in failures)
        self._say("some_events_failed", error, taken=taken, failed=dict(kinds))

    def resumed(self) -> None:
        """The destination took a batch after trouble; the next failure is news again, unless it comes soon."""
        now = self._clock.monotonic()
        if now - self._resumed_at > _SAME_TROUBLE_SECONDS:
            self._repeats = Repeats(self._clock)
        self._resumed_at = now
        if (times := self._repeats.due("resumed")) is not None:
            self._log.info("delivery_resumed", times=times)

    def retrying(self, error: RetryLater, in_seconds: float) -> None:
        """A request failed and will be tried again."""
        self._metrics.counter("retries", self._sink, error.reason).inc()
        self._say("delivery_failed", error, reason=error.reason, retry_in_seconds=round(in_seconds, 1))

    def paused(self, error: NeedsOperator, in_seconds: float) -> None:
        """The sink waits for an operator; it is probed now and then."""
        self._say("sink_paused", error, reason=error.reason, probe_in_seconds=round(in_seconds, 1))

    def refused(self, error: SinkError, events: int) -> None:
        """The destination refused a batch or an event; the lane looks for the bad events."""
        self._say("batch_refused", error, events=events)

    def letters(self, count: int, reason: str) -> None:
        """Events became dead letters."""
        if (times := self._repeats.due(f"letters {reason}")) is not None:
            self._log.warning(
                "dead_letters",
                events=count,
                reason=reason,
                times=times,
                cure="see apim-bridge dead-letters list",
            )

    def tenant_parked(self, error: TenantRefused) -> None:
        """One tenant's key is refused: its events wait, everyone else's go on."""
        self._say("tenant_parked", error, tenant=error.tenant)

    def tenant_works(self, tenant: str) -> None:
        """A tenant's key works again; what was parked goes out."""
        if (times := self._repeats.due(f"tenant_works {tenant}")) is not None:
            self._log.info("tenant_works_again", tenant=tenant, times=times)

    def restarted(self, error: Exception, in_seconds: float) -> None:
        """The lane crashed: a fault of the bridge, worth a report."""
        self._restarts.inc()
        self._log.error("lane_crashed", error=repr(error), restart_in_seconds=in_seconds, exc_info=error)

    def _say(self, what: str, error: SinkError, **facts: object) -> None:
        if (
            times := self._repeats.due(f"{what} {error.status} {facts.get('reason') or facts.get('tenant')}")
        ) is not None:
            self._log.warning(what, error=str(error), answer=error.answer[:300], times=times, **facts)

"""What a Moesif sink does beside its events: asks for sampling rates, publishes users and companies."""

from typing import Any, Final

from bridge.contracts import Clock
from bridge.telemetry.metrics import Metric, Metrics
from bridge.telemetry.repeats import Repeats

METRICS: Final = (
    Metric(
        "sampling_refresh_failures",
        "counter",
        "Failed attempts to read the sampling rates; the last known rates stay in force.",
        ("sink",),
    ),
    Metric("profiles_published", "counter", "Users and companies published to Moesif.", ("sink", "kind")),
    Metric(
        "profile_failures",
        "counter",
        "Requests to publish users or companies that failed or were refused.",
        ("sink",),
    ),
)


class MoesifHappenings:
    """One method for each thing that happens."""

    def __init__(self, metrics: Metrics, logger: Any, sink: str, clock: Clock) -> None:
        """`logger`: its lines carry the sink's name."""
        metrics.add(METRICS)
        self._log = logger
        self._repeats = Repeats(clock)
        self._refresh_failures = metrics.counter("sampling_refresh_failures", sink)
        self._profile_failures = metrics.counter("profile_failures", sink)
        self._published = {
            kind: metrics.counter("profiles_published", sink, kind) for kind in ("users", "companies")
        }

    def rates_changed(self, tenant: str, sample_rate: float, special: int) -> None:
        """Moesif answered with new rates: the rate for all, and how many for users, companies and patterns."""
        self._log.info("sampling_rates", tenant=tenant or None, sample_rate=sample_rate, special=special)

    def rates_kept(self, tenant: str, error: Exception) -> None:
        """Moesif did not answer with its rates: the last ones stay in force, or the fallback."""
        self._refresh_failures.inc()
        if (times := self._repeats.due(f"rates {tenant}")) is not None:
            why = str(error) or repr(error)
            self._log.warning("sampling_rates_kept", tenant=tenant or None, error=why, times=times)

    def published(self, kind: str, number: int) -> None:
        """Moesif took users or companies."""
        self._published[kind].inc(number)
        self._repeats.over("publish")

    def publish_failed(self, error: Exception, waiting: int, in_seconds: float) -> None:
        """Users or companies could not be published now; events go on."""
        self._profile_failures.inc()
        if (times := self._repeats.due("publish")) is not None:
            self._log.warning(
                "profiles_wait",
                error=str(error),
                waiting=waiting,
                retry_in_seconds=round(in_seconds, 1),
                times=times,
            )

    def publish_refused(self, kind: str, error: Exception) -> None:
        """Moesif refused one user or company; it is published again when it changes."""
        self._profile_failures.inc()
        if (times := self._repeats.due(f"refused {kind}")) is not None:
            self._log.warning("profile_refused", kind=kind, error=str(error), times=times)

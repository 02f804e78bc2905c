"""What the analytics process counts, as Prometheus reads it from its own /metrics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import Counter, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import CollectorRegistry

from bridge.telemetry.metrics import PREFIX, Metric

TABLE: Final[tuple[Metric, ...]] = (
    Metric("analytics_events_new", "counter", "Events that came into the store."),
    Metric("analytics_events_known", "counter", "Events that came again, and were counted already."),
    Metric(
        "analytics_events_let_go",
        "counter",
        "Events that were deleted: older than `retain`, or beyond `max_bytes`.",
        ("reason",),
        reasons=("age", "size"),
    ),
    Metric(
        "analytics_events_old",
        "counter",
        "Events that came for the first time, to a time that is let go of already; they were not kept.",
    ),
    Metric(
        "analytics_events_erased",
        "counter",
        "Events that were deleted because somebody's data was erased, and those of such data that came later and were "
        "not kept.",
        ("reason",),
        reasons=("asked", "came_again"),
    ),
    Metric(
        "analytics_refused",
        "counter",
        "Requests with events that were refused; 503: the disk does not take them.",
        ("status",),
        reasons=("400", "413", "415", "503"),
    ),
    Metric(
        "analytics_append_duration_seconds",
        "histogram",
        "Duration from a request's last byte until its events are committed.",
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    ),
    Metric(
        "analytics_stream_missed",
        "counter",
        "Events that readers of the live stream were not sent, because they read too slowly.",
    ),
    Metric(
        "analytics_alert_looks",
        "counter",
        "Looks at rules of alerts: answered, failed, or late because the rules before took too long.",
        ("outcome",),
        reasons=("answered", "failed", "late"),
    ),
    Metric(
        "analytics_messages_sent",
        "counter",
        "Messages that a channel has taken.",
        ("channel",),
        reasons=(),
    ),
    Metric(
        "analytics_messages_failed",
        "counter",
        "Messages that were given up: the channel refused them, or took none for six hours.",
        ("channel",),
        reasons=(),
    ),
    Metric(
        "analytics_messages_put_off",
        "counter",
        "Tries to send a message that failed and are made again.",
        ("channel",),
        reasons=(),
    ),
    Metric("analytics_events", "gauge", "Events in the store.", (), "asked"),
    Metric("analytics_alerts_firing", "gauge", "Groups of rules of alerts that fire.", (), "asked"),
    Metric("analytics_alert_rules_failing", "gauge", "Rules of alerts that cannot be answered.", (), "asked"),
    Metric("analytics_messages_waiting", "gauge", "Messages that wait to be sent.", (), "asked"),
    Metric(
        "analytics_missing_events",
        "gauge",
        "Events that bridges have taken for the store and that it does not have, or not yet.",
        (),
        "asked",
    ),
    Metric(
        "analytics_erasure_waiting_seconds",
        "gauge",
        "For how long the oldest erasure that is not done has been asked for; 0: all are done.",
        (),
        "asked",
    ),
    Metric("analytics_store_bytes", "gauge", "Size of the store's files.", (), "asked"),
    Metric(
        "analytics_store_max_bytes", "gauge", "Size at which the oldest events are let go of.", (), "asked"
    ),
    Metric(
        "monitor_up",
        "gauge",
        "Whether a monitor's endpoint is up (1) or down (0); paused ones are not there.",
        ("monitor",),
        "asked",
    ),
    Metric(
        "monitor_probes",
        "counter",
        "Probes of an endpoint, by what came of them.",
        ("monitor", "result"),
        "asked",
    ),
    Metric(
        "monitor_response_seconds",
        "gauge",
        "How long the last probe took, if it was answered as expected.",
        ("monitor",),
        "asked",
    ),
    Metric(
        "monitor_tls_expiry_timestamp_seconds",
        "gauge",
        "When the first certificate that an endpoint shows expires, as Unix time.",
        ("monitor",),
        "asked",
    ),
    Metric(
        "monitor_last_probe_timestamp_seconds",
        "gauge",
        "When the last probe of an endpoint began, as Unix time.",
        ("monitor",),
        "asked",
    ),
    Metric("monitor_interval_seconds", "gauge", "How often an endpoint is probed.", ("monitor",), "asked"),
)
Labelled = tuple[tuple[str, ...], float]
"""A value with its labels, in the order of the table."""


class AnalyticsMetrics:
    """The metrics of this process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in TABLE:
            name = PREFIX + metric.name
            if metric.counted == "asked":
                continue
            if metric.type == "counter":
                counter = Counter(name, metric.help, metric.labels, registry=self._registry)
                self._counters[metric.name] = counter
                for reason in metric.reasons if metric.labels else ():
                    counter.labels(reason)
            elif metric.type == "histogram":
                self._histograms[metric.name] = Histogram(
                    name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets
                )

    def count(self, name: str, amount: float = 1, *labels: str) -> None:
        """Add to a counter of the table."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(amount)

    def observe(self, name: str, value: float) -> None:
        """Put a value into a histogram of the table."""
        self._histograms[name].observe(value)

    def exposed(self, asked: Mapping[str, Sequence[Labelled]], accept: str) -> tuple[bytes, str]:
        """Return all as text, in the form that an Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(_All(self._registry, asked)), content_type


class _All(CollectorRegistry):
    def __init__(self, counted: CollectorRegistry, asked: Mapping[str, Sequence[Labelled]]) -> None:
        super().__init__()
        self._counted = counted
        self._asked = asked

    def collect(self) -> Iterator[Family]:
        yield from self._counted.collect()
        for metric in TABLE:
            if metric.counted == "asked":
                family = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
                shown = family(PREFIX + metric.name, metric.help, labels=metric.labels)
                for labels, value in self._asked[metric.name]:
                    shown.add_metric(labels, value)
                yield shown

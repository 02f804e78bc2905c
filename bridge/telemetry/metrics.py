"""The table of metrics: every name that the bridge exposes, with its type, labels and meaning.

What only one kind of source or sink counts stands in its own room, in the same form.

Two kinds of source feed it. Counts of events are rows in the journal (`kept` below), changed in the same
transaction as the events they count, so that a crash cannot falsify them (P7); `bridge.telemetry.exposition`
reads them when Prometheus asks. All others live in this process and start at zero with it.

A counter is shown as 0 before it counts anything: Prometheus sees no increase in a series that comes into
being at 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from bridge.errors import DEAD_REASONS, LOSS_REASONS, REJECT_REASONS, RETRY_REASONS

# A second series for each counter, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call] # prometheus-client does not type it

_M = TypeVar("_M", Counter, Histogram)

PREFIX: Final = "apim_bridge_"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_EVENTS: Final = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table. Counters are named without `_total`, as prometheus-client wants them."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    counted: Literal["process", "kept", "asked", "events"] = "process"
    """Where its values come from. `process`: counted here. `kept`: a total in the journal. `asked`: worked out when
    Prometheus asks. `events`: counted in memory from what the events say."""
    buckets: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ("",)
    """Every value that the label `reason` (or, in place of it, `status`) can take; one empty text if there is no such
    label."""

    @property
    def exposed(self) -> str:
        """The name that Prometheus shows."""
        return PREFIX + self.name + ("_total" if self.type == "counter" else "")


TABLE: Final[tuple[Metric, ...]] = (
    # in
    Metric("events_received", "counter", "Events that came in.", ("source",), "kept"),
    Metric(
        "events_rejected",
        "counter",
        "Inputs that are not valid events.",
        ("source", "reason"),
        "kept",
        reasons=REJECT_REASONS,
    ),
    Metric(
        "events_duplicate",
        "counter",
        "Repeats of events that are in the journal already.",
        ("source",),
        "kept",
    ),
    Metric("events_journalled", "counter", "Events accepted: on disk, fsynced.", ("source",), "kept"),
    Metric("lines_ignored", "counter", "Log lines that are not events.", ("source",), "kept"),
    Metric(
        "log_lost_bytes",
        "counter",
        "Bytes that were gone before the bridge could read them.",
        ("source", "reason"),
        "kept",
        reasons=LOSS_REASONS,
    ),
    # out
    Metric("events_delivered", "counter", "Events that the destination accepted.", ("sink",), "kept"),
    Metric(
        "events_filtered",
        "counter",
        "Events left out by `only` or `exclude`, and records that are not API calls.",
        ("sink",),
        "kept",
    ),
    Metric(
        "events_sampled_out", "counter", "Events left out by the destination's sampling.", ("sink",), "kept"
    ),
    Metric(
        "events_dead",
        "counter",
        "Events that became dead letters or were parked.",
        ("sink", "reason"),
        "kept",
        reasons=DEAD_REASONS,
    ),
    Metric(
        "events_dead_again",
        "counter",
        "Events that came again after a rewind and were refused or parked again.",
        ("sink", "reason"),
        "kept",
        reasons=DEAD_REASONS,
    ),
    Metric("events_corrupt", "counter", "Events in blocks that can no longer be read.", ("sink",), "kept"),
    Metric("events_rewound", "counter", "Events that `rewind` made the sink send again.", ("sink",), "kept"),
    Metric(
        "events_skipped",
        "counter",
        "Events journalled before the sink was added, which it does not send.",
        ("sink",),
        "kept",
    ),
    Metric(
        "dead_letters_replayed",
        "counter",
        "Dead letters and parked events that were delivered after all.",
        ("sink",),
        "kept",
    ),
    Metric(
        "dead_letters_purged",
        "counter",
        "Dead letters and parked events that an operator deleted.",
        ("sink",),
        "kept",
    ),
    Metric(
        "dead_letters", "gauge", "Dead letters in the journal, without parked events.", ("sink",), "asked"
    ),
    Metric("parked_events", "gauge", "Events that wait until their tenant's key works.", ("sink",), "asked"),
    Metric("pending_events", "gauge", "Events that wait for the sink.", ("sink",), "asked"),
    Metric(
        "oldest_pending_seconds",
        "gauge",
        "Age of the oldest event that waits; 0 if none waits.",
        ("sink",),
        "asked",
    ),
    Metric(
        "last_delivery_seconds",
        "gauge",
        "Seconds since the last delivery, or since the start.",
        ("sink",),
        "asked",
    ),
    Metric(
        "sink_paused",
        "gauge",
        "1 while the sink is paused for this reason and needs an operator.",
        ("sink", "reason"),
        "asked",
    ),
    Metric("in_flight_batches", "gauge", "Batches under way.", ("sink",), "asked"),
    Metric("batches_sent", "counter", "Requests that the destination accepted, if only in part.", ("sink",)),
    Metric(
        "retries",
        "counter",
        "Requests that failed, wholly or for some events, and will be tried again.",
        ("sink", "reason"),
        reasons=RETRY_REASONS,
    ),
    Metric("sent_bytes", "counter", "Bytes of request bodies that the destination accepted.", ("sink",)),
    Metric("batch_events", "histogram", "Events in a delivered request.", ("sink",), buckets=_EVENTS),
    Metric("request_duration_seconds", "histogram", "Duration of a request.", ("sink",), buckets=_SECONDS),
    Metric("lane_restarts", "counter", "Restarts of a lane after a crash.", ("sink",)),
    # journal
    Metric(
        "journal_bytes",
        "gauge",
        "Bytes of undelivered blocks, dead letters, parked events, and of a WAL beyond its normal size.",
        (),
        "asked",
    ),
    Metric("journal_max_bytes", "gauge", "Limit of `journal_bytes`.", (), "asked"),
    Metric("journal_file_bytes", "gauge", "Size of the journal's files.", (), "asked"),
    Metric("journal_wal_bytes", "gauge", "Size of the journal's write-ahead log.", (), "asked"),
    Metric("journal_full", "gauge", "1 while the journal has no room for events.", (), "asked"),
    Metric("journal_blocked", "gauge", "1 while no events are taken, by the reason.", ("reason",), "asked"),
    Metric("journal_disk_free_bytes", "gauge", "Free space on the journal's file system.", (), "asked"),
    Metric(
        "journal_min_free_bytes", "gauge", "With less free space than this, no events are taken.", (), "asked"
    ),
    Metric("journal_commit_duration_seconds", "histogram", "Duration of a commit.", (), buckets=_SECONDS),
    Metric("journal_commit_errors", "counter", "Commits that failed (full disk, I/O error)."),
    # TLS
    Metric(
        "certificate_expiry_timestamp_seconds",
        "gauge",
        "When a listener's certificate expires, as Unix time.",
        ("listener",),
        "asked",
    ),
    # the bridge
    Metric("source_restarts", "counter", "Restarts of a source after a crash.", ("source",)),
    Metric("analytics_restarts", "counter", "Restarts of the analytics process that the daemon runs."),
    Metric("ready", "gauge", "1 while events are taken.", (), "asked"),
    Metric("build_info", "gauge", "Always 1; the label has the version.", ("version",), "asked"),
    Metric(
        "config_info", "gauge", "Always 1; the label has a hash of the configuration.", ("hash",), "asked"
    ),
    Metric(
        "config_last_reload_successful",
        "gauge",
        "0 after a refused reload; the previous configuration stays in force.",
        (),
        "asked",
    ),
    Metric(
        "config_last_load_timestamp_seconds",
        "gauge",
        "When the configuration in force was loaded, as Unix time.",
        (),
        "asked",
    ),
)

# Of [bridge.api_metrics], when it is enabled; the labels are the default ones.
_API: Final = ("api", "version", "status_class", "application")

API_TABLE: Final[tuple[Metric, ...]] = (
    Metric("api_requests", "counter", "API calls.", _API, "events"),
    Metric(
        "api_errors", "counter", "API calls that WSO2 reports as faults.", (*_API, "type", "code"), "events"
    ),
    Metric("api_throttled", "counter", "API calls that were throttled.", _API, "events"),
    Metric("api_cache_hits", "counter", "API calls answered from the response cache.", _API, "events"),
    Metric("api_latency_seconds", "histogram", "Duration of an API call.", _API, "events"),
    Metric("api_backend_latency_seconds", "histogram", "Time that the backend took.", _API, "events"),
    Metric(
        "api_mediation_latency_seconds", "histogram", "Time spent in mediation, both ways.", _API, "events"
    ),
    Metric("api_request_bytes", "histogram", "Size of a request.", _API, "events"),
    Metric("api_response_bytes", "histogram", "Size of a response.", _API, "events"),
    Metric("api_series", "gauge", "Different label sets of the API metrics.", (), "events"),
    Metric("api_overflow", "counter", "API calls counted under `other`, beyond `max_series`.", (), "events"),
)

KEPT: Final = tuple(metric for metric in TABLE if metric.counted == "kept")


class Metrics:
    """The metrics that are counted in this process, in a registry of their own.

    `table` has those of TABLE, and what the rooms of sources and sinks have added.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.table: list[Metric] = []
        self._wrappers: dict[str, MetricWrapperBase] = {}
        self.add(TABLE)

    def add(self, metrics: Iterable[Metric]) -> None:
        """Have these, too; what is there already stays as it is."""
        for metric in metrics:
            if metric in self.table:
                continue
            self.table.append(metric)
            if metric.counted != "process":
                continue
            name = PREFIX + metric.name
            if metric.type == "histogram":
                wrapper: MetricWrapperBase = Histogram(
                    name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets
                )
            else:
                wrapper = Counter(name, metric.help, metric.labels, registry=self.registry)
            self._wrappers[metric.name] = wrapper

    def expect(self, label: str, owner: str) -> None:
        """Show every counter of TABLE's for this owner (`label` says what it is) from now on, at 0 until it counts."""
        for metric in TABLE:
            if metric.counted == "process" and metric.labels in ((label,), (label, "reason")):
                for reason in metric.reasons:
                    self._wrappers[metric.name].labels(*(owner, reason)[: len(metric.labels)])

    def counter(self, name: str, *labels: str) -> Counter:
        """Return the counter of that name in the table, with its labels in the table's order."""
        return self._child(name, labels, Counter)

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Return the histogram of that name in the table, with its labels in the table's order."""
        return self._child(name, labels, Histogram)

    def _child(self, name: str, labels: tuple[str, ...], kind: type[_M]) -> _M:
        wrapper = self._wrappers[name]
        if not isinstance(wrapper, kind):
            raise TypeError(f"{name} is not a {kind.__name__}")
        return wrapper.labels(*labels) if labels else wrapper

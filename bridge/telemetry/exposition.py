"""The metrics as Prometheus reads them: what is counted here, the journal's totals, and what is asked now."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from bridge.telemetry.metrics import KEPT, PREFIX, Metrics

Owners = Mapping[str, Iterable[str]]
"""The names of the configured sources (`source`) and sinks (`sink`): their counters are shown from 0 on."""

Samples = Mapping[str, Iterable[tuple[Sequence[str], float]]]
"""Values of the `asked` metrics by name: labels in the table's order, value."""


class KeptCounts(Protocol):
    """The journal's totals, as this module needs them."""

    def items(self, name: str) -> list[tuple[tuple[str, str], int]]:
        """Return ((owner, reason), value) of each total of that name."""
        ...


_VERSION: Final = re.compile(r";\s*version=([^;\s]*)")
END: Final = b"# EOF\n"
"""What ends a text in the form of OpenMetrics."""


def expose(
    metrics: Metrics, totals: KeptCounts, asked: Samples, owners: Owners, accept: str = ""
) -> tuple[bytes, str]:
    """Return all metrics of the table as text, in the form that an Accept header asks for, and its content type."""
    for label, names in owners.items():
        for name in names:
            metrics.expect(label, name)
    encode, content_type = choose_encoder(",".join(filter(_is_known, accept.split(","))))
    return encode(_All(metrics, totals, asked, owners)), content_type


def _is_known(form: str) -> bool:
    # prometheus-client accepts any version, and claims in its answer to speak it.
    version = _VERSION.search(form)
    return version is None or version[1] in {"0.0.4", "1.0.0"}


class _All(CollectorRegistry):
    def __init__(self, metrics: Metrics, totals: KeptCounts, asked: Samples, owners: Owners) -> None:
        super().__init__()
        self._metrics = metrics
        self._totals = totals
        self._asked = asked
        self._owners = owners

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics.registry.collect()
        for metric in KEPT:
            counter = CounterMetricFamily(PREFIX + metric.name, metric.help, labels=metric.labels)
            values = {
                (owner, reason): 0 for owner in self._owners[metric.labels[0]] for reason in metric.reasons
            }
            values |= self._totals.items(metric.name)
            for owner_and_reason, total in values.items():
                counter.add_metric(owner_and_reason[: len(metric.labels)], total)
            yield counter
        for metric in self._metrics.table:
            if metric.counted == "asked":
                gauge = GaugeMetricFamily(PREFIX + metric.name, metric.help, labels=metric.labels)
                for labels, value in self._asked.get(metric.name, ()):
                    gauge.add_metric(labels, value)
                yield gauge

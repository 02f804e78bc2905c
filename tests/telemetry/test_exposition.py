"""What Prometheus reads: every counter is there before it counts."""

import re

import pytest

from bridge.journal.totals import Totals
from bridge.telemetry.exposition import expose
from bridge.telemetry.metrics import TABLE, Metric, Metrics

COUNTERS = [
    metric
    for metric in TABLE
    if metric.type == "counter" and set(metric.labels) <= {"source", "sink", "reason"}
]


def samples(totals: Totals) -> dict[str, float]:
    """Return the samples of a bridge with the source `log` and the sink `moesif`, by name and labels."""
    text = expose(Metrics(), totals, {}, {"source": ["log"], "sink": ["moesif"]}).decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("metric", COUNTERS, ids=lambda metric: metric.name)
def test_a_counter_is_shown_at_zero_with_each_of_its_reasons(metric: Metric) -> None:
    """Prometheus' `increase` does not see a counter that comes into being at 1."""
    shown = samples(Totals())
    owners = {"source": "log", "sink": "moesif"}
    for reason in metric.reasons:
        labels = owners | {"reason": reason}
        written = ",".join(f'{label}="{labels[label]}"' for label in sorted(metric.labels))
        assert shown[metric.exposed + (f"{{{written}}}" if written else "")] == 0
    assert ("reason" in metric.labels) == (metric.reasons != ("",))


def test_kept_counts_take_the_place_of_zeros() -> None:
    """P7: what the journal counted is shown as it is, also of a sink that is no longer configured."""
    shown = samples(
        Totals([("events_dead", "moesif", "refused", 3), ("events_delivered", "formerly", "", 7)])
    )
    assert shown['apim_bridge_events_dead_total{reason="refused",sink="moesif"}'] == 3
    assert shown['apim_bridge_events_dead_total{reason="too_large",sink="moesif"}'] == 0
    assert shown['apim_bridge_events_delivered_total{sink="formerly"}'] == 7

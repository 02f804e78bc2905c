"""What Prometheus reads: every counter is there before it counts."""

import re
from collections.abc import Iterable

import pytest
from prometheus_client import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bridge.journal.totals import Totals
from bridge.telemetry.exposition import END, expose
from bridge.telemetry.metrics import TABLE, Metric, Metrics

COUNTERS = [
    metric
    for metric in TABLE
    if metric.type == "counter" and set(metric.labels) <= {"source", "sink", "reason"}
]


def samples(totals: Totals) -> dict[str, float]:
    """Return the samples of a bridge with the source `log` and the sink `moesif`, by name and labels."""
    text = expose(Metrics(), totals, {}, {"source": ["log"], "sink": ["moesif"]})[0].decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("metric", COUNTERS, ids=lambda metric: metric.name)
def test_a_counter_is_shown_at_zero_with_each_of_its_reasons(metric: Metric) -> None:
    """Every counter starts at 0: Prometheus' `increase` misses one that first appears at 1."""
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


OPENMETRICS = "application/openmetrics-text"
LATEST_TEXT = "text/plain; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", f"{LATEST_TEXT}; escaping=allow-utf-8"),
        (
            f"{OPENMETRICS};version=1.0.0,text/plain;version=0.0.4;q=0.5",
            f"{OPENMETRICS}; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (f"{OPENMETRICS}; version=0.0.1,{TEXT};q=0.5", TEXT),
        (f"{OPENMETRICS};version=nonsense", TEXT),
        (f"{OPENMETRICS};version=99.0.0", TEXT),
    ],
)
def test_the_form_is_the_one_that_is_asked_for(accept: str, content_type: str) -> None:
    """OpenMetrics for a caller that asks for a version that we know; the text matches its content type."""
    text, told = expose(Metrics(), Totals(), {}, {"source": ["log"], "sink": ["moesif"]}, accept)
    assert told == content_type
    assert text.endswith(END) == told.startswith(OPENMETRICS)
    if told.startswith(OPENMETRICS):
        read: Iterable[Family] = text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call]
        families = {family.name: family for family in read}
        assert families["apim_bridge_events_received"].type == "counter"

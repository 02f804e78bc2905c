"""API traffic from the events: what is counted, under which labels, and what it costs when it is off."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError
from rigs.daemon import Daemon
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.gateway import GatewayStandIn, make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.events.event import Event, decode
from bridge.formats.moesif.parsing import record
from bridge.settings import ApiMetricsSettings
from bridge.telemetry.api_exposition import expose_api
from bridge.telemetry.api_metrics import ApiMetrics
from bridge.telemetry.exposition import END
from bridge.telemetry.metrics import API_TABLE

Values = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def counted(*events: dict[str, Any], **settings: Any) -> ApiMetrics:
    """Return metrics that saw these events."""
    settings = {"enabled": True, "labels": list(LABELS), **settings}
    metrics = ApiMetrics(ApiMetricsSettings.model_validate(settings))
    metrics.observe([decode(json.dumps(event).encode()) for event in events])
    return metrics


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample as Prometheus' own parser reads it; a sample that is there twice is a fault."""
    values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in values, key
            values[key] = sample.value
    return values


def value(metrics: ApiMetrics, name: str, **labels: str) -> float | None:
    return read(expose_api(metrics).decode()).get((f"apim_bridge_api_{name}", frozenset(labels.items())))


CALL = {
    "apiName": "Pizza",
    "apiVersion": "1.0",
    "apiMethod": "GET",
    "proxyResponseCode": 200,
    "applicationName": "Shop",
    "responseLatency": 250,
    "backendLatency": 200,
    "requestMediationLatency": 30,
    "responseMediationLatency": 20,
    "responseCacheHit": False,
    "properties": {"responseSize": 1000, "requestSize": 10},
}
LABELS = {
    "api": "Pizza",
    "version": "1.0",
    "method": "GET",
    "status_class": "2xx",
    "application": "Shop",
}


def test_calls_latencies_sizes_and_cache_hits() -> None:
    """Each call is counted once with its labels; latencies are in seconds, a bound belongs to its bucket."""
    metrics = counted(
        CALL, {**CALL, "proxyResponseCode": 201, "responseLatency": 251, "responseCacheHit": True}
    )
    assert value(metrics, "requests_total", **LABELS) == 2
    assert value(metrics, "cache_hits_total", **LABELS) == 1
    assert value(metrics, "throttled_total", **LABELS) == 0
    assert value(metrics, "latency_seconds_bucket", **LABELS, le="0.1") == 0
    assert value(metrics, "latency_seconds_bucket", **LABELS, le="0.25") == 1
    assert value(metrics, "latency_seconds_bucket", **LABELS, le="0.5") == 2
    assert value(metrics, "latency_seconds_bucket", **LABELS, le="+Inf") == 2
    assert value(metrics, "latency_seconds_count", **LABELS) == 2
    assert value(metrics, "latency_seconds_sum", **LABELS) == 0.501
    assert value(metrics, "backend_latency_seconds_sum", **LABELS) == 0.4
    assert value(metrics, "mediation_latency_seconds_sum", **LABELS) == 0.1
    assert value(metrics, "request_bytes_bucket", **LABELS, le="256.0") == 2
    assert value(metrics, "response_bytes_sum", **LABELS) == 2000
    assert value(metrics, "series") == 1


@pytest.mark.parametrize("latency", [0, 1, 4095, 4096, 9999, 10_000, 10_001, 10**9])
def test_every_latency_falls_into_one_bucket(latency: int) -> None:
    """The table of buckets and the search behind it agree: the first bound that is not below the latency."""
    metrics = counted({**CALL, "responseLatency": latency})
    for bound in metrics.layout.seconds:
        expected = latency / 1000 <= bound
        assert value(metrics, "latency_seconds_bucket", **LABELS, le=repr(float(bound))) == expected
    assert value(metrics, "latency_seconds_bucket", **LABELS, le="+Inf") == 1


def test_faults_by_type_and_code() -> None:
    """Errors and throttled calls are told apart; a fault's verb is found in `properties`, too."""
    fault = {"apiName": "Pizza", "apiVersion": "1.0", "proxyResponseCode": 429, "applicationName": "Shop"}
    throttled = {**fault, "errorType": "THROTTLED", "errorCode": 900803}
    metrics = counted(
        throttled,
        {**throttled, "properties": {"apiMethod": "GET"}},
        {**fault, "proxyResponseCode": 503, "errorType": "TARGET_CONNECTIVITY", "errorCode": 101503},
        # Without a type the code says it, and -1 says nothing.
        {**fault, "errorCode": 900800},
        {**fault, "eventType": "fault", "errorCode": -1, "errorType": "UNKNOWN"},
        {**fault, "eventType": "fault"},
    )
    labels = {**LABELS, "status_class": "4xx", "method": "unknown"}
    assert value(metrics, "errors_total", **labels, type="THROTTLED", code="900803") == 1
    assert value(metrics, "errors_total", **labels | {"method": "GET"}, type="THROTTLED", code="900803") == 1
    assert value(metrics, "errors_total", **labels, type="unknown", code="900800") == 1
    assert value(metrics, "errors_total", **labels, type="unknown", code="unknown") == 2
    down = {**labels, "status_class": "5xx"}
    assert value(metrics, "errors_total", **down, type="TARGET_CONNECTIVITY", code="101503") == 1
    assert value(metrics, "throttled_total", **labels) == 2
    assert value(metrics, "throttled_total", **down) == 0
    assert value(metrics, "requests_total", **labels) == 4


def test_what_wso2_does_not_know_is_unknown() -> None:
    """UNKNOWN, N/A, -1 and what is missing are one label value, and no latency or size."""
    metrics = counted(
        {**CALL, "applicationName": "UNKNOWN", "apiMethod": "N/A", "proxyResponseCode": -1},
        {
            "apiName": "Pizza",
            "apiVersion": "1.0",
            "responseLatency": -1,
            "backendLatency": -1,
            "requestMediationLatency": -1,
            "responseMediationLatency": 5,
            "properties": {"requestSize": -1, "responseSize": -1},
        },
    )
    labels = {**LABELS, "application": "unknown", "method": "unknown", "status_class": "unknown"}
    assert value(metrics, "requests_total", **labels) == 2
    for name in ("latency_seconds", "backend_latency_seconds", "mediation_latency_seconds", "response_bytes"):
        assert value(metrics, f"{name}_count", **labels) == 1, name


def test_beyond_max_series_calls_are_counted_under_other() -> None:
    """Memory is bounded whatever names arrive: the sum of all calls stays right, and the overflow is counted."""
    events: list[dict[str, Any]] = [{**CALL, "apiName": f"api {number}"} for number in range(50)]
    metrics = counted(*events, *events, max_series=10)
    values = read(expose_api(metrics).decode())
    requests = [count for (name, _), count in values.items() if name == "apim_bridge_api_requests_total"]
    assert len(requests) == 11
    assert sum(requests) == 100
    assert value(metrics, "requests_total", **dict.fromkeys(LABELS, "other")) == 80
    assert value(metrics, "overflow_total") == 80
    assert value(metrics, "series") == 10
    metrics.observe([Event(apiName=f"other {number}", errorCode=number) for number in range(1000)])
    assert len(metrics._known) <= 80
    assert len(metrics.other.errors) <= 65
    assert value(metrics, "overflow_total") == 1080


@pytest.mark.parametrize(
    "labels", [["api"], ["status"], ["resource", "tenant", "key_type", "region", "context"]]
)
def test_labels_are_configurable(labels: list[str]) -> None:
    """One label or many; each series carries exactly those that were asked for."""
    for _, found in read(expose_api(counted(CALL, {**CALL, "errorCode": 1}, labels=labels)).decode()):
        assert {name for name, _ in found} - {"le", "type", "code"} in (set(labels), set())


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": []},
        {"labels": ["api", "api"]},
        {"labels": ["user"]},
        {"latency_buckets": [1, 0.5]},
        {"latency_buckets": [0, 1]},
        {"latency_buckets": []},
        {"size_buckets": [-1]},
        {"max_series": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    """Labels are known ones, each once; bounds are positive and grow."""
    with pytest.raises(ValidationError):
        ApiMetricsSettings.model_validate(wrong)


def test_odd_names_are_escaped() -> None:
    """Prometheus' own parser reads back whatever an API is called."""
    name = 'a "quoted" \\ name\nof two lines'
    assert value(counted({**CALL, "apiName": name}), "requests_total", **LABELS | {"api": name}) == 1


def test_the_defaults_have_room_for_a_busy_gateway() -> None:
    """What the demo's gateway calls in minutes is far from `max_series`: nothing is counted under `other`."""
    settings = ApiMetricsSettings(enabled=True)
    metrics, gateway = ApiMetrics(settings), GatewayStandIn()
    for _ in range(20):
        lines = [gateway.line() for _ in range(500)]
        metrics.observe([decode(line[line.index(b"{") :]) for line in lines])
    assert len([*metrics.series]) < settings.max_series / 3
    assert metrics.other.counts[0] == 0


def test_records_are_no_calls() -> None:
    """A user that an SDK sent is not an API call; an event that only calls itself a record counts."""
    user = record({"user_id": "ada"}, path="/v1/users")
    metrics = counted(user, CALL, {**CALL, "eventType": "record"})
    assert value(metrics, "requests_total", **LABELS) == 2
    assert value(metrics, "series") == 1


def test_api_metrics_in_openmetrics() -> None:
    """As a part of OpenMetrics the counters' families have no `_total`, and every sample is the same."""
    metrics = counted(CALL, {**CALL, "errorType": "THROTTLED", "errorCode": 900800})
    text = expose_api(metrics, openmetrics=True).decode() + END.decode()
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in openmetrics_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
    assert samples == read(expose_api(metrics).decode())


def test_long_labels_are_cut_and_stay_apart() -> None:
    """A label's value of 100,000 characters is cut between two of them; others with the same begin are others."""
    long = "Größe😀" * 20_000
    events = [{**CALL, "apiName": name, "errorType": name} for name in (long, long, long + "x")]
    metrics = counted(*events, labels=["api"])
    text = expose_api(metrics).decode()
    assert max(map(len, text.splitlines())) < 600
    names = {dict(labels)["api"] for (name, labels) in read(text) if name.endswith("requests_total")}
    assert len(names) == 2
    assert all(name.startswith("Größe😀Größe😀") and len(name) == 200 for name in names)
    assert sorted(series.counts[0] for series in metrics.series) == [1, 2]
    assert sum(len(key[0]) for key in metrics._known) < 1000
    assert sorted(sum(series.errors.values()) for series in metrics.series) == [1, 2]


async def test_daemon_counts_each_event_once(tmp_path: Path) -> None:
    """With two sinks, a duplicate and a rewind, every journalled event is counted once; off shows nothing."""
    lines = list(make_lines(300, seed=1))
    write_log(tmp_path, lines)
    archive = f'[bridge.sinks.archive]\ntype = "file"\npath = "{tmp_path}/archive"\n'
    more = '[bridge.sources.http]\nlisten = "127.0.0.1:0"\n[bridge.api_metrics]\nenabled = true\n'
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url, type="moesif, archive", more=more, sinks=archive)
        async with Daemon(tmp_path, text) as daemon:
            status = await daemon.until(lambda now: done(now, 300))
            event = lines[0][lines[0].index(b"{") :]
            async with aiohttp.ClientSession() as session:
                async with session.post(status["sources"]["http"]["url"] + "/events", data=event) as response:
                    assert (await response.json())["duplicates"] == 1
                await daemon.ask("rewind", sink="moesif", to_ms=0)
                await daemon.until(lambda now: now["sinks"]["moesif"]["delivered"] == 600)
                admin = daemon.events("started")[-1]["admin"] + "/metrics"
                async with session.get(admin) as response:
                    shown = await response.text()
                values = read(shown)
                calls = [
                    value for (name, _), value in values.items() if name == "apim_bridge_api_requests_total"
                ]
                assert sum(calls) == 300
                for metric in API_TABLE:
                    assert f"# TYPE {metric.exposed} {metric.type}" in shown, metric.exposed
                    assert f"# HELP {metric.exposed} " in shown, metric.exposed
                daemon.config.write_text(text.replace("enabled = true", "enabled = false"))
                await daemon.ask("reload")
                async with session.get(admin) as response:
                    assert not re.search("apim_bridge_api_", await response.text())
            assert await daemon.stop() == 0

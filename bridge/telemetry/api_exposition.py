"""The API metrics in Prometheus' text format.

Written as text at once: there may be ten thousands of lines, and prometheus-client makes objects of each.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bridge.telemetry.api_metrics import ApiMetrics, Series, error_labels, is_throttled
from bridge.telemetry.metrics import API_TABLE


@dataclass(frozen=True, slots=True)
class _Histogram:
    """Where a histogram stands in the counts of a series."""

    at: int
    bounds: Sequence[float]
    per_unit: int
    """What the sum is divided by: it counts milliseconds, Prometheus seconds."""


def expose_api(metrics: ApiMetrics, *, openmetrics: bool = False) -> bytes:
    """Return the API metrics, without empty histograms.

    `openmetrics`: as a part of a text in that form, where a counter is called without `_total` and its samples with it.
    """
    layout = metrics.layout
    histograms = {
        "api_latency_seconds": _Histogram(layout.latency, layout.seconds, 1000),
        "api_backend_latency_seconds": _Histogram(layout.backend, layout.seconds, 1000),
        "api_mediation_latency_seconds": _Histogram(layout.mediation, layout.seconds, 1000),
        "api_request_bytes": _Histogram(layout.request, layout.sizes, 1),
        "api_response_bytes": _Histogram(layout.response, layout.sizes, 1),
    }
    overflow = metrics.other.counts[layout.requests]
    other = [metrics.other] if overflow else []
    shown = [(_labels(metrics.labels, series.labels), series) for series in (*metrics.series, *other)]
    lines: list[str] = []
    for metric in API_TABLE:
        name = metric.exposed
        family = name.removesuffix("_total") if openmetrics else name
        lines += (f"# HELP {family} {metric.help}", f"# TYPE {family} {metric.type}")
        match metric.name:
            case "api_requests":
                lines += [f"{name}{{{labels}}} {series.counts[layout.requests]}" for labels, series in shown]
            case "api_cache_hits":
                lines += [
                    f"{name}{{{labels}}} {series.counts[layout.cache_hits]}" for labels, series in shown
                ]
            case "api_throttled":
                lines += [f"{name}{{{labels}}} {_throttled(series)}" for labels, series in shown]
            case "api_errors":
                lines += [
                    f"{name}{{{labels},{_labels(('type', 'code'), error)}}} {count}"
                    for labels, series in shown
                    for error, count in _errors(series).items()
                ]
            case "api_series":
                lines.append(f"{name} {len(shown) - len(other)}")
            case "api_overflow":
                lines.append(f"{name} {overflow}")
            case histogram:
                lines += _histogram(name, histograms[histogram], shown)
    lines.append("")
    return "\n".join(lines).encode()


def _histogram(name: str, histogram: _Histogram, shown: Sequence[tuple[str, Series]]) -> Iterator[str]:
    ends = [*(repr(float(bound)) for bound in histogram.bounds), "+Inf"]
    first = histogram.at + 1
    for labels, series in shown:
        totals = list(accumulate(series.counts[first : first + len(ends)]))
        if totals[-1]:
            for end, total in zip(ends, totals, strict=True):
                yield f'{name}_bucket{{{labels},le="{end}"}} {total}'
            yield f"{name}_count{{{labels}}} {totals[-1]}"
            yield f"{name}_sum{{{labels}}} {series.counts[histogram.at] / histogram.per_unit}"


def _throttled(series: Series) -> int:
    return sum(count for error, count in series.errors.items() if is_throttled(error))


def _errors(series: Series) -> Mapping[tuple[str, str], int]:
    # WSO2 has several ways to say that it does not know.
    errors: Counter[tuple[str, str]] = Counter()
    for error, count in series.errors.items():
        errors[error_labels(error)] += count
    return errors


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

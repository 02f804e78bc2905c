"""The API metrics in Prometheus' text format.

Written as text at once: there may be ten thousands of lines, and prometheus-client makes objects of each.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from bridge.telemetry.api_metrics import ApiMetrics, Histogram, Series, error_labels, is_throttled
from bridge.telemetry.metrics import API_TABLE, Metric

_COUNTERS: dict[str, Callable[[Series], int]] = {
    "api_requests": lambda series: series.calls[0],
    "api_throttled": lambda series: sum(
        count for error, count in series.errors.items() if is_throttled(error)
    ),
    "api_cache_hits": lambda series: series.calls[1],
}
_MILLISECONDS: dict[str, Callable[[Series], Histogram]] = {
    "api_latency_seconds": lambda series: series.latency,
    "api_backend_latency_seconds": lambda series: series.backend,
    "api_mediation_latency_seconds": lambda series: series.mediation,
}
_BYTES: dict[str, Callable[[Series], Histogram]] = {
    "api_request_bytes": lambda series: series.request,
    "api_response_bytes": lambda series: series.response,
}


def expose_api(metrics: ApiMetrics) -> bytes:
    """Return the API metrics; a histogram into which nothing fell is left out."""
    other = [metrics.other] if metrics.other.calls[0] else []
    shown = [(_labels(metrics.labels, series.labels), series) for series in (*metrics.series, *other)]
    totals = {"api_series": len(shown) - len(other), "api_overflow": metrics.other.calls[0]}
    lines: list[str] = []
    for metric in API_TABLE:
        name = metric.exposed
        lines += (f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.type}")
        if metric.name in totals:
            lines.append(f"{name} {totals[metric.name]}")
        elif (count := _COUNTERS.get(metric.name)) is not None:
            lines += [f"{name}{{{labels}}} {count(series)}" for labels, series in shown]
        elif metric.type == "histogram":
            lines += _histograms(metric, metrics, shown)
        else:
            lines += [
                f"{name}{{{labels},{_labels(('type', 'code'), error)}}} {count}"
                for labels, series in shown
                for error, count in _errors(series).items()
            ]
    lines.append("")
    return "\n".join(lines).encode()


def _histograms(metric: Metric, metrics: ApiMetrics, shown: Sequence[tuple[str, Series]]) -> Iterator[str]:
    in_seconds = metric.name in _MILLISECONDS
    bounds: Sequence[float] = metrics.seconds if in_seconds else metrics.sizes
    ends = [*(repr(float(bound)) for bound in bounds), "+Inf"]
    histogram_of = (_MILLISECONDS if in_seconds else _BYTES)[metric.name]
    name = metric.exposed
    for labels, series in shown:
        summed, *counts = histogram_of(series)
        total = 0
        lines: list[str] = []
        for end, total in zip(ends, accumulate(counts), strict=True):
            lines.append(f'{name}_bucket{{{labels},le="{end}"}} {total}')
        if total:
            yield from lines
            yield f"{name}_count{{{labels}}} {total}"
            yield f"{name}_sum{{{labels}}} {summed / 1000 if in_seconds else summed}"


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

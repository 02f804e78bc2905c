"""`[bridge.api_metrics]`: what the metrics of the gateway's APIs show."""

from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator

from bridge.settings.table import Table

ApiLabel = Literal[
    "api",
    "version",
    "method",
    "status_class",
    "status",
    "application",
    "resource",
    "context",
    "tenant",
    "key_type",
    "region",
]


class ApiMetricsSettings(Table):
    """API traffic as Prometheus metrics, counted from the events; in memory, from zero at each start."""

    enabled: bool = Field(default=False, description="Whether /metrics shows what the gateway's APIs do.")
    labels: tuple[ApiLabel, ...] = Field(
        default=("api", "version", "status_class", "application"),
        min_length=1,
        description=(
            "Labels of these metrics; method, resource, context, tenant, key_type, region and status work, too."
        ),
    )
    max_series: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description=(
            "Most label sets; further calls are counted under `other`. Each takes 1.1 kB of memory and 7 kB of "
            "/metrics, about 50 lines."
        ),
    )
    latency_buckets: tuple[float, ...] = Field(
        default=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        min_length=1,
        description="Bounds of the latency histograms, in seconds.",
    )
    size_buckets: tuple[int, ...] = Field(
        default=(256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 10_485_760),
        min_length=1,
        description="Bounds of the histograms of request and response sizes, in bytes.",
    )

    @field_validator("labels")
    @classmethod
    def _refuse_repeats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a label is there twice; name each once")
        return value

    @field_validator("latency_buckets", "size_buckets")
    @classmethod
    def _refuse_disorder(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < low < high < float("inf") for low, high in pairwise((*value, value[-1] + 1))):
            raise ValueError("bounds must be positive and grow; write them from the smallest up")
        return value

"""Where events go. Each sink knows the contracts, never another sink.

A new sink is one file or folder here, which says what it is with a `SINK`, and one line in SINKS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.contracts import Clock, Gateway, Sink
from bridge.settings import SinkSettings
from bridge.settings.kinds import Kinds
from bridge.telemetry.metrics import Metric, Metrics


@dataclass(frozen=True, slots=True)
class SinkFittings:
    """What a sink is given."""

    gateway: Gateway
    clock: Clock
    metrics: Metrics
    logger: Any
    """Its lines carry the sink's name."""
    analytics_url: str
    """Where this machine's analytics process listens, if the daemon runs one."""


@dataclass(frozen=True, slots=True)
class SinkType:
    """What a sink's room shows of itself."""

    settings: type[SinkSettings]
    build: Callable[[str, Any, SinkFittings], Sink]
    """Takes the sink's name and its settings, of the class above."""
    metrics: Sequence[Metric] = ()
    """What the sink counts beside what every sink does."""


SINKS: Final[Kinds[SinkType]] = Kinds(
    "sink",
    {
        "moesif": "bridge.sinks.moesif:SINK",
        "file": "bridge.sinks.file:SINK",
        "http": "bridge.sinks.http:SINK",
        "analytics": "bridge.sinks.analytics:SINK",
    },
)

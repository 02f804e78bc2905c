"""Which metrics there are, and which of them the rules and the dashboard ask for."""

import json
import re
from typing import Any

from fakes.prometheus import DEPLOY, RULES

from bridge.analytics.server.metrics import TABLE as ANALYTICS_TABLE
from bridge.sinks import SINKS
from bridge.sources import SOURCES
from bridge.telemetry.metrics import API_TABLE, TABLE, Metric

GRAFANA = DEPLOY / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "apim-bridge.json").read_text())


def every_metric() -> tuple[Metric, ...]:
    """Return what every bridge counts, what each kind of source and sink does, and what the analytics process does."""
    of_sources = (metric for kind in SOURCES.values() for metric in kind.metrics)
    of_sinks = (metric for kind in SINKS.values() for metric in kind.metrics)
    return (*TABLE, *of_sources, *of_sinks, *API_TABLE, *ANALYTICS_TABLE)


def known_metrics() -> set[str]:
    """Every name that Prometheus may know of a bridge."""
    table = every_metric()
    exposed = {metric.exposed for metric in table}
    exposed |= {
        metric.exposed + part
        for metric in table
        if metric.type == "histogram"
        for part in ("_bucket", "_sum", "_count")
    }
    recorded = set(re.findall(r"record: (\S+)", RULES.read_text()))
    process = {"cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"}
    return exposed | recorded | {f"process_{name}" for name in process} | {"up"}


def used_metrics(text: str) -> set[str]:
    """The bridge's and the process' metrics that queries name."""
    return set(re.findall(r"\b(?:apim_bridge[_:]|process_)[a-z_:]*[a-z0-9]", text))


def queries() -> list[str]:
    """Return every query of the dashboard."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]

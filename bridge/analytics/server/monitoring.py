"""The monitors of this process: who asks, and what is told of them in answers and metrics."""

from collections.abc import Sequence
from typing import Any

import structlog

from bridge.analytics.admin import AdminFile
from bridge.analytics.admin.monitors import OPERATORS, Incident, KeptMonitor
from bridge.analytics.admin.probes import ProbeHour
from bridge.analytics.monitoring.probe import Prober
from bridge.analytics.monitoring.reading import shown
from bridge.analytics.monitoring.rounds import Rounds
from bridge.analytics.monitoring.summary import Days, by_day, medians, uptimes, windows
from bridge.analytics.server.metrics import Labelled
from bridge.contracts import Clock
from bridge.events.times import format_ms
from bridge.settings import AnalyticsSettings, ConnectionSettings
from bridge.transports.http.lookup import Lookup
from bridge.transports.http.reach import Reach
from bridge.transports.tls import client_context


def rounds_of(admin: AdminFile, settings: AnalyticsSettings, clock: Clock) -> Rounds:
    """Return the rounds of these settings; raises SettingsError for authorities that cannot be read."""
    logger = structlog.get_logger().bind(part="analytics")
    tls = client_context(ConnectionSettings(ca_file=settings.ca_file), "[bridge.analytics]", logger)
    lookup = Lookup()
    # Whoever has a key may be anybody: what is private, or allowed to operators, is none of theirs.
    operators, of_keys = (
        Prober(reach, tls, lookup, clock.monotonic)
        for reach in (Reach(settings.reachable_networks), Reach(private=False))
    )
    return Rounds(admin, lambda owner: operators if owner == OPERATORS else of_keys, clock, logger)


def monitor_answer(kept: KeptMonitor) -> dict[str, Any]:
    """Return a monitor and how it stands, as it is answered: without its secrets."""
    standing, outcome = kept.standing, kept.standing.outcome
    last = None
    if outcome is not None:
        last = {
            "time": format_ms(standing.last_ms),
            "took_ms": outcome.took_ms,
            "status": outcome.status,
            "reason": outcome.reason,
            "detail": outcome.detail,
        }
    return {
        "id": kept.id,
        "version": kept.version,
        **shown(kept.monitor),
        "state": "paused" if kept.monitor.paused else standing.state,
        "since": format_ms(standing.since_ms) if standing.since_ms else None,
        "last": last,
        "tls_expires": None if standing.expires_ms is None else format_ms(standing.expires_ms),
    }


def history_answer(hours: Sequence[ProbeHour], days: Days, now_ms: int, *, of_a_day: bool) -> dict[str, Any]:
    """Return how a monitor has stood; `of_a_day`: response times are known of the last day alone."""
    return {
        "windows": uptimes(hours, now_ms) if of_a_day else windows(hours, now_ms),
        "days": by_day(hours, days),
        "medians_ms": medians(hours, now_ms),
    }


def incident_answer(incident: Incident) -> dict[str, Any]:
    """Return an incident as it is answered."""
    return {
        "begin": format_ms(incident.begin_ms),
        "end": None if incident.end_ms is None else format_ms(incident.end_ms),
        "ending": incident.ending,
        "reason": incident.reason,
        "status": incident.status,
        "detail": incident.detail,
    }


def monitor_metrics(rounds: Rounds) -> dict[str, list[Labelled]]:
    """Return the gauges of the operators' monitors that are not paused, by the names of the metrics' table."""
    found: dict[str, list[Labelled]] = {
        "monitor_up": [],
        "monitor_probes": [],
        "monitor_response_seconds": [],
        "monitor_tls_expiry_timestamp_seconds": [],
        "monitor_last_probe_timestamp_seconds": [],
        "monitor_interval_seconds": [],
    }
    for kept in rounds.all():
        standing, labels = kept.standing, (kept.id,)
        for result in ("answered", "failed"):
            found["monitor_probes"].append(((kept.id, result), rounds.counted[kept.number, result]))
        if kept.monitor.paused or standing.outcome is None:
            continue
        # What fails and is tried again is still what it was.
        found["monitor_up"].append((labels, float(standing.state != "down")))
        found["monitor_last_probe_timestamp_seconds"].append((labels, standing.last_ms / 1000))
        found["monitor_interval_seconds"].append((labels, kept.monitor.interval_seconds))
        if standing.outcome.reason is None:
            found["monitor_response_seconds"].append((labels, standing.outcome.took_ms / 1000))
        if standing.expires_ms is not None:
            found["monitor_tls_expiry_timestamp_seconds"].append((labels, standing.expires_ms / 1000))
    return found

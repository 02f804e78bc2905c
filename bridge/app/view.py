"""What a bridge shows of itself: the status, the books, the metrics. Plain data without secrets."""

import platform
from typing import Any

import msgspec

from bridge import __version__
from bridge.app.bridge import Bridge
from bridge.app.reload import Reload
from bridge.delivery.lane import Lane
from bridge.errors import PAUSE_REASONS
from bridge.events.times import format_ms
from bridge.journal import Selection
from bridge.sources.http.source import HttpSource
from bridge.sources.log.source import LogTail
from bridge.telemetry.api_exposition import expose_api
from bridge.telemetry.exposition import Owners, Samples, expose


class View:
    """Looks at one bridge."""

    def __init__(self, bridge: Bridge, reload: Reload | None) -> None:
        """`reload` is the daemon's; a command without a daemon has nothing to reload."""
        self._bridge = bridge
        self._reload = reload
        self._began = bridge.clock.monotonic()

    def stuck_seconds(self) -> float:
        """Return for how long the journal's writer has been at one transaction."""
        return self._bridge.journal.stuck_seconds(self._bridge.clock.monotonic())

    async def status(self, _arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return everything that an operator may want to know, as plain data without secrets."""
        bridge, journal = self._bridge, self._bridge.journal
        # A reload may put others in their place while we wait.
        sinks, lanes = bridge.settings.sinks, bridge.lanes
        # What came in is counted before what waits: nobody must see an event as taken and not yet as waiting.
        books = await self.books()
        return {
            "version": __version__,
            "python": platform.python_version(),
            "instance": bridge.settings.instance,
            "configuration": self._configuration(),
            "uptime_seconds": round(bridge.clock.monotonic() - self._began, 1),
            "taking_events": bridge.obstacle() is None,
            "obstacle": bridge.obstacle(),
            "sources": {name: self._source(name) for name in bridge.settings.sources},
            "journal": {
                "path": str(journal.state_dir),
                **journal.sizes(),
                "removed_sinks": list(journal.removed),
            },
            "sinks": {name: await self._sink(name, lane, sinks[name].type) for name, lane in lanes.items()},
            "books": books,
        }

    async def books(self) -> dict[str, Any]:
        """Return the sums that must balance (P7), and whether they do."""
        journal = self._bridge.journal
        differences: dict[str, int] = {"intake": journal.totals.intake_difference()}
        for sink in self._bridge.lanes:
            if sink not in journal.pending:
                continue  # a reload is about to remove it
            differences[sink] = journal.totals.expected_pending(sink) - journal.pending[sink]
            dead = journal.totals.sum("events_dead", sink)
            gone = journal.totals.sum("dead_letters_replayed", sink) + journal.totals.sum(
                "dead_letters_purged", sink
            )
            differences[f"{sink} dead letters"] = dead - gone - await journal.dead.count(Selection(sink))
        return {
            "balanced": not any(differences.values()),
            "differences": differences,
            **{
                name: journal.totals.sum(f"events_{name}")
                for name in ("received", "journalled", "rejected", "duplicate")
            },
        }

    async def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        owners: Owners = {"source": self._bridge.settings.sources, "sink": self._bridge.lanes}
        text = expose(self._bridge.metrics, self._bridge.journal.totals, await self._asked(), owners)
        api_metrics = self._bridge.api_metrics
        return text + expose_api(api_metrics) if api_metrics is not None else text

    def _source(self, name: str) -> dict[str, Any]:
        match self._bridge.sources.get(name):
            case LogTail() as log:
                files = [msgspec.to_builtins(lag) for lag in log.lag()]
                return {"files": files, "lag_bytes": sum(lag.bytes for lag in log.lag())}
            case HttpSource() as http:
                return {"url": http.url}
            case _:
                return {}

    def _configuration(self) -> dict[str, Any]:
        settings, reload = self._bridge.settings, self._reload
        return {
            "file": str(settings.file),
            "fingerprint": settings.fingerprint,
            "loaded": format_ms(int(reload.loaded_at * 1000)) if reload else None,
            "reload_fault": reload.fault if reload else "",
            "reload_refused": format_ms(int(reload.refused_at * 1000)) if reload and reload.fault else None,
            "warnings": settings.warnings,
        }

    async def _sink(self, name: str, lane: Lane, kind: str) -> dict[str, Any]:
        journal = self._bridge.journal
        totals = journal.totals
        dead_letters, _ = await journal.dead.counts(name)
        return {
            "type": kind,
            "destination": lane.sink.destination,
            **msgspec.to_builtins(lane.status()),
            "pending": journal.pending.get(name, 0),
            "oldest_pending_seconds": round(await lane.oldest_pending_seconds(), 1),
            "dead_letters": dead_letters,
            "parked": [
                {
                    "tenant": it.tenant,
                    "events": it.events,
                    "oldest": format_ms(it.received_ms),
                    "why": it.why,
                }
                for it in await journal.dead.parked(name)
            ],
            **{
                what: totals.sum(f"events_{what}", name)
                for what in (
                    "delivered",
                    "sampled_out",
                    "filtered",
                    "dead",
                    "corrupt",
                    "rewound",
                    "skipped",
                )
            },
        }

    async def _asked(self) -> Samples:
        bridge, journal = self._bridge, self._bridge.journal
        sizes = journal.sizes()
        samples: dict[str, list[tuple[tuple[str, ...], float]]] = {
            "journal_bytes": [((), sizes["used_bytes"])],
            "journal_max_bytes": [((), sizes["max_bytes"])],
            "journal_file_bytes": [((), sizes["file_bytes"])],
            "journal_disk_free_bytes": [((), sizes["disk_free_bytes"])],
            "journal_min_free_bytes": [((), bridge.settings.journal.min_free_bytes)],
            "journal_full": [((), journal.why_full() is not None)],
            "ready": [((), bridge.obstacle() is None)],
            "build_info": [((__version__,), 1)],
            "config_info": [((bridge.settings.fingerprint,), 1)],
            "config_last_reload_successful": [((), not (self._reload and self._reload.fault))],
        }
        if self._reload is not None:
            samples["config_last_load_timestamp_seconds"] = [((), self._reload.loaded_at)]
        for listener, tls in bridge.tls().items():
            # A listener that nobody calls has to tell of its new certificate, too.
            tls.follow()
            if tls.expires is not None:
                samples.setdefault("certificate_expiry_timestamp_seconds", []).append(
                    ((listener,), tls.expires)
                )
        for name, lane in bridge.lanes.items():
            status = lane.status()
            dead_letters, parked = await journal.dead.counts(name)
            for metric, value in (
                ("pending_events", float(journal.pending.get(name, 0))),
                ("oldest_pending_seconds", await lane.oldest_pending_seconds()),
                ("last_delivery_seconds", status.last_delivery_seconds),
                ("in_flight_batches", status.in_flight),
                ("dead_letters", dead_letters),
                ("parked_events", parked),
            ):
                samples.setdefault(metric, []).append(((name,), value))
            samples.setdefault("sink_paused", []).extend(
                ((name, reason), status.pause_reason == reason) for reason in PAUSE_REASONS
            )
        log = bridge.sources.get("log")
        if isinstance(log, LogTail):
            lags = log.lag()
            samples["log_lag_bytes"] = [((lag.path,), lag.bytes) for lag in lags]
            samples["log_files_followed"] = [((), len(lags))]
        return samples

"""What a bridge shows of itself: the status, the books, the metrics. Plain data without secrets."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bridge import __version__
from bridge.app.books import books_of, journal_of, settled_of
from bridge.app.bridge import Bridge
from bridge.app.reload import Reload
from bridge.contracts import ShownSource
from bridge.delivery.lane import Lane
from bridge.errors import JOURNAL_REASONS, NO_ROOM, PAUSE_REASONS
from bridge.events.times import format_ms
from bridge.journal import Parked
from bridge.telemetry.api_exposition import expose_api
from bridge.telemetry.exposition import END, Owners, Samples, expose


class View:
    """Looks at one bridge."""

    def __init__(self, bridge: Bridge, reload: Reload | None) -> None:
        """`reload` is the daemon's; a command without a daemon has nothing to reload."""
        self._bridge = bridge
        self._reload = reload
        self._began = bridge.clock.monotonic()

    def stuck_seconds(self) -> float:
        """Return how long the journal's writer has been busy with one transaction."""
        return self._bridge.journal.stuck_seconds(self._bridge.clock.monotonic())

    async def status(self, _arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return everything that an operator may want to know, as plain data without secrets."""
        bridge, journal = self._bridge, self._bridge.journal
        # A reload may replace them while we wait.
        sinks, lanes = bridge.settings.sinks, bridge.lanes
        oldest = {name: await lane.oldest_pending_seconds() for name, lane in lanes.items()}
        # Usually there are none, and then we need not ask the disk.
        parked = {name: await journal.dead.parked(name) for name in lanes if journal.books.parked(name)}
        analytics = bridge.analytics.process
        # No await from here on: all counts are of the same instant (P7).
        return {
            "version": __version__,
            "python": platform.python_version(),
            "instance": bridge.settings.instance,
            "configuration": self._configuration(),
            "uptime_seconds": round(bridge.clock.monotonic() - self._began, 1),
            "taking_events": bridge.obstacle() is None,
            "obstacle": bridge.obstacle(),
            "sources": {name: self._source(name) for name in bridge.settings.sources},
            "journal": journal_of(journal),
            "sinks": {
                name: self._sink(name, lane, sinks[name].type, oldest[name], parked.get(name, ()))
                for name, lane in lanes.items()
            },
            "books": self.books(),
            **({} if analytics is None else {"analytics": analytics.status()}),
        }

    def books(self) -> dict[str, Any]:
        """Return the sums that must balance (P7), and whether they do."""
        return books_of(self._bridge.journal, self._bridge.lanes)

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics in the form that an Accept header asks for, and their content type."""
        lanes = self._bridge.lanes
        oldest = {name: await lane.oldest_pending_seconds() for name, lane in lanes.items()}
        # As in `status`: no await from here on (P7).
        owners: Owners = {"source": self._bridge.settings.sources, "sink": lanes}
        asked, totals = self._asked(lanes, oldest), self._bridge.journal.totals
        text, content_type = expose(self._bridge.metrics, totals, asked, owners, accept)
        if self._bridge.api_metrics is not None:
            end = END if text.endswith(END) else b""
            api_text = expose_api(self._bridge.api_metrics, openmetrics=bool(end))
            text = text.removesuffix(END) + api_text + end
        return text, content_type

    def _source(self, name: str) -> dict[str, Any]:
        source = self._bridge.sources.get(name)
        shown = source.status() if isinstance(source, ShownSource) else {}
        return {"type": self._bridge.settings.sources[name].type, **shown}

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

    def _sink(
        self, name: str, lane: Lane, kind: str, oldest_seconds: float, parked: Sequence[Parked]
    ) -> dict[str, Any]:
        journal = self._bridge.journal
        asked = {it.tenant: it for it in parked}
        return {
            "type": kind,
            "destination": lane.sink.destination,
            **msgspec.to_builtins(lane.status()),
            "pending": journal.pending.get(name, 0),
            "oldest_pending_seconds": round(oldest_seconds, 1),
            "dead_letters": journal.books.dead_letters(name),
            "parked": [
                {
                    "tenant": tenant,
                    "events": events,
                    "oldest": format_ms(it.received_ms if it else journal.now_ms()),
                    "why": it.why if it else "parked this moment; ask once more",
                }
                for tenant, events in sorted(journal.books.parked(name).items())
                for it in [asked.get(tenant)]
            ],
            **settled_of(journal, name),
        }

    def _asked(self, lanes: Mapping[str, Lane], oldest: Mapping[str, float]) -> Samples:
        bridge, journal = self._bridge, self._bridge.journal
        sizes, obstacle = journal.sizes(), journal.obstacle()
        samples: dict[str, list[tuple[tuple[str, ...], float]]] = {
            "journal_bytes": [((), sizes["used_bytes"])],
            "journal_max_bytes": [((), sizes["max_bytes"])],
            "journal_file_bytes": [((), sizes["file_bytes"])],
            "journal_disk_free_bytes": [((), sizes["disk_free_bytes"])],
            "journal_min_free_bytes": [((), bridge.settings.journal.min_free_bytes)],
            "journal_wal_bytes": [((), sizes["wal_bytes"])],
            "journal_full": [((), obstacle is not None and obstacle.reason in NO_ROOM)],
            "journal_blocked": [
                ((reason,), obstacle is not None and obstacle.reason == reason) for reason in JOURNAL_REASONS
            ],
            "ready": [((), bridge.obstacle() is None)],
            "build_info": [((__version__,), 1)],
            "config_info": [((bridge.settings.fingerprint,), 1)],
            "config_last_reload_successful": [((), not (self._reload and self._reload.fault))],
        }
        if self._reload is not None:
            samples["config_last_load_timestamp_seconds"] = [((), self._reload.loaded_at)]
        for listener, tls in bridge.certificates().items():
            # A listener that nobody calls must show the date of its new certificate, too.
            tls.follow()
            if tls.expires is not None:
                samples.setdefault("certificate_expiry_timestamp_seconds", []).append(
                    ((listener,), tls.expires)
                )
        for name, lane in lanes.items():
            status = lane.status()
            for metric, value in (
                ("pending_events", float(journal.pending.get(name, 0))),
                ("oldest_pending_seconds", oldest[name]),
                ("last_delivery_seconds", status.last_delivery_seconds),
                ("in_flight_batches", status.in_flight),
                ("dead_letters", journal.books.dead_letters(name)),
                ("parked_events", journal.books.parked_events(name)),
            ):
                samples.setdefault(metric, []).append(((name,), value))
            samples.setdefault("sink_paused", []).extend(
                ((name, reason), status.pause_reason == reason) for reason in PAUSE_REASONS
            )
        for source in bridge.sources.values():
            if isinstance(source, ShownSource):
                for metric, labels, value in source.gauges():
                    samples.setdefault(metric, []).append((tuple(labels), value))
        return samples

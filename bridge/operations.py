"""What an operator can ask of a bridge: status, dead letters, replay, rewind, tap.

The daemon offers these over its control socket; without a daemon the command line takes the state folder's
lock and runs the same code.
"""

import asyncio
import platform
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from bridge import __version__
from bridge.app import Bridge
from bridge.delivery.filters import Filter
from bridge.delivery.lane import Lane
from bridge.errors import PAUSE_REASONS, ControlError, Unacceptable
from bridge.events import decode
from bridge.journal import Accepted, BlockCorrupt, DeadLetter, Selection
from bridge.reload import Reload
from bridge.shaping.times import format_ms, parse_ms
from bridge.sources.http import HttpSource
from bridge.sources.log_tail import LogTail
from bridge.telemetry.api_exposition import expose_api
from bridge.telemetry.exposition import Owners, Samples, expose
from bridge.web.admin import STUCK_SECONDS, AdminPages, Readiness
from bridge.web.control import ControlSocket, choice_of

_PAGE: Final = 100
_REPLAY_LOOK_SECONDS: Final = 1


class Operations:
    """Answers questions and carries out commands on one bridge."""

    def __init__(self, bridge: Bridge, reload: Reload | None = None) -> None:
        """`reload` is the daemon's; a command without a daemon has nothing to reload."""
        self._bridge = bridge
        self._reload = reload
        self._began = bridge.clock.monotonic()

    def control_socket(self) -> ControlSocket:
        """Return the commands that the control socket serves."""
        return ControlSocket(
            commands={
                "health": self.health,
                "status": self.status,
                "dead-letters": self.dead_letters,
                "purge": self.purge,
                "rewind": self.rewind,
                "reload": self.reload,
                "restore": self.restore,
            },
            streams={"replay": self.replay, "tap": self.tap},
        )

    def admin_pages(self) -> AdminPages:
        """Return what the admin listener shows."""
        token = self._bridge.settings.admin.token
        return AdminPages(
            metrics=self.metrics,
            status=self.status,
            readiness=lambda: Readiness(
                self._bridge.obstacle(),
                {name: lane.status().trouble for name, lane in self._bridge.lanes.items()},
            ),
            stuck_seconds=self.stuck_seconds,
            token=token.get_secret_value() if token is not None else None,
        )

    async def health(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """Say that the event loop turns and the journal's writer writes; raises ControlError when it is stuck.

        For a container's health check: it needs no port, token or certificate.
        """
        stuck = self.stuck_seconds()
        if stuck > STUCK_SECONDS:
            raise ControlError(
                f"the journal's writer has been at one transaction for {stuck:.0f} s; look at the disk"
            )
        return {"status": "ok"}

    def stuck_seconds(self) -> float:
        """Return for how long the journal's writer has been at one transaction."""
        return self._bridge.journal.stuck_seconds(self._bridge.clock.monotonic())

    async def status(self, _arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return everything that an operator may want to know, as plain data without secrets."""
        bridge, journal = self._bridge, self._bridge.journal
        # A reload may put others in their place while we wait.
        sinks, lanes = bridge.settings.sinks, bridge.lanes
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
            "books": await self.books(),
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

    async def dead_letters(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return a page of dead letters, behind the number `after`."""
        after = _take_int(arguments, "after")
        letters = await self._bridge.journal.dead.select(choice_of(arguments), after=after, limit=_PAGE)
        return {"letters": [_letter(letter) for letter in letters]}

    async def purge(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Delete dead letters for good."""
        purged = await self._bridge.journal.dead.purge(choice_of(arguments))
        self._bridge.happenings.purged(purged)
        return {"purged": purged}

    async def reload(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """Put a changed configuration to work."""
        if self._reload is None:
            raise ControlError("no bridge runs; the next start takes the configuration as it is")
        return await self._reload()

    async def rewind(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Put a sink's cursor back by receive time; its lane is restarted from there."""
        to_ms = _take_int(arguments, "to_ms")
        async with self._bridge.changing:
            sink = self._known_sink(arguments.get("sink"))
            running = await self._bridge.stop_lane(sink)
            try:
                events, from_ms = await self._bridge.journal.rewind(sink, to_ms)
            finally:
                if running:
                    self._bridge.start_lane(sink)
        self._bridge.happenings.rewound(sink, events)
        return {"sink": sink, "events": events, "from": format_ms(from_ms)}

    async def restore(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Journal events that were salvaged, under the ids that they had (P5); raises JournalFull."""
        events = msgspec.convert(arguments.get("events"), list[tuple[str, str]])
        accepted = Accepted("salvage")
        for name, text in events:
            body = text.encode()
            accepted.ids.append(name)
            accepted.bodies.append(body)
            accepted.events.append(decode(body))
        accepted.raw_bytes = sum(map(len, accepted.bodies)) + len(events)
        for total in ("events_received", "events_journalled"):
            accepted.totals[total, accepted.source, ""] = len(events)
        await self._bridge.journal.append(accepted)
        return {"restored": len(events)}

    async def replay(self, arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Send dead letters of one sink again; yields how far it is, first how many there are."""
        sink = self._known_sink(arguments.get("sink"))
        selection = choice_of(arguments)
        lane = self._bridge.lanes[sink]
        total, too_old = await self._survey(selection, lane.sink.max_event_age_seconds)
        yield {"total": total, "too_old": too_old, "max_age_seconds": lane.sink.max_event_age_seconds}
        delivered = refused = 0
        lane.wake()
        steps = lane.replay(selection)
        step = asyncio.ensure_future(anext(steps, None))
        try:
            while True:
                # Now and then without news, so that whoever watches sees what it waits for.
                await asyncio.wait((step,), timeout=_REPLAY_LOOK_SECONDS)
                if step.done():
                    if (progress := step.result()) is None:
                        break
                    delivered, refused = progress
                    step = asyncio.ensure_future(anext(steps, None))
                if self._bridge.lanes.get(sink) is not lane:
                    raise ControlError(f"sink {sink} was changed meanwhile; replay again")
                yield {"delivered": delivered, "refused": refused, "trouble": lane.status().trouble}
        finally:
            step.cancel()
        self._bridge.happenings.replayed(sink, delivered, refused)

    async def tap(self, arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield events as they are journalled (masked, as they are there) while someone listens."""
        journal = self._bridge.journal
        wanted = Filter(arguments.get("only") or {}, {})
        seq = journal.last_seq + 1
        while True:
            # Who reads slowly misses events, not the other way round.
            seq = max(seq, journal.last_seq - 8)
            try:
                block = await journal.next_block(seq)
            except BlockCorrupt as corrupt:
                seq = corrupt.seq + 1
                continue
            seq = block.seq + 1
            for event_id, body, event in zip(block.ids, block.bodies, block.events, strict=True):
                if wanted.wants(event):
                    yield {"id": event_id, "source": block.source, "event": msgspec.Raw(body)}

    def _known_sink(self, name: object) -> str:
        if isinstance(name, str) and name in self._bridge.lanes:
            return name
        raise ControlError(f"no sink {name!r} is configured; there is {', '.join(self._bridge.lanes)}")

    async def _survey(self, selection: Selection, max_age_seconds: float | None) -> tuple[int, int]:
        dead = self._bridge.journal.dead
        if max_age_seconds is None:
            return await dead.count(selection), 0
        oldest_ms = (self._bridge.clock.time() - max_age_seconds) * 1000
        total = too_old = after = 0
        while letters := await dead.select(selection, after=after, limit=_PAGE):
            after = letters[-1].number
            total += len(letters)
            too_old += sum((_event_ms(letter) or oldest_ms) < oldest_ms for letter in letters)
            await asyncio.sleep(0)
        return total, too_old

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


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "sink": letter.sink,
        "id": letter.event_id,
        "received": format_ms(letter.received_ms),
        "failed": format_ms(letter.failed_ms),
        "reason": letter.reason,
        "status": letter.status,
        "answer": letter.answer,
        "tenant": letter.tenant,
        "attempts": letter.attempts,
        "event": msgspec.Raw(letter.event),
    }


def _event_ms(letter: DeadLetter) -> int | None:
    try:
        return parse_ms(decode(letter.event).requestTimestamp)
    except Unacceptable:
        return None


def _take_int(arguments: dict[str, Any], name: str) -> int:
    value = arguments.pop(name, 0)
    if not isinstance(value, int):
        raise ControlError(f"{name} must be a whole number")
    return value

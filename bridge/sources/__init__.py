"""Where events come from. Each source knows the contracts, never another source.

A new source is one file here and one line in SOURCES.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.contracts import Clock, Ingest, Source
from bridge.settings import SourceSettings
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.source import HttpSettings, HttpSource
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.source import LogTail, LogTailSettings
from bridge.telemetry.metrics import Metrics
from bridge.transports.tls import FollowingContext


@dataclass(frozen=True, slots=True)
class Fittings:
    """What a source is connected to."""

    ingest: Ingest
    positions: Mapping[str, bytes]
    """How far it had been read, as the journal kept it."""
    metrics: Metrics
    logger: Any
    clock: Clock
    moesif_tenants: Mapping[str, str] = field(default_factory=dict)
    """What Moesif's senders may bring, beside the tokens: key to tenant, empty for the key of all others."""
    tls: FollowingContext | None = None
    """Of its listener."""
    inherited: socket.socket | None = None
    """A socket that listens already, for its listener."""


@dataclass(frozen=True, slots=True)
class SourceType:
    """What a table under [bridge.sources] names."""

    settings: type[SourceSettings]
    build: Callable[[Any, Fittings], Source]
    """Takes settings of the class above."""
    renew: Callable[[Any, Any, Fittings], bool]
    """Takes what `build` made and other settings for it; returns False if another source has to take its place."""


def _log(settings: LogTailSettings, fittings: Fittings) -> LogTail:
    return LogTail(
        settings,
        ingest=fittings.ingest,
        positions=fittings.positions,
        happenings=LogHappenings(fittings.metrics, fittings.logger),
        clock=fittings.clock,
    )


def _renew_log(source: LogTail, settings: LogTailSettings, _fittings: Fittings) -> bool:
    source.renew(settings)
    return True


def _http(settings: HttpSettings, fittings: Fittings) -> HttpSource:
    happenings = HttpHappenings(fittings.metrics, fittings.logger, fittings.clock)
    return HttpSource(
        settings,
        ingest=fittings.ingest,
        happenings=happenings,
        clock=fittings.clock,
        positions=fittings.positions,
        moesif_tenants=fittings.moesif_tenants,
        tls=fittings.tls,
        inherited=fittings.inherited,
    )


def _renew_http(source: HttpSource, settings: HttpSettings, fittings: Fittings) -> bool:
    return source.renew(settings, fittings.moesif_tenants)


SOURCES: Final[Mapping[str, SourceType]] = {
    "log": SourceType(LogTailSettings, _log, _renew_log),
    "http": SourceType(HttpSettings, _http, _renew_http),
}

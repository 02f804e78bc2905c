"""Makes the parts of a bridge from settings: a lane for each sink, the sources, what they are connected to.

Only these functions name concrete classes; what is made here does not run yet.
"""

import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.contracts import Clock, Gateway, Source
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.lane import Lane
from bridge.intake import Intake
from bridge.journal import Journal
from bridge.journal.happenings import JournalHappenings
from bridge.journal.seen_ids import SeenIds
from bridge.privacy.captures import Captures
from bridge.privacy.identity import Identity
from bridge.privacy.masks import masks
from bridge.privacy.rules import Rules
from bridge.settings import Settings
from bridge.sinks import SINKS
from bridge.sinks.moesif.happenings import MoesifHappenings
from bridge.sinks.moesif.settings import DEFAULT_TENANT
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.sources import SOURCES, Fittings
from bridge.sources.http.source import HttpSettings
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics
from bridge.transports.tls import FollowingContext, server_context

if TYPE_CHECKING:
    from bridge.privacy.countries import Countries


def gateway_of(settings: Settings) -> Gateway:
    """Return the gateway that all sinks are told of."""
    return Gateway(settings.instance, settings.gateway_url, settings.identity.publish)


def rules_of(settings: Settings) -> Rules:
    """Return what intake does to events; raises SettingsError for what cannot be followed."""
    privacy, captures = settings.privacy, settings.captures
    database = privacy.country_database if privacy.level == 1 else None
    return Rules(
        masks=masks(settings.wso2.mask),
        identity=Identity(settings.identity.user, settings.identity.company, settings.headers.keep),
        kept_headers=settings.headers.keep,
        captures=Captures(
            headers=captures.send_headers is not False,
            bodies=captures.send_payloads is not False,
            largest_body_bytes=captures.largest_body_bytes,
        ),
        keep_address=privacy.level == 0,
        countries=_countries(database) if database is not None else None,
    )


def _countries(database: Path) -> "Countries":
    from bridge.privacy.countries import Countries  # noqa: PLC0415 - 6 ms and 0.3 MB that hardly anybody needs

    return Countries(database)


def moesif_tenants(settings: Settings) -> dict[str, str]:
    """Return the keys of Moesif that senders to the HTTP source may bring beside its tokens, and whose they are.

    WSO2's publisher brings moesifKey, wherever the bridge sends events to.
    """
    own = {} if settings.moesif_key is None else {settings.moesif_key.get_secret_value(): DEFAULT_TENANT}
    return own | {
        key: tenant
        for sink in settings.sinks.values()
        if isinstance(sink, MoesifSettings)
        for tenant, key in sink.keys_by_tenant.items()
    }


def admin_context(settings: Settings) -> FollowingContext | None:
    """Return the TLS of the admin listener; raises SettingsError for files that cannot be used."""
    tls = settings.admin.tls
    return None if tls is None else server_context(tls, "[bridge.admin]", logs.logger(listener="admin"))


def http_context(settings: Settings) -> FollowingContext | None:
    """Return the TLS of the HTTP source; raises SettingsError for files that cannot be used."""
    http = settings.sources.get("http")
    tls = http.tls if isinstance(http, HttpSettings) else None
    return None if tls is None else server_context(tls, "[bridge.sources.http]", logs.logger(listener="http"))


@dataclass(frozen=True, slots=True)
class Builder:
    """What all parts are connected to."""

    journal: Journal
    intake: Intake
    metrics: Metrics
    journal_happenings: JournalHappenings
    clock: Clock
    inherited: dict[str, socket.socket] = field(default_factory=dict)
    """Sockets that listen already, by listener."""

    def lane(self, name: str, settings: Settings) -> Lane:
        """Return a lane with its sink; raises SettingsError when the sink cannot be made."""
        sink_settings = settings.sinks[name]
        sink = SINKS[sink_settings.type].build(name, sink_settings, gateway_of(settings))
        if isinstance(sink, MoesifSink):
            sink.tell(MoesifHappenings(self.metrics, logs.logger(), name))
        return Lane(
            self.journal,
            sink,
            sink_settings,
            happenings=DeliveryHappenings(self.metrics, logs.logger(), name, self.clock),
            journal_happenings=self.journal_happenings,
            clock=self.clock,
        )

    async def source(self, name: str, settings: Settings) -> Source:
        """Return a source that goes on where the journal says; it does not listen yet."""
        fittings = await self.fittings(name, settings)
        if name == "http":
            fittings = replace(fittings, tls=http_context(settings), inherited=self.inherited.get(name))
        return SOURCES[name].build(settings.sources[name], fittings)

    async def fittings(self, name: str, settings: Settings) -> Fittings:
        """Return what a source is connected to."""
        return Fittings(
            self.intake,
            await self.journal.positions(name),
            self.metrics,
            logs.logger(),
            self.clock,
            moesif_tenants=moesif_tenants(settings),
        )

    async def seen_ids(self, settings: Settings) -> SeenIds | None:
        """Return the ids that are known from the last minutes; None without an HTTP source, which needs them."""
        http = settings.sources.get("http")
        if not isinstance(http, HttpSettings):
            return None
        window, most = http.dedupe_window, http.dedupe_max_ids
        seen = SeenIds(window_seconds=window, max_ids=most, clock=self.clock)
        async for ids in self.journal.recent_ids(int((self.clock.time() - window) * 1000), most):
            seen.add_all(ids)
        return seen

"""Makes the parts of a bridge from settings: a lane for each sink, the sources, what they are connected to.

Only these functions name concrete classes; what is made here does not run yet.
"""

import functools
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.app.descriptors import reachable_limit, shares
from bridge.contracts import Clock, Gateway, Sink, Source
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.lane import Lane
from bridge.errors import SettingsError
from bridge.intake import Intake
from bridge.journal import Journal
from bridge.journal.happenings import JournalHappenings
from bridge.journal.seen_ids import SeenIds
from bridge.privacy.captures import Captures
from bridge.privacy.identity import Identity
from bridge.privacy.masks import masks
from bridge.privacy.rules import Rules
from bridge.settings import Dedupe, Settings
from bridge.sinks import SINKS, SinkFittings
from bridge.sources import SOURCES, SourceFittings
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics
from bridge.transports.tls import FollowingContext, server_context

if TYPE_CHECKING:
    from bridge.privacy.countries import Countries


def gateway_of(settings: Settings) -> Gateway:
    """Return the gateway, as all sinks get it."""
    return Gateway(settings.instance, settings.gateway_url, settings.identity.publish)


def rules_of(settings: Settings) -> Rules:
    """Return what intake does to events; raises SettingsError for rules that cannot work."""
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
        countries=countries_in(database) if database is not None else None,
    )


def countries_in(database: Path) -> "Countries":
    """Return the countries in a MaxMind file; raises SettingsError."""
    from bridge.privacy.countries import Countries  # noqa: PLC0415 - 6 ms and 0.3 MB that hardly anybody needs

    return Countries(database)


def country_lookup(settings: Settings, source: str) -> Callable[[str], str | None] | None:
    """Return what looks up the country of an address for a source; None: it needs none, or nothing may."""
    database = settings.privacy.database_of_analytics
    if database is None or not settings.sources[source].looks_up_countries:
        return None

    @functools.cache
    def opened() -> "Countries | None":
        try:
            return countries_in(database)
        except SettingsError as error:
            # No reason to refuse events: they have no country then.
            logs.logger(source=source).warning("countries_unknown", problem=str(error))
            return None

    def country_of(address: str) -> str | None:
        # Opened when the first client asks for it: hardly any source has one.
        countries = opened()
        return None if countries is None else countries.country_of(address)

    return country_of


def sender_keys(settings: Settings) -> dict[str, str]:
    """Return the keys that senders may bring to a source beside its tokens, and whose they are.

    WSO2's publisher brings moesifKey, wherever the bridge sends events to.
    """
    known = {} if settings.moesif_key is None else {settings.moesif_key.get_secret_value(): ""}
    for sink in settings.sinks.values():
        known |= sink.sender_keys
    return known


def admin_context(settings: Settings) -> FollowingContext | None:
    """Return the TLS of the admin listener; raises SettingsError for files that cannot be used."""
    tls = settings.admin.tls
    return None if tls is None else server_context(tls, "[bridge.admin]", logs.logger(listener="admin"))


def build_sink(name: str, settings: Settings, metrics: Metrics, clock: Clock) -> Sink:
    """Return the sink of that name; raises SettingsError when it cannot be made."""
    own = settings.sinks[name]
    fittings = SinkFittings(
        gateway_of(settings), clock, metrics, logs.logger(sink=name), settings.analytics.listen.url
    )
    return SINKS[own.type].build(name, own, fittings)


def dedupe(settings: Settings) -> Dedupe | None:
    """Return how much is remembered for all sources together: the most that any of them asks for."""
    wanted = [own for source in settings.sources.values() if (own := source.dedupe) is not None]
    if not wanted:
        return None
    return Dedupe(max(one.window_seconds for one in wanted), max(one.max_ids for one in wanted))


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
        sink = build_sink(name, settings, self.metrics, self.clock)
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
        own = settings.sources[name]
        return SOURCES[own.type].build(name, own, await self.fittings(name, settings))

    async def fittings(self, name: str, settings: Settings) -> SourceFittings:
        """Return what a source is given."""
        return SourceFittings(
            self.intake,
            await self.journal.positions(name),
            self.clock,
            self.metrics,
            logs.logger(source=name),
            functools.partial(self.journal.settled, name),
            sender_keys=sender_keys(settings),
            country_of=country_lookup(settings, name),
            inherited=self.inherited.get(name),
            descriptors=shares(settings, reachable_limit()).sources[name],
        )

    async def seen_ids(self, settings: Settings) -> SeenIds | None:
        """Return the ids of the last minutes; None if no source can bring an event twice."""
        if (wanted := dedupe(settings)) is None:
            return None
        window, most = wanted
        seen = SeenIds(window_seconds=window, max_ids=most, clock=self.clock)
        async for ids in self.journal.recent_ids(int((self.clock.time() - window) * 1000), most):
            seen.add_all(ids)
        return seen

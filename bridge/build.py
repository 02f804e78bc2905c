"""Makes the parts of a bridge from settings: a lane for each sink, the sources, what they are connected to.

Only these functions name concrete classes; what is made here does not run yet.
"""

from dataclasses import dataclass

from bridge.contracts import Clock, Gateway, Source
from bridge.delivery.lane import Lane
from bridge.intake import Intake
from bridge.journal import Journal
from bridge.journal.seen_ids import SeenIds
from bridge.settings import Settings
from bridge.sinks import SINKS
from bridge.sinks.moesif import MoesifSettings
from bridge.sources import SOURCES, Fittings
from bridge.sources.http import HttpSettings
from bridge.telemetry import logs
from bridge.telemetry.delivery import DeliveryHappenings
from bridge.telemetry.journal import JournalHappenings
from bridge.telemetry.metrics import Metrics


def advice(settings: Settings) -> list[str]:
    """Return what works, but deserves a look, one line each."""
    lines = list(settings.warnings)
    if settings.gateway_url is None:
        lines += [
            f"sink {name}: an event without a URL of its own gets a path only, and Moesif asks for full URLs; "
            "set gateway_url in [bridge]"
            for name, sink in settings.sinks.items()
            if isinstance(sink, MoesifSettings)
        ]
    return lines


def gateway_of(settings: Settings) -> Gateway:
    """Return the gateway that all sinks are told of."""
    return Gateway(settings.instance, settings.gateway_url)


@dataclass(frozen=True, slots=True)
class Builder:
    """What all parts are connected to."""

    journal: Journal
    intake: Intake
    metrics: Metrics
    journal_happenings: JournalHappenings
    clock: Clock

    def lane(self, name: str, settings: Settings) -> Lane:
        """Return a lane with its sink; raises SettingsError when the sink cannot be made."""
        sink_settings = settings.sinks[name]
        return Lane(
            self.journal,
            SINKS[sink_settings.type].build(name, sink_settings, gateway_of(settings)),
            sink_settings,
            happenings=DeliveryHappenings(self.metrics, logs.logger(), name, self.clock),
            journal_happenings=self.journal_happenings,
            clock=self.clock,
        )

    async def source(self, name: str, settings: Settings) -> Source:
        """Return a source that goes on where the journal says; it does not listen yet."""
        return SOURCES[name].build(settings.sources[name], await self.fittings(name, settings))

    async def fittings(self, name: str, settings: Settings) -> Fittings:
        """Return what a source is connected to."""
        return Fittings(
            self.intake,
            await self.journal.positions(name),
            self.metrics,
            logs.logger(),
            self.clock,
            moesif_keys=[
                sink.key.get_secret_value()
                for sink in settings.sinks.values()
                if isinstance(sink, MoesifSettings)
            ],
        )

    async def seen_ids(self, settings: Settings) -> SeenIds | None:
        """Return the ids that are known from the last minutes; None without an HTTP source, which needs them."""
        http = settings.sources.get("http")
        if not isinstance(http, HttpSettings):
            return None
        window, most = http.dedupe_window, http.dedupe_max_ids
        seen = SeenIds(window_seconds=window, max_ids=most, clock=self.clock)
        async for ids in self.journal.recent_ids(int((self.clock.time() - window) * 1000), most):
            seen.add_packed(ids)
        return seen

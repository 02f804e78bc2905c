"""The composition root: runs the parts that the settings ask for, exchanges what changes, and stops them in order.

sources ──▶ intake ──▶ journal ──▶ a lane for each sink
"""

import asyncio
import functools
import socket
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from bridge.app.advice import advice
from bridge.app.analytics import ACCOUNT_SECONDS, OwnAnalytics, give_accounts
from bridge.app.build import Builder, admin_context, dedupe, gateway_of, rules_of
from bridge.app.firsts import Firsts
from bridge.app.happenings import BridgeHappenings
from bridge.app.supervise import Supervised
from bridge.clock import SystemClock
from bridge.contracts import Certificate, Clock, ListeningSource, Source
from bridge.delivery.followers import FollowingLanes
from bridge.delivery.lane import Lane
from bridge.errors import ControlError, JournalError, SettingsError
from bridge.intake import Intake
from bridge.journal import Journal, SinkStart, StateLock
from bridge.journal.happenings import JournalHappenings
from bridge.privacy.rules import Rules
from bridge.settings import ADMIN, Address, Settings
from bridge.sources import SOURCES
from bridge.telemetry import logs
from bridge.telemetry.api_metrics import ApiMetrics
from bridge.telemetry.metrics import Metrics
from bridge.transports.tls import FollowingContext

_UPKEEP_SECONDS = 30.0
_DRAIN_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Bridge:
    """The parts of one running bridge; `opened` makes it, `sources` is empty for a command without a daemon."""

    settings: Settings
    metrics: Metrics
    happenings: BridgeHappenings
    journal: Journal
    intake: Intake
    build: Builder
    clock: Clock
    parts: Supervised
    analytics: OwnAnalytics
    lanes: dict[str, Lane] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    api_metrics: ApiMetrics | None = None
    admin_tls: FollowingContext | None = None
    stopping: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while parts are exchanged, or a lane is stopped for other work."""
    _live: bool = False

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, clock: Clock | None = None) -> AsyncIterator["Bridge"]:
        """Take the state folder, open the journal and build the lanes; nothing runs yet.

        Raises JournalLocked, JournalUnusable, or SettingsError for rules that cannot be followed.
        """
        clock = clock or SystemClock()
        metrics, logger = Metrics(), logs.logger()
        happenings = BridgeHappenings(metrics, logger)
        rules = rules_of(settings)
        async with AsyncExitStack() as stack:
            stack.enter_context(StateLock(settings.state_dir))
            journal_happenings = JournalHappenings(metrics, logger, clock)
            journal = await Journal.open(settings.state_dir, settings.journal, journal_happenings, clock)
            stack.push_async_callback(journal.close)
            intake = Intake(journal, None, rules)
            build = Builder(journal, intake, metrics, journal_happenings, clock)
            parts = Supervised(clock)
            analytics = OwnAnalytics(parts, happenings)
            bridge = cls(settings, metrics, happenings, journal, intake, build, clock, parts, analytics)
            intake.followers = FollowingLanes(lambda: bridge.lanes.values())  # noqa: PLW0108 - `apply` exchanges them
            stack.push_async_callback(bridge._close)
            await bridge.apply(settings)
            yield bridge

    async def start(self, inherited: Mapping[str, socket.socket] = MappingProxyType({})) -> None:
        """Build the sources, open what listens, and run everything.

        `inherited`: sockets that listen already, by listener. Raises SettingsError for what cannot be had.
        """
        self.admin_tls = admin_context(self.settings)
        self.build.inherited.update(inherited)
        self._live = True
        firsts = Firsts(self.journal, self.happenings, self.clock)
        await self.apply(self.settings)
        self.parts.start("firsts", firsts.run, self.happenings.upkeep_failed)
        self.parts.start("upkeep", self._upkeep, self.happenings.upkeep_failed)
        self.parts.start("accounts", self._account, self.happenings.accounts_failed)

    async def apply(self, settings: Settings) -> None:
        """Apply these settings in place of the old ones: all of them or, with an error, none.

        What did not change goes on undisturbed. A lane that has to end commits what was delivered; what is on
        its way then is sent again under the same ids (P5). Raises SettingsError, or ControlError at the stop.
        """
        async with self.changing, AsyncExitStack() as undo:
            if self.stopping:
                raise ControlError("the bridge is stopping; its next start takes the configuration as it is")
            # First the steps that can fail, each with its way back.
            rules = rules_of(settings)
            lanes = self._lanes_for(settings, undo)
            sources = await self._sources_for(settings, undo) if self._live else {}
            ending = {name: lane for name, lane in self.lanes.items() if lanes.get(name) is not lane}
            for name in ending:
                if await self.stop_lane(name):
                    undo.callback(self.start_lane, name)
            if lanes.keys() != self.lanes.keys():
                starts = [SinkStart(name, sink.start_at) for name, sink in settings.sinks.items()]
                await self.journal.register(starts)
            undo.pop_all()
            # Then the steps that cannot, all at once.
            finishing = {name: one for name, one in self.sources.items() if sources.get(name) is not one}
            if self._live:
                self._take(settings, rules)
            self.journal.renew(settings.journal)
            if self._live:
                await self.analytics.follow(settings, self.settings)
            self.lanes, self.sources, self.settings = lanes, sources, settings
            # What is removed closes its files and connections before its successor begins.
            for name, lane in ending.items():
                try:
                    await lane.sink.close()
                except Exception as error:  # noqa: BLE001 - whatever it was, the others have to begin
                    self.happenings.sink_did_not_close(name, error)
            await self._finish(finishing)
            if self._live:
                self._run()

    async def stop(self, why: str) -> None:
        """Take what is there and nothing new, deliver for at most `drain`, commit.

        HTTP is refused first; every log is read once more to its end; then the lanes may go on for a while.
        """
        self.stopping = True
        async with self.changing:
            self.happenings.stopping(why, self.settings.drain)
            await self._finish(self.sources)
            for lane in self.lanes.values():
                lane.hurry()
            deadline = self.clock.monotonic() + self.settings.drain
            while any(self._worth_waiting(name) for name in self.lanes) and self.clock.monotonic() < deadline:
                await self.clock.sleep(_DRAIN_LOOK_SECONDS)
            # The analytics process takes what its lane delivers to the last.
            await self.parts.end(*(f"lane {name}" for name in self.lanes))
            await self.parts.end_all()
            self.happenings.stopped({name: self.journal.pending[name] for name in self.lanes})

    def start_lane(self, name: str, *, follow: bool = True) -> None:
        """Run a lane until it is stopped; it is restarted alone when it crashes (P6)."""
        lane = self.lanes[name]

        async def run() -> None:
            if self.settings.sinks[name].starts_analytics:
                await self.analytics.started()
            await lane.run(follow=follow)

        self.parts.start(f"lane {name}", run, lane.crashed)

    async def stop_lane(self, name: str) -> bool:
        """End a lane; what it delivered is committed. Returns whether it ran."""
        return await self.parts.end(f"lane {name}")

    def certificates(self) -> dict[str, Certificate]:
        """Return the certificate of each listener with TLS, by its name."""
        tls = {name: one.tls for name, one in self.sources.items() if isinstance(one, ListeningSource)}
        return {
            name: certificate
            for name, certificate in {**tls, ADMIN: self.admin_tls}.items()
            if certificate is not None
        }

    def obstacle(self) -> str | None:
        """Return why no events are taken now, or None."""
        if self.stopping:
            return "the bridge is stopping"
        obstacle = self.journal.obstacle()
        return None if obstacle is None else str(obstacle)

    def _lanes_for(self, settings: Settings, undo: AsyncExitStack) -> dict[str, Lane]:
        """Return the lanes that go on and, for what is new or changed, new ones."""
        same_gateway = gateway_of(settings) == gateway_of(self.settings)
        lanes: dict[str, Lane] = {}
        for name, sink in settings.sinks.items():
            lane = self.lanes.get(name)
            if lane is None or not same_gateway or sink != self.settings.sinks[name]:
                lane = self.build.lane(name, settings)
                undo.push_async_callback(lane.sink.close)
            lanes[name] = lane
        return lanes

    async def _sources_for(self, settings: Settings, undo: AsyncExitStack) -> dict[str, Source]:
        """Return the sources that go on, with new settings if these changed, and new ones, which listen already."""
        if self.intake.seen is None:
            # Before anything listens, so that even the first repeat is recognised.
            undo.callback(setattr, self.intake, "seen", None)
            self.intake.seen = await self.build.seen_ids(settings)
        sources: dict[str, Source] = {}
        for name, wanted in settings.sources.items():
            kind, source = SOURCES[wanted.type], self.sources.get(name)
            if source is not None and wanted.type == self.settings.sources[name].type:
                before, after = self.settings.sources[name], await self.build.fittings(name, settings)
                fitted = await self.build.fittings(name, self.settings)
                same = wanted == before and (after.sender_keys, after.descriptors) == (
                    fitted.sender_keys,
                    fitted.descriptors,
                )
                if same or kind.renew(source, wanted, after):
                    undo.callback(kind.renew, source, before, fitted)
                    sources[name] = source
                    continue
            self._refuse_address_in_use(name, wanted.address)
            sources[name] = source = await self.build.source(name, settings)
            if isinstance(source, ListeningSource):
                await source.bind()
                undo.push_async_callback(source.finish)
        return sources

    def _refuse_address_in_use(self, name: str, wanted: Address | None) -> None:
        """Raise SettingsError if a source still listens at the address of one that is to be built.

        A source ends only when its successor listens, so that a fault changes nothing.
        """
        inherited = self.build.inherited
        for other in self.sources.keys() - inherited.keys():
            taken = self.settings.sources[other].address
            if name not in inherited and wanted and taken and wanted.clashes(taken):
                raise SettingsError(
                    f"[bridge.sources.{name}] listen = {wanted}: [bridge.sources.{other}] listens there until a "
                    "reload is over; restart the bridge, or choose another address"
                )

    def _take(self, settings: Settings, rules: Rules) -> None:
        """Let intake use other settings from the next event on, and logging from the next line."""
        if self.api_metrics is None or settings.api_metrics != self.settings.api_metrics:
            enabled = settings.api_metrics.enabled
            self.api_metrics = ApiMetrics(settings.api_metrics) if enabled else None
        self.intake.renew(rules, self.api_metrics.observe if self.api_metrics else None)
        if (wanted := dedupe(settings)) is None:
            self.intake.seen = None
        elif self.intake.seen is not None:
            self.intake.seen.renew(window_seconds=wanted.window_seconds, max_ids=wanted.max_ids)
        logs.set_level(settings.log_level)

    def _run(self) -> None:
        """Start what does not run yet."""
        for name in self.lanes:
            if not self.parts.runs(f"lane {name}"):
                self.start_lane(name)
        for name, source in self.sources.items():
            if not self.parts.runs(f"source {name}"):
                crashed = functools.partial(self.happenings.source_crashed, name)
                self.parts.start(f"source {name}", source.run, crashed)
        for warning in advice(self.settings):
            self.happenings.warned(warning)

    async def _finish(self, sources: Mapping[str, Source]) -> None:
        for name, source in sources.items():
            await self.parts.end(f"source {name}")
            try:
                await source.finish()
            except (JournalError, OSError, sqlite3.Error) as error:
                self.happenings.source_did_not_finish(name, error)

    def _worth_waiting(self, name: str) -> bool:
        # Do not wait for a sink that is down: its events stay in the journal.
        return self.journal.pending[name] > 0 and self.lanes[name].status().state in {"delivering", "idle"}

    async def _account(self) -> None:
        await self.analytics.started()
        while True:
            await give_accounts(self.journal, self.lanes, self.settings.instance)
            await self.clock.sleep(ACCOUNT_SECONDS)

    async def _upkeep(self) -> None:
        while True:
            await self.clock.sleep(_UPKEEP_SECONDS)
            await self.journal.tidy()

    async def _close(self) -> None:
        await self.parts.end_all()
        async with AsyncExitStack() as stack:
            for lane in self.lanes.values():
                stack.push_async_callback(lane.sink.close)

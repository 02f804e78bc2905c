"""The composition root: builds the parts from the settings, runs them, and stops them in order.

sources ──▶ intake ──▶ journal ──▶ a lane for each sink
"""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bridge.contracts import Clock, Gateway, Source, SystemClock
from bridge.delivery.lane import Lane
from bridge.errors import JournalError
from bridge.intake import Intake
from bridge.journal import Journal, SinkStart, StateLock
from bridge.journal.seen_ids import SeenIds
from bridge.settings import Settings
from bridge.shaping.masks import Masks
from bridge.sinks import SINKS
from bridge.sinks.moesif import MoesifSettings, MoesifSink
from bridge.sources import SOURCES, Fittings
from bridge.sources.http import HttpSettings, HttpSource
from bridge.supervise import keep_running
from bridge.telemetry import logs
from bridge.telemetry.application import BridgeHappenings
from bridge.telemetry.delivery import DeliveryHappenings
from bridge.telemetry.journal import JournalHappenings
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.moesif import MoesifHappenings

_UPKEEP_SECONDS = 30.0
_DRAIN_LOOK_SECONDS = 0.05


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


@dataclass(slots=True)
class Bridge:
    """The parts of one running bridge; `opened` makes it, `sources` is empty for a command without a daemon."""

    settings: Settings
    metrics: Metrics
    happenings: BridgeHappenings
    journal: Journal
    lanes: dict[str, Lane]
    clock: Clock
    masks: Masks
    sources: dict[str, Source] = field(default_factory=dict)
    stopping: bool = False
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, clock: Clock | None = None) -> AsyncIterator["Bridge"]:
        """Take the state folder, open the journal and build the lanes; nothing runs yet.

        Raises JournalLocked, JournalUnusable, or SettingsError for a mask that cannot be read.
        """
        clock = clock or SystemClock()
        masks = Masks(settings.wso2.mask)
        metrics = Metrics()
        logger = logs.logger()
        async with AsyncExitStack() as stack:
            stack.enter_context(StateLock(settings.state_dir))
            journal_happenings = JournalHappenings(metrics, logger, clock)
            journal = await Journal.open(settings.state_dir, settings.journal, journal_happenings, clock)
            stack.push_async_callback(journal.close)
            await journal.register([SinkStart(name, sink.start_at) for name, sink in settings.sinks.items()])
            gateway = Gateway(settings.instance, settings.gateway_url, settings.identity.publish)
            lanes: dict[str, Lane] = {}
            for name, sink_settings in settings.sinks.items():
                sink = SINKS[sink_settings.type].build(name, sink_settings, gateway)
                if isinstance(sink, MoesifSink):
                    sink.tell(MoesifHappenings(metrics, logger, name))
                stack.push_async_callback(sink.close)
                lanes[name] = Lane(
                    journal,
                    sink,
                    sink_settings,
                    happenings=DeliveryHappenings(metrics, logger, name, clock),
                    journal_happenings=journal_happenings,
                    clock=clock,
                )
            bridge = cls(settings, metrics, BridgeHappenings(metrics, logger), journal, lanes, clock, masks)
            try:
                yield bridge
            finally:
                await bridge._cancel(*bridge._tasks)

    async def start(self) -> None:
        """Build the sources, open what listens, and run everything."""
        intake = Intake(self.journal, await self._seen_ids(), self.masks)
        for name, source_settings in self.settings.sources.items():
            fittings = Fittings(
                intake,
                await self.journal.positions(name),
                self.metrics,
                logs.logger(),
                self.clock,
                moesif_tenants={
                    key: tenant
                    for sink in self.settings.sinks.values()
                    if isinstance(sink, MoesifSettings)
                    for tenant, key in sink.keys_by_tenant.items()
                },
            )
            source = SOURCES[name].build(source_settings, fittings)
            self.sources[name] = source
            if isinstance(source, HttpSource):
                await source.bind()
        for name in self.lanes:
            self.start_lane(name)
        for name, source in self.sources.items():
            self._keep_running(
                f"source {name}", source.run, functools.partial(self.happenings.source_crashed, name)
            )
        self._keep_running("upkeep", self._upkeep, self.happenings.upkeep_failed)
        for warning in advice(self.settings):
            self.happenings.warned(warning)

    async def stop(self, why: str) -> None:
        """Take what is there and no more, deliver for at most `drain`, commit.

        HTTP is refused first; every log is read once more to its end; then the lanes may go on for a while.
        """
        self.stopping = True
        self.happenings.stopping(why, self.settings.drain)
        for name, source in self.sources.items():
            await self._cancel(f"source {name}")
            try:
                await source.finish()
            except (JournalError, OSError, sqlite3.Error) as error:
                self.happenings.source_did_not_finish(name, error)
        for lane in self.lanes.values():
            lane.hurry()
        deadline = self.clock.monotonic() + self.settings.drain
        while any(self._worth_waiting(name) for name in self.lanes) and self.clock.monotonic() < deadline:
            await self.clock.sleep(_DRAIN_LOOK_SECONDS)
        await self._cancel(*self._tasks)
        self.happenings.stopped({name: self.journal.pending[name] for name in self.lanes})

    def start_lane(self, name: str, *, follow: bool = True) -> None:
        """Run a lane until it is stopped; it is restarted alone when it crashes (P6)."""
        lane = self.lanes[name]
        self._keep_running(f"lane {name}", lambda: lane.run(follow=follow), lane.crashed)

    async def stop_lane(self, name: str) -> bool:
        """End a lane; what it delivered is committed. Returns whether it ran."""
        ran = f"lane {name}" in self._tasks
        await self._cancel(f"lane {name}")
        return ran

    def obstacle(self) -> str | None:
        """Return why no events are taken now, or None."""
        return "the bridge is stopping" if self.stopping else self.journal.why_full()

    def _worth_waiting(self, name: str) -> bool:
        # A sink that is down will not come back for us: its events wait in the journal.
        return self.journal.pending[name] > 0 and self.lanes[name].status().state in {"delivering", "idle"}

    async def _seen_ids(self) -> SeenIds | None:
        settings = self.settings.sources.get("http")
        if not isinstance(settings, HttpSettings):
            return None
        window, most = settings.dedupe_window, settings.dedupe_max_ids
        seen = SeenIds(window_seconds=window, max_ids=most, clock=self.clock)
        async for ids in self.journal.recent_ids(int((self.clock.time() - window) * 1000), most):
            seen.add_packed(ids)
        return seen

    async def _upkeep(self) -> None:
        while True:
            await self.clock.sleep(_UPKEEP_SECONDS)
            await self.journal.tidy()

    def _keep_running(
        self, name: str, work: Callable[[], Awaitable[None]], crashed: Callable[[Exception, float], None]
    ) -> None:
        self._tasks[name] = asyncio.create_task(
            keep_running(work, crashed=crashed, clock=self.clock), name=name
        )

    async def _cancel(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in list(names) if name in self._tasks]
        for task in tasks:
            task.cancel()
        # Errors while ending were said by `crashed`; nothing may keep the others from ending.
        await asyncio.gather(*tasks, return_exceptions=True)

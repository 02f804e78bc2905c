"""A journal with lanes on a clock of the test's, and events to send through them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from clocks import FakeClock, HastyClock
from fakes.destinations import fittings
from pydantic import SecretStr

from bridge.app.supervise import keep_running
from bridge.contracts import Arrival, Batch, Clock, Mapper, Payload, Sink, Traits
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.lane import Lane
from bridge.demo.moesif_lookalike import KEY, MoesifLookalike
from bridge.errors import NeedsOperator, TenantRefused
from bridge.events.event import Event
from bridge.intake import Intake
from bridge.journal import DeadLetter, Journal, Selection, SinkStart
from bridge.journal.happenings import JournalHappenings
from bridge.settings import JournalSettings, SinkSettings
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics

_PATIENCE_SECONDS = 20


def call(number: int, **changes: Any) -> bytes:
    """Return an event as WSO2 writes it; its correlation id is made of the number."""
    event: dict[str, Any] = {
        "apiName": "Pizza",
        "apiMethod": "GET",
        "apiContext": "/pizza/1.0.0",
        "apiResourceTemplate": "/menu",
        "proxyResponseCode": 200,
        "responseLatency": 12,
        "requestTimestamp": f"2026-11-21T00:46:{number % 60:02d}.099Z",
        "correlationId": str(uuid.UUID(int=number)),
        "userName": "ada@carbon.super",
    }
    return json.dumps({key: value for key, value in (event | changes).items() if value is not None}).encode()


def calls(count: int, first: int = 0, **changes: Any) -> list[bytes]:
    """Return so many events."""
    return [call(number, **changes) for number in range(first, first + count)]


async def eventually(predicate: Callable[[], object]) -> None:
    """Return when the predicate holds."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not predicate():  # noqa: ASYNC110 - the journal publishes numbers, not events
            await asyncio.sleep(0.002)


class Rig:
    """The parts between intake and the destinations."""

    def __init__(self, journal: Journal, clock: Clock, metrics: Metrics) -> None:
        self.journal = journal
        self.clock = clock
        self.metrics = metrics
        self.lanes: dict[str, Lane] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.happenings = JournalHappenings(metrics, logs.logger(), clock)
        self._intake = Intake(journal, None)
        self._intake.followers = self
        self._place = 0

    def mappers(self) -> list[Mapper]:
        """Return what the lanes that keep up map with."""
        return [mapper for lane in self.lanes.values() if (mapper := lane.mapper) is not None]

    async def in_step(self) -> None:
        """Return at once: no source of a test's needs to be held up."""

    async def ingest(self, *bodies: bytes) -> None:
        """Journal these events as one block."""
        self._place += 1
        await self._intake(
            Arrival(
                "log",
                bodies,
                [None] * len(bodies),
                range(self._place * 100_000, self._place * 100_000 + len(bodies)),
                b"rig",
            )
        )

    def start(self, sink: Sink, settings: SinkSettings) -> Lane:
        """Run a lane, as the application does."""
        lane = self.lanes.get(sink.name)
        if lane is None:
            happenings = DeliveryHappenings(self.metrics, logs.logger(), sink.name, self.clock)
            lane = self.lanes[sink.name] = Lane(
                self.journal,
                sink,
                settings,
                happenings=happenings,
                journal_happenings=self.happenings,
                clock=self.clock,
            )
        self.tasks[sink.name] = asyncio.create_task(
            keep_running(lane.run, crashed=lane.crashed, clock=self.clock)
        )
        return lane

    async def stop(self, sink: str) -> None:
        """End a lane."""
        task = self.tasks.pop(sink)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def delivered(self, sink: str = "moesif") -> None:
        """Return when nothing waits for the sink."""
        await eventually(lambda: self.journal.pending[sink] == 0)

    async def letters(self, sink: str = "moesif") -> Sequence[DeadLetter]:
        """Return the dead letters of a sink."""
        return await self.journal.dead.select(Selection(sink), limit=10_000)

    def counted(self, name: str, *labels: str) -> float:
        """Return the value of a metric of this process."""
        value: float = self.metrics.counter(name, *labels)._value.get()
        return value

    async def check_books(self) -> None:
        """Assert that everything is accounted for (P7)."""
        totals = self.journal.totals
        assert totals.intake_difference() == 0
        for sink in self.journal.pending:
            assert totals.expected_pending(sink) == self.journal.pending[sink]
            gone = totals.sum("dead_letters_replayed", sink) + totals.sum("dead_letters_purged", sink)
            assert totals.sum("events_dead", sink) == gone + len(await self.letters(sink))


@asynccontextmanager
async def rig(folder: Path, *sinks: str, clock: FakeClock | None = None) -> AsyncIterator[Rig]:
    """Open a journal for these sinks; at the end the lanes are stopped and the books must balance."""
    clock = clock or HastyClock()
    metrics = Metrics()
    happenings = JournalHappenings(metrics, logs.logger(), clock)
    journal = await Journal.open(folder, JournalSettings(), happenings, clock)
    made = Rig(journal, clock, metrics)
    try:
        await journal.register([SinkStart(name) for name in sinks or ("moesif",)])
        yield made
        for name in list(made.tasks):
            await made.stop(name)
        await made.check_books()
    finally:
        for name in list(made.tasks):
            await made.stop(name)
        for lane in made.lanes.values():
            await lane.sink.close()
        await journal.close()


def moesif_settings(moesif: MoesifLookalike, **changes: Any) -> MoesifSettings:
    """Return settings for a lane to the look-alike that does not wait for company."""
    defaults: dict[str, Any] = {"key": KEY, "base_url": moesif.url, "linger": 0, "request_timeout": 10}
    return MoesifSettings(type="moesif", **(defaults | changes))


def start_moesif(rig: Rig, moesif: MoesifLookalike, name: str = "moesif", **changes: Any) -> Lane:
    """Run a lane to the look-alike."""
    settings = moesif_settings(moesif, **changes)
    return rig.start(MoesifSink(name, settings, fittings()), settings)


def key_of(tenant: str) -> str:
    """Return a tenant's own Moesif key."""
    return f"key-of-{tenant}".ljust(60, "0")


class TenantsSink:
    """To the look-alike, with a key for each tenant: the event's `apiCreatorTenantDomain` is its address."""

    def __init__(self, moesif: MoesifLookalike, **changes: Any) -> None:
        self.name = "moesif"
        self.destination = moesif.url
        self.traits = Traits(addresses=self.addresses)
        self.settings = moesif_settings(moesif, **changes)
        self.keeps: Callable[[Event], bool] = lambda _event: True
        """Its sampling."""
        self.encoded: list[list[str]] = []
        """The addresses of each batch that it has encoded."""
        self.sent: list[str] = []
        """The address of each payload that it was given to send."""
        self._sinks: dict[str, MoesifSink] = {}

    async def start(self, _state: bytes | None) -> None:
        """Nothing to prepare."""

    def addresses(self, batch: Batch) -> list[str]:
        """Return the tenants; an event without one cannot be addressed."""
        return [_tenant(event) for event in batch.events()]

    async def encode(self, batch: Batch) -> Payload:
        """Map what its sampling keeps."""
        addresses = self.addresses(batch)
        self.encoded.append(addresses)
        kept = [index for index, event in enumerate(batch.events()) if self.keeps(event)]
        if not kept:
            return Payload(b"", 0, 0, len(batch), addresses[0])
        chosen = Batch(
            [batch.ids[index] for index in kept],
            [batch.bodies[index] for index in kept],
            [batch.received_ms[index] for index in kept],
        )
        payload = await self._sink(addresses[0]).encode(chosen)
        return replace(payload, sampled_out=len(batch) - len(kept), address=addresses[0])

    async def send(self, payload: Payload) -> None:
        """POST it with the tenant's key."""
        self.sent.append(payload.address)
        try:
            # Each of these sinks has one key, and knows of no address.
            await self._sink(payload.address).send(replace(payload, address=""))
        except NeedsOperator as error:
            message = f"the key of {payload.address} is refused; set it in [keys]"
            raise TenantRefused(
                message, tenant=payload.address, status=error.status, answer=error.answer
            ) from error

    async def probe(self) -> str:
        """Nobody asks."""
        return ""

    async def close(self) -> None:
        """Close all connections."""
        for sink in self._sinks.values():
            await sink.close()

    def _sink(self, tenant: str) -> MoesifSink:
        if tenant not in self._sinks:
            settings = self.settings.model_copy(update={"key": SecretStr(key_of(tenant))})
            self._sinks[tenant] = MoesifSink("moesif", settings, fittings())
        return self._sinks[tenant]


def _tenant(event: Event) -> str:
    if event.apiCreatorTenantDomain is None:
        raise LookupError("no tenant")
    return event.apiCreatorTenantDomain

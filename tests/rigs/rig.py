"""The parts of a bridge on the test's own clock: a journal in a folder, intake in front of it, lanes after it."""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from rigs.clock import FakeClock
from rigs.events import event
from rigs.gate import Gate
from rigs.waiting import until

from bridge.app.supervise import keep_running
from bridge.clock import SystemClock
from bridge.contracts import Arrival, Clock, SettledPositions, Sink
from bridge.delivery.followers import FollowingLanes
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.lane import Lane
from bridge.events.event import decode
from bridge.events.ids import event_id
from bridge.intake import Intake
from bridge.journal import Accepted, Advance, Cursor, DeadLetter, Journal, Selection, SinkStart
from bridge.journal.happenings import JournalHappenings
from bridge.journal.seen_ids import SeenIds
from bridge.journal.totals import SETTLED
from bridge.settings import JournalSettings, SinkSettings
from bridge.sources import SourceFittings
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics

# A block's size is what many tests of the journal are about: its events are small.
_LEFT_OUT = dict.fromkeys(("apiMethod", "apiContext", "apiResourceTemplate", "responseLatency", "userName"))


def accepted(
    numbers: Sequence[int], *, source: str = "log", padding: int = 0, **positions: bytes | None
) -> Accepted:
    """Return what intake would hand over for these events."""
    bodies = [event(number, userAgent="x" * padding, **_LEFT_OUT) for number in numbers]
    decoded = [decode(data) for data in bodies]
    totals = {("events_received", source, ""): len(bodies), ("events_journalled", source, ""): len(bodies)}
    return Accepted(
        source,
        [event_id(one) or "" for one in decoded],
        bodies,
        dict(positions),
        {key: value for key, value in totals.items() if value},
        sum(map(len, bodies)) + len(bodies),
    )


class Unhurried(FollowingLanes):
    """The lanes, and sources that need not be held up for them."""

    async def in_step(self) -> None:
        """Return at once."""


class Rig:
    """A journal in a folder of its own, with intake and lanes, and eyes on its file that do not go through it."""

    def __init__(
        self, folder: Path, clock: Clock, settings: Mapping[str, Any], *, seen: bool = False
    ) -> None:
        self.folder = folder
        self.clock: Any = clock
        """A FakeClock, or the machine's own behind real sockets."""
        self.settings = JournalSettings.model_validate({"min_free_bytes": 0, **settings})
        self.metrics = Metrics()
        self.said = structlog.testing.CapturingLogger()
        self.happenings = JournalHappenings(self.metrics, self.said, clock)
        self.journal: Journal
        self.gate: Gate
        self.sinks: dict[str, Cursor] = {}
        self.lanes: dict[str, Lane] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._seen = SeenIds(window_seconds=600, max_ids=100_000, clock=clock) if seen else None
        self._next = 0
        self._place = 0

    async def open(self, *sinks: str | SinkStart) -> Journal:
        """Open the journal and register sinks by name."""
        self.journal = await Journal.open(self.folder, self.settings, self.happenings, self.clock)
        self.sinks = await self.journal.register(
            [sink if isinstance(sink, SinkStart) else SinkStart(sink) for sink in sinks]
        )
        intake = Intake(self.journal, self._seen)
        intake.followers = Unhurried(lambda: self.lanes.values())  # noqa: PLW0108 - some tests exchange them
        self.gate = Gate(intake)
        return self.journal

    async def again(self, *sinks: str | SinkStart) -> Journal:
        """Close and open, as a restart of the daemon does."""
        await self.journal.close()
        return await self.open(*sinks)

    async def close(self) -> None:
        """Stop the lanes and close everything."""
        for name in list(self.tasks):
            await self.stop(name)
        for lane in self.lanes.values():
            await lane.sink.close()
        await self.journal.close()

    async def append(self, events: int, *, source: str = "log", padding: int = 0, **positions: bytes) -> int:
        """Journal that many new events as one arrival, past intake; returns the block's number."""
        numbers = range(self._next, self._next + events)
        self._next += events
        await self.journal.append(accepted(numbers, source=source, padding=padding, **positions))
        return self.journal.last_seq

    async def ingest(self, *bodies: bytes) -> None:
        """Journal these events as one block."""
        self._place += 1
        places = range(self._place * 100_000, self._place * 100_000 + len(bodies))
        await self.gate(Arrival("log", bodies, [None] * len(bodies), places, b"rig"))

    async def deliver(self, sink: str, seq: int, events: int, at: int = 0, **more: Any) -> None:
        """Commit that a sink has dealt with so many events and stands at `seq`, `at`."""
        await self.journal.advance(Advance(sink, seq, at, delivered=events, **more))

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
            keep_running(
                lane.run, crashed=lane.crashed, clock=self.clock, wanted=lambda: sink.name in self.tasks
            )
        )
        return lane

    async def stop(self, sink: str) -> None:
        """End a lane."""
        task = self.tasks.pop(sink)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def delivered(self, sink: str = "moesif") -> None:
        """Return when nothing waits for the sink."""
        await until(lambda: self.journal.pending[sink] == 0)

    async def journalled(self) -> list[bytes]:
        """Return the body of every event on disk, in order."""
        bodies: list[bytes] = []
        seq = 1
        while seq <= self.journal.last_seq:
            block = await self.journal.next_block(seq)
            bodies += block.bodies
            seq = block.seq + 1
        return bodies

    async def letters(self, sink: str = "moesif") -> Sequence[DeadLetter]:
        """Return the dead letters of a sink."""
        return await self.journal.dead.select(Selection(sink), limit=10_000)

    def settled(self, source: str) -> SettledPositions:
        """Return what a source asks for its settled positions."""
        return functools.partial(self.journal.settled, source)

    def fittings(self, **changes: Any) -> SourceFittings:
        """Return what a source is given here."""
        given = SourceFittings(self.gate, {}, self.clock, self.metrics, self.said, self.settled("log"))
        return replace(given, **changes)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the file through a connection of the test's own."""
        with closing(sqlite3.connect(self.folder / "journal.db")) as connection:
            return connection.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """Return the one value of the one row."""
        return self.rows(query, *values)[0][0]

    def commits(self) -> int:
        """Return how many transactions were committed."""
        name = "apim_bridge_journal_commit_duration_seconds_count"
        return int(self.metrics.registry.get_sample_value(name) or 0)

    def counted(self, name: str, *labels: str) -> float:
        """Return the value of a metric of this process."""
        value: float = self.metrics.counter(name, *labels)._value.get()
        return value

    def logged(self) -> list[str]:
        """Return the names of the lines that were logged."""
        return [call.args[0] for call in self.said.calls]

    def said_of(self, what: str) -> list[dict[str, Any]]:
        """Return the fields of the log lines of that name."""
        return [dict(call.kwargs) for call in self.said.calls if call.args[0] == what]

    def check_books(self) -> None:
        """Check that the books balance to the event, in memory and on disk (P7)."""
        totals, journal = self.journal.totals, self.journal
        on_disk = {
            (name, owner, reason): value
            for name, owner, reason, value in self.rows("SELECT name, owner, reason, value FROM totals")
        }
        in_memory = {(name, owner, reason): value for name, owner, reason, value in totals.rows()}
        assert {key: value for key, value in in_memory.items() if value} == {
            key: value for key, value in on_disk.items() if value
        }
        assert totals.intake_difference() == 0
        for sink, pending in journal.pending.items():
            seq, at = self.rows("SELECT seq, at FROM cursors WHERE sink = ?", sink)[0]
            there = self.value("SELECT coalesce(sum(count), 0) FROM blocks WHERE seq >= ?", seq)
            if self.rows("SELECT 1 FROM blocks WHERE seq = ?", seq):
                there -= at
            assert pending == there, sink
            settled = sum(totals.sum(name, sink) for name in SETTLED)
            came = totals.sum("events_journalled") + totals.sum("events_rewound", sink)
            assert came == settled + pending, sink
            gone = totals.sum("dead_letters_replayed", sink) + totals.sum("dead_letters_purged", sink)
            kept = self.value("SELECT count(*) FROM dead WHERE sink = ?", sink)
            assert totals.sum("events_dead", sink) == gone + kept, sink


@asynccontextmanager
async def opened(
    folder: Path, *sinks: str | SinkStart, clock: FakeClock | None = None, **settings: Any
) -> AsyncIterator[Rig]:
    """Open a journal with these sinks, and close it."""
    rig = Rig(folder, clock or FakeClock(hasty=True), settings)
    await rig.open(*sinks)
    try:
        yield rig
    finally:
        await rig.close()


@asynccontextmanager
async def delivering(folder: Path, *sinks: str, clock: FakeClock | None = None) -> AsyncIterator[Rig]:
    """Open a journal for lanes to these sinks; at the end the lanes are stopped and the books must balance (P7)."""
    async with opened(folder, *(sinks or ("moesif",)), clock=clock) as rig:
        yield rig
        for name in list(rig.tasks):
            await rig.stop(name)
        rig.check_books()


@asynccontextmanager
async def journalling(folder: Path) -> AsyncIterator[Rig]:
    """Open a journal for a source, on the machine's clock; at the end the books must balance (P7)."""
    rig = Rig(folder, SystemClock(), {}, seen=True)
    await rig.open()
    try:
        yield rig
    finally:
        await rig.close()
    assert rig.journal.totals.intake_difference() == 0


@asynccontextmanager
async def writer_held(rig: Rig) -> AsyncIterator[None]:
    """Keep the writer from committing, as a slow disk would; what is submitted meanwhile gathers."""
    connection = sqlite3.connect(rig.folder / "journal.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # A first piece of work, so that the writer stands in its transaction.
        first = asyncio.ensure_future(rig.journal.append(Accepted("nobody", positions={"hold": b"1"})))
        await until(lambda: rig.journal.stuck_seconds(1e12) > 0)
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    await first


def page_of(folder: Path, name: str) -> int:
    """Return the number of the first page of a table or an index."""
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        page: int = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)
        ).fetchone()[0]
    return page


def overwrite(path: Path, at: int, data: bytes) -> None:
    """Change bytes of a file in place, as a bad disk would."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)

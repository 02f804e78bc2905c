"""Builders for tests of intake and journal: events, a clock that tests own, an opened journal, its books."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import structlog

from bridge.events.event import decode
from bridge.events.ids import event_id
from bridge.journal import Accepted, Advance, Cursor, Journal, SinkStart
from bridge.journal.happenings import JournalHappenings
from bridge.journal.totals import SETTLED
from bridge.settings import JournalSettings
from bridge.telemetry.metrics import Metrics


class OwnedClock:
    """Time that stands still until a test moves it."""

    def __init__(self, epoch: float = 1_795_221_984.0) -> None:
        self.epoch = epoch
        self.now = 1000.0

    def time(self) -> float:
        return self.epoch + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def body(number: int, **fields: Any) -> bytes:
    """Return the JSON of one event; the number makes it different from all others."""
    return json.dumps(
        {
            "apiName": "PizzaShackAPI",
            "proxyResponseCode": 200,
            "correlationId": f"7a4f90b1-f2cb-4a10-9054-{number:012d}",
            "apiId": "8a972559-e872-3ce6-bb8f-6edcc2df606a",
            "requestTimestamp": "2026-11-21T00:46:24.099Z",
            **fields,
        }
    ).encode()


def correlation(data: bytes) -> int:
    """Return the number of an event that `body` has made."""
    return int(str(decode(data).correlationId).rsplit("-", 1)[1])


def accepted(
    numbers: Sequence[int], *, source: str = "log", padding: int = 0, **positions: bytes | None
) -> Accepted:
    """Return what intake would hand over for these events."""
    bodies = [body(number, userAgent="x" * padding) for number in numbers]
    events = [decode(data) for data in bodies]
    totals = {("events_received", source, ""): len(bodies), ("events_journalled", source, ""): len(bodies)}
    return Accepted(
        source,
        [event_id(event) or "" for event in events],
        bodies,
        dict(positions),
        {key: value for key, value in totals.items() if value},
        sum(map(len, bodies)) + len(bodies),
    )


class JournalRig:
    """A journal in a folder of its own, and eyes on its file that do not go through it."""

    def __init__(self, folder: Path, clock: OwnedClock, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.clock = clock
        self.settings = JournalSettings.model_validate({"min_free_bytes": 0, **settings})
        self.metrics = Metrics()
        self.said = structlog.testing.CapturingLogger()
        self.journal: Journal
        self.sinks: dict[str, Cursor] = {}
        self._next = 0

    async def open(self, *sinks: str | SinkStart) -> Journal:
        """Open the journal and register sinks by name."""
        happenings = JournalHappenings(self.metrics, self.said, self.clock)
        self.journal = await Journal.open(self.folder, self.settings, happenings, self.clock)
        self.sinks = await self.journal.register(
            [sink if isinstance(sink, SinkStart) else SinkStart(sink) for sink in sinks]
        )
        return self.journal

    async def again(self, *sinks: str | SinkStart) -> Journal:
        """Close and open, as a restart of the daemon does."""
        await self.journal.close()
        return await self.open(*sinks)

    async def append(self, events: int, *, source: str = "log", padding: int = 0, **positions: bytes) -> int:
        """Journal that many new events as one arrival; returns the block's number."""
        numbers = range(self._next, self._next + events)
        self._next += events
        await self.journal.append(accepted(numbers, source=source, padding=padding, **positions))
        return self.journal.last_seq

    async def deliver(self, sink: str, seq: int, events: int, at: int = 0, **more: Any) -> None:
        """Commit that a sink has dealt with so many events and stands at `seq`, `at`."""
        await self.journal.advance(Advance(sink, seq, at, delivered=events, **more))

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
    folder: Path, *sinks: str | SinkStart, clock: OwnedClock | None = None, **settings: Any
) -> AsyncIterator[JournalRig]:
    """Open a journal with these sinks, and close it."""
    rig = JournalRig(folder, clock or OwnedClock(), settings)
    await rig.open(*sinks)
    try:
        yield rig
    finally:
        await rig.journal.close()


@asynccontextmanager
async def writer_held(rig: JournalRig) -> AsyncIterator[None]:
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


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on other threads
            await asyncio.sleep(0.001)


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

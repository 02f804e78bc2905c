"""The writer of the store: its one thread commits batches, in the order in which they come."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice
from typing import Any, Final

import duckdb

from bridge.analytics.store.apart import Apart, time_ms
from bridge.analytics.store.arrow import Columns
from bridge.analytics.store.columns import MEASURED, NAMED, PERSONAL
from bridge.analytics.store.companies import Companies, CompanyLink
from bridge.analytics.store.contract import Appended, ReceivedEvent, ReceivedRecord
from bridge.analytics.store.erased import Erased
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.gone import Gone
from bridge.analytics.store.inserting import Inserts
from bridge.analytics.store.names import NameNumbers
from bridge.analytics.store.people import People
from bridge.analytics.store.recent import RecentIds
from bridge.analytics.store.rollup import RollupAccount
from bridge.analytics.store.times import moment
from bridge.errors import StoreWaits

# Times of a batch that lie further apart than this are looked for apart: old events that come again beside new ones.
_GAP_MS: Final = 600_000
_MOST_RANGES: Final = 20
# Events that are decoded, taken apart and let go of before the next ones: they stay in the processor's cache, for two
# thirds of the time that a whole batch takes.
_CHUNK: Final = 250
_IDS: Final = {"id": "UUID"}


class _Batch:
    """Events on their way, each id once."""

    def __init__(self, kept_from: int) -> None:
        self.count = 0
        self.late: dict[str, int] = {}
        """Those of a time that retention has emptied: id, and when each was received, in microseconds."""
        self.apart = Apart()
        self.times: list[int] = []
        """Of those that say when they were asked."""
        self.untimed: set[str] = set()
        self.records: dict[str, int] = {}
        """Id, and when each was received, in microseconds."""
        self.links: list[CompanyLink] = []
        self._kept_from = kept_from
        self._seen: set[str] = set()

    def note(self, record: ReceivedRecord) -> None:
        """Note what was said beside the events that were taken by now."""
        self.count += 1
        self.records[record.id] = record.received_ms * 1000
        if record.user is not None and record.company is not None:
            self.links.append(CompanyLink(len(self.apart), record.id, record.user, record.company))

    def take(self, events: Sequence[ReceivedEvent]) -> None:
        """Take these apart, as far as they are new here and not late."""
        self.count += len(events)
        once = {one.id: one for one in events}
        if len(once) < len(events) or not self._seen.isdisjoint(once):
            events = [one for number, one in once.items() if number not in self._seen]
        self._seen.update(once)
        times = [*map(time_ms, events)]
        if any(ms * 1000 < self._kept_from for ms, _ in times):
            young = [ms * 1000 >= self._kept_from for ms, _ in times]
            self.late |= {
                one.id: one.received_ms * 1000
                for one, is_young in zip(events, young, strict=True)
                if not is_young
            }
            events, times = [*compress(events, young)], [*compress(times, young)]
        self.times += (ms for ms, says_time in times if says_time)
        self.untimed.update(
            one.id for one, (_, says_time) in zip(events, times, strict=True) if not says_time
        )
        if events:
            self.apart.take(events, times)


class StoreWriter:
    """Appends batches; every call on one thread."""

    def __init__(
        self,
        connection: FactsConnection,
        inserts: Inserts,
        people: People,
        names: NameNumbers,
        rollup: RollupAccount,
        erased: Erased,
        kept_from: int,
    ) -> None:
        """`kept_from`: events from before this time, in microseconds, are not kept."""
        self.kept_from = kept_from
        self._connection = connection
        self._people = people
        self._names = names
        self._gone = Gone(connection)
        self._rollup = rollup
        self._erased = erased
        self._companies = Companies(people.connection)
        self.appended: list[str] | None = None
        """The ids of what was appended since the file is being copied; None: it is not."""
        self._recent = RecentIds(connection)
        self._inserts = inserts

    def append(self, received: Iterable[ReceivedEvent | ReceivedRecord]) -> tuple[Appended, Apart]:
        """Commit the events that the store does not have; returns them taken apart, for the live stream.

        Raises StoreWaits when the disk does not take them, and what `received` raises; then nothing was appended.
        """
        batch = _Batch(self.kept_from)
        for some in _chunks(received):
            match some:
                case ReceivedRecord():
                    batch.note(some)
                case _:
                    batch.take(some)
        apart = batch.apart
        links = self._links(batch)
        self._companies.fill(apart, links)
        known = self._known(batch) if self._may_know(batch) else set()
        if known:
            apart.drop(known)
        refused = self._erased.take_out(apart)
        old = erased = records = 0
        try:
            if batch.late:
                old = self._gone.came(batch.late)
            if refused:
                erased = self._gone.came(refused, "erased")
            if links:
                self._companies.keep(links)
            if batch.records:
                records = self._gone.came(batch.records, "records")
            if len(apart):
                self._commit(apart, batch.untimed.difference(known, refused))
        except (duckdb.Error, sqlite3.Error, OSError) as error:
            self._undo()
            raise StoreWaits(
                f"the store's disk does not take events: {str(error).partition(chr(10))[0]}; "
                "make room, or lower max_bytes in [bridge.analytics]"
            ) from error
        known_count = batch.count - len(apart) - old - erased - records
        return Appended(len(apart), known_count, old, erased, records), apart

    def _links(self, batch: "_Batch") -> list[CompanyLink]:
        """Return what was said for the first time: a record that comes again says nothing about now."""
        if not batch.links:
            return []
        new = self._gone.new(batch.records)
        return [
            link
            for link in batch.links
            if (at := new.get(link.record)) is not None
            and not self._erased.refuses("user", link.user, at)
            and not self._erased.refuses("company", link.company, at)
        ]

    def _may_know(self, batch: "_Batch") -> bool:
        columns = batch.apart.columns
        return len(batch.apart) > 0 and (
            len(batch.untimed) > 0 or self._recent.may_have(columns["id"], columns["time"])
        )

    def _known(self, batch: "_Batch") -> set[str]:
        """Return the ids that are in the store already (S1)."""
        where, values = [], []
        for low, high in _ranges(sorted(batch.times)):
            where.append("time BETWEEN ? AND ?")
            values += [moment(low * 1000), moment(high * 1000)]
        if batch.untimed or len(where) > _MOST_RANGES:
            where, values = ["true"], []
        with self._given("ids", Columns(_IDS, {"id": batch.apart.columns["id"]}, len(batch.apart))):
            rows = self._connection.execute(
                f"SELECT id FROM facts SEMI JOIN ids USING (id) WHERE {' OR '.join(where)}"  # noqa: S608 - question marks alone
                " UNION ALL SELECT id FROM untimed SEMI JOIN ids USING (id)"
                # One that does not say its time may be gone under another time of receipt.
                + (" UNION ALL SELECT id FROM gone SEMI JOIN ids USING (id)" if batch.untimed else ""),
                values,
            ).fetchall()
        return {str(found) for (found,) in rows}

    def _commit(self, apart: Apart, untimed: set[str]) -> None:
        people, names, connection = self._people, self._names, self._connection
        texts = apart.columns
        columns: dict[str, Sequence[Any]] = {
            name: values for name, values in texts.items() if name in MEASURED
        }
        # Personal strings first (S2).
        people.begin()
        for field in PERSONAL:
            if field in texts:
                columns[field] = people.numbers(field, texts[field])
        people.keep(
            [
                (time, bytes.fromhex(number.replace("-", "")), personal)
                for number, time, personal in zip(texts["id"], texts["time"], apart.personals, strict=True)
                if personal
            ]
        )
        people.commit()
        for field in NAMED:
            if field in texts:
                columns[field] = names.numbers(field, texts[field])
        columns |= {"shape": apart.shapes, "correlation_id": apart.correlation_ids, "rest": apart.rests}
        # Before they are: when the disk fails, nobody knows.
        self._recent.add(texts["id"], texts["time"], untimed)
        connection.begin()
        names.save()
        self._rollup.change(texts["time"])
        self._inserts.insert(connection, columns, len(apart))
        if untimed:
            with self._given("ids", Columns(_IDS, {"id": [*untimed]}, len(untimed))):
                connection.execute("INSERT INTO untimed (id) FROM ids")
        connection.commit()
        names.saved()
        if self.appended is not None:
            self.appended += texts["id"]

    @contextlib.contextmanager
    def _given(self, name: str, columns: Columns) -> Any:
        self._connection.register(name, columns)
        try:
            yield
        finally:
            self._connection.unregister(name)

    def _undo(self) -> None:
        # There may be no transaction, or it is rolled back already.
        with contextlib.suppress(duckdb.Error):
            self._connection.rollback()
        self._people.rollback()
        self._names.read()
        self._rollup.read()


def _chunks(
    received: Iterable[ReceivedEvent | ReceivedRecord],
) -> Iterator[Sequence[ReceivedEvent] | ReceivedRecord]:
    """Yield the events, some at a time, and each record in its place among them."""
    rest = iter(received)
    while some := [*islice(rest, _CHUNK)]:
        events: list[ReceivedEvent] = []
        for one in some:
            if isinstance(one, ReceivedRecord):
                if events:
                    yield events
                yield one
                events = []
            else:
                events.append(one)
        if events:
            yield events


def _ranges(times: Sequence[int]) -> list[tuple[int, int]]:
    """Return the spans in which these sorted times lie."""
    ranges: list[tuple[int, int]] = []
    for ms in times:
        if ranges and ms - ranges[-1][1] <= _GAP_MS:
            ranges[-1] = (ranges[-1][0], ms)
        else:
            ranges.append((ms, ms))
    return ranges

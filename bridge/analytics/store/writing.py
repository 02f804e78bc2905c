"""The writer of the store: its one thread commits batches, in the order in which they come."""

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import msgspec

from bridge.analytics.store.apart import Apart, take_apart, time_ms
from bridge.analytics.store.arrow import Columns
from bridge.analytics.store.columns import (
    DETAILS,
    FACTS,
    FIRST_NAMED,
    FIRST_PERSONAL,
    NAMED,
    PERSONAL,
    SHAPE,
)
from bridge.analytics.store.contract import Appended, ReceivedEvent
from bridge.analytics.store.gone import Gone
from bridge.analytics.store.names import NameNumbers
from bridge.analytics.store.people import People
from bridge.analytics.store.times import moment
from bridge.errors import StoreWaits

_encode: Final = msgspec.json.Encoder().encode
# Times of a batch that lie further apart than this are looked for apart: old events that come again beside new ones.
_GAP_MS: Final = 600_000
_MOST_RANGES: Final = 20
_ID: Final = 0
_TIME: Final = 1
_IDS: Final = {"id": "UUID"}


class StoreWriter:
    """Appends batches; every call on one thread."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, people: People, names: NameNumbers, kept_from: int
    ) -> None:
        """`kept_from`: events from before this time, in microseconds, are not kept."""
        self.kept_from = kept_from
        self._connection = connection
        self._people = people
        self._names = names
        self._gone = Gone(connection)

    def append(self, batch: Sequence[ReceivedEvent]) -> tuple[Appended, list[tuple[ReceivedEvent, Apart]]]:
        """Commit the events that the store does not have; returns them taken apart, for the live stream.

        Raises StoreWaits when the disk does not take them; then nothing was appended.
        """
        seen = {received.id: (received, *time_ms(received)) for received in batch}
        times = {number: one for number, one in seen.items() if one[1] * 1000 >= self.kept_from}
        known = self._known(times) if times else ()
        new = [
            (received, take_apart(received, ms, says_time=says), says)
            for number, (received, ms, says) in times.items()
            if number not in known
        ]
        old = 0
        try:
            if len(times) < len(seen):
                late = [received for number, (received, _, _) in seen.items() if number not in times]
                old = self._gone.came({_bytes(one.id): one.received_ms * 1000 for one in late})
            if new:
                self._commit(
                    [apart for _, apart, _ in new], [apart.row[_ID] for _, apart, says in new if not says]
                )
        except (duckdb.Error, sqlite3.Error, OSError) as error:
            self._undo()
            raise StoreWaits(
                f"the store's disk does not take events: {str(error).partition(chr(10))[0]}; "
                "make room, or lower max_bytes in [bridge.analytics]"
            ) from error
        return (
            Appended(len(new), len(batch) - len(new) - old, old),
            [(received, apart) for received, apart, _ in new],
        )

    def _known(self, times: Mapping[str, tuple[ReceivedEvent, int, bool]]) -> set[str]:
        """Return the ids that are in the store already (S1)."""
        where, values = [], []
        timed = sorted(ms for _, ms, says in times.values() if says)
        for low, high in _ranges(timed):
            where.append("time BETWEEN ? AND ?")
            values += [moment(low * 1000), moment(high * 1000)]
        if len(timed) < len(times) or len(where) > _MOST_RANGES:
            where, values = ["true"], []
        with self._given("ids", Columns(_IDS, [[*map(_bytes, times)]])):
            rows = self._connection.execute(
                f"SELECT id FROM facts SEMI JOIN ids USING (id) WHERE {' OR '.join(where)}"  # noqa: S608 - question marks alone
                " UNION ALL SELECT id FROM untimed SEMI JOIN ids USING (id)",
                values,
            ).fetchall()
        return {str(found) for (found,) in rows}

    def _commit(self, aparts: Sequence[Apart], untimed: Sequence[bytes]) -> None:
        columns: list[Sequence[Any]] = [*zip(*(apart.row for apart in aparts), strict=True)]
        # Personal strings first (S2).
        people, names, connection = self._people, self._names, self._connection
        people.begin()
        for place, field in enumerate(PERSONAL, FIRST_PERSONAL):
            columns[place] = people.numbers(field, columns[place])
        people.keep([(one.row[_TIME], one.row[_ID], _encode(one.personal)) for one in aparts if one.personal])
        people.commit()
        for place, field in enumerate(NAMED, FIRST_NAMED):
            columns[place] = names.numbers(field, columns[place])
        shapes = names.numbers(SHAPE, [",".join(apart.shape) for apart in aparts])
        for apart, shape in zip(aparts, shapes, strict=True):
            apart.rest["="] = shape
        details = (
            columns[_ID],
            columns[_TIME],
            [None if one.correlation_id is None else one.correlation_id.encode() for one in aparts],
            [_encode(apart.rest) for apart in aparts],
        )
        connection.begin()
        names.save()
        self._insert("facts", Columns(FACTS, columns))
        self._insert("details", Columns(DETAILS, details))
        if untimed:
            self._insert("untimed", Columns(_IDS, [untimed]))
        connection.commit()
        names.saved()

    def _insert(self, table: str, columns: Columns) -> None:
        names = ", ".join(f'"{name}"' for name in columns.names)
        with self._given("batch", columns):
            self._connection.execute(f"INSERT INTO {table} ({names}) FROM batch")

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


def _bytes(number: str) -> bytes:
    return bytes.fromhex(number.replace("-", ""))


def _ranges(times: Sequence[int]) -> list[tuple[int, int]]:
    """Return the spans in which these sorted times lie."""
    ranges: list[tuple[int, int]] = []
    for ms in times:
        if ranges and ms - ranges[-1][1] <= _GAP_MS:
            ranges[-1] = (ranges[-1][0], ms)
        else:
            ranges.append((ms, ms))
    return ranges

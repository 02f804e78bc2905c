"""Looks whether S1 to S8 hold in a store that no process has open, and writes nothing."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import duckdb

from bridge.analytics.store import opening, people
from bridge.analytics.store.apart import time_ms
from bridge.analytics.store.columns import NAMED, PERSONAL
from bridge.analytics.store.contract import ReceivedEvent
from bridge.analytics.store.cubes import CUBES, RolledSpan, differing
from bridge.analytics.store.erased import Erased
from bridge.analytics.store.finding import PeopleFinder
from bridge.analytics.store.subjects import ERASABLE
from bridge.analytics.store.times import moment
from bridge.analytics.store.versions import VERSION
from bridge.analytics.store.whole import reader_of
from bridge.errors import StoreUnusable
from bridge.events.times import parse_ms
from bridge.journal.damaged import open_read_only

_PAGE: Final = 20_000
_EVENTS_AT_ONCE: Final = 500
# To put an event together takes twenty times as long as to look at its rows: of many, so many are tried.
_PUT_TOGETHER: Final = 10_000
_REPORT: Final = f"this is a fault of apim-bridge: report it, and {people.CURE}"
_UNFINISHED: Final = (
    "start `apim-bridge analytics`, which goes on with them; `apim-bridge erase --list` shows them"
)
_ORPHANS: Final = "they go when events are let go of the next time; a store that is made anew has none"


class StoreFinding(NamedTuple):
    """Something that is wrong."""

    where: str
    what: str
    cure: str


class StoreVerification:
    """The checks of one store."""

    def __init__(self, folder: Path, facts: duckdb.DuckDBPyConnection, texts: sqlite3.Connection) -> None:
        self.folder = folder
        self._facts = facts
        self._texts = texts
        self.rows: dict[str, int] = {}
        """How many rows each table has, of those that could be read."""

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, *, memory_bytes: int, threads: int) -> Iterator["StoreVerification"]:
        """Hold the store while the block runs.

        Raises StoreUnusable: in use, not there, not to be opened, of another version.
        """
        opening.require_store(folder)
        with ExitStack() as stack:
            stack.enter_context(opening.locked(folder))
            spare = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apim-bridge-")))
            facts = opening.open_to_read(folder, memory_bytes=memory_bytes, threads=threads)
            stack.callback(facts.close)
            ((version,),) = facts.execute("SELECT max(value) FROM meta WHERE key = 'schema'").fetchall()
            if version < VERSION:
                raise StoreUnusable(
                    f"{folder / people.FACTS_NAME} is of version {version}, and this is no fault; the next start of "
                    "`apim-bridge analytics` brings it up to date, verify it then"
                )
            try:
                texts = open_read_only(folder / people.FILE_NAME, spare)
            except (OSError, sqlite3.Error) as error:
                raise StoreUnusable(
                    f"{folder / people.FILE_NAME} cannot be opened: {error}; {people.CURE}"
                ) from error
            stack.callback(texts.close)
            yield cls(folder, facts, texts)

    def findings(self) -> Iterator[StoreFinding]:
        """Yield what is wrong."""
        for where, check in (
            (people.FACTS_NAME, self._tables),
            ("facts", self._ids),
            ("details", self._details),
            ("names", self._names),
            ("untimed", self._untimed),
            ("rolled", self._rollup),
            (people.FILE_NAME, self._people_file),
            ("people", self._people),
            ("rests", self._rests),
            ("events", self._events),
            ("erased", self._erased),
        ):
            try:
                yield from check()
            except (duckdb.Error, sqlite3.Error, ValueError, KeyError) as error:
                yield StoreFinding(where, f"cannot be read: {str(error).partition(chr(10))[0]}", people.CURE)

    def _ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._facts.execute(sql, [*values]).fetchall()

    def _count(self, sql: str, *values: object) -> int:
        ((count,),) = self._ask(f"SELECT count(*) FROM {sql}", *values)  # noqa: S608 - our own words
        return int(count)

    def _tables(self) -> Iterator[StoreFinding]:
        """Read every value of every table: DuckDB checks each block by its checksum."""
        for (table,) in self._ask("SELECT table_name FROM duckdb_tables() ORDER BY table_name"):
            try:
                ((rows, _),) = self._ask(f'SELECT count(*), bit_xor(hash(t)) FROM "{table}" t')  # noqa: S608 - a table's name
                self.rows[table] = rows
            except duckdb.Error as error:
                yield StoreFinding(table, f"cannot be read: {str(error).partition(chr(10))[0]}", people.CURE)
        if double := self._count("(SELECT key FROM meta GROUP BY key HAVING count(*) > 1)"):
            yield StoreFinding("meta", f"{double:,} keys stand there more than once", _REPORT)

    def _ids(self) -> Iterator[StoreFinding]:
        for table in ("facts", "details", "untimed", "gone"):
            if double := self._count(f"(SELECT id FROM {table} GROUP BY id HAVING count(*) > 1)"):  # noqa: S608 - our own name
                yield StoreFinding(table, f"{double:,} ids stand there more than once (S1)", _REPORT)
        ((kept_from,),) = self._ask("SELECT max(value) FROM meta WHERE key = 'kept_from'")
        ((old,),) = self._ask("SELECT count(*) FROM facts WHERE time < ?", moment(kept_from or 0))
        if old:
            yield StoreFinding("facts", f"{old:,} events are older than what is kept", _REPORT)
        if back := self._count("gone JOIN facts USING (id)"):
            yield StoreFinding("gone", f"{back:,} events are in facts, too (S5)", _REPORT)

    def _details(self) -> Iterator[StoreFinding]:
        for one, other in (("facts", "details"), ("details", "facts")):
            alone = self._count(f"{one} a ANTI JOIN {other} b ON a.id = b.id AND a.time = b.time")
            if alone:
                yield StoreFinding(one, f"{alone:,} events are not in {other} (S3)", _REPORT)
        if broken := self._count("details WHERE NOT json_valid(rest)"):
            yield StoreFinding("details", f"the rest of {broken:,} events is no JSON (S4)", _REPORT)

    def _names(self) -> Iterator[StoreFinding]:
        for key in ("id", "field, value"):
            if double := self._count(f"(SELECT {key} FROM names GROUP BY {key} HAVING count(*) > 1)"):  # noqa: S608 - our own names
                yield StoreFinding("names", f"{double:,} of ({key}) stand there more than once", _REPORT)
        for field in NAMED:
            ((lost,),) = self._ask(
                f'SELECT count(*) FROM facts WHERE "{field}" IS NOT NULL'  # noqa: S608 - our own names
                f' AND "{field}" NOT IN (SELECT id FROM names WHERE field = ?)',
                field,
            )
            if lost:
                yield StoreFinding(f"facts, {field}", f"{lost:,} numbers have no text in names (S3)", _REPORT)

    def _rollup(self) -> Iterator[StoreFinding]:
        spans = self._ask("SELECT length, start, until FROM rolled")
        for cube in CUBES:
            wrong = sum(
                self._count(f"({differing(cube, RolledSpan(start, until))})")
                for length, start, until in spans
                if length == cube.length
            )
            if wrong:
                yield StoreFinding(cube.table, f"{wrong:,} rows are not what facts say (S7)", _REPORT)

    def _untimed(self) -> Iterator[StoreFinding]:
        if lost := self._count("untimed u ANTI JOIN facts f ON u.id = f.id"):
            yield StoreFinding("untimed", f"{lost:,} ids are of no event (S3)", _REPORT)
        listed = {one for (one,) in self._ask("SELECT id FROM untimed")}
        wrong = 0
        # An event that does not say when it was asked has the time when it was received; hardly any other has.
        for _, events in self._whole("SELECT id, time FROM facts WHERE time = received ORDER BY time"):
            for number, event in events.items():
                says_time = time_ms(ReceivedEvent(number, parse_ms(event["bridge"]["received"]) or 0, event))[
                    1
                ]
                wrong += says_time == (UUID(number) in listed)
        wrong += self._count("untimed JOIN facts USING (id) WHERE time <> received")
        if wrong:
            yield StoreFinding("untimed", f"{wrong:,} events are taken for what they are not (S1)", _REPORT)

    def _people_file(self) -> Iterator[StoreFinding]:
        for (problem,) in self._texts.execute("PRAGMA integrity_check(10)").fetchall():
            if problem != "ok":
                yield StoreFinding(people.FILE_NAME, problem, people.CURE)
        for table in ("people", "rests"):
            ((self.rows[table],),) = self._texts.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 - our own names
        query = "SELECT count(*) FROM rests WHERE NOT json_valid(CAST(body AS TEXT))"
        ((broken,),) = self._texts.execute(query).fetchall()
        if broken:
            yield StoreFinding("rests", f"the rest of {broken:,} events is no JSON (S4)", _REPORT)

    def _people(self) -> Iterator[StoreFinding]:
        pointed = {field: self._pointed(field) for field in PERSONAL}
        # Greater numbers are of a batch that came to nothing: a start collects them (S2).
        last = max((max(numbers, default=0) for numbers in pointed.values()), default=0)
        for field, numbers in pointed.items():
            rows = self._texts.execute("SELECT id FROM people WHERE field = ? AND id <= ?", (field, last))
            there = {number for (number,) in rows}
            if lost := len(numbers - there):
                yield StoreFinding(
                    f"facts, {field}", f"{lost:,} numbers have no text in people (S2)", _REPORT
                )
            if orphans := len(there - numbers):
                yield StoreFinding(f"people, {field}", f"{orphans:,} texts are of no event", _ORPHANS)

    def _pointed(self, field: str) -> set[int]:
        """Return the numbers of people that facts have in a column."""
        rows = self._ask(f'SELECT DISTINCT "{field}" FROM facts WHERE "{field}" IS NOT NULL')  # noqa: S608 - our own names
        return {number for (number,) in rows}

    def _rests(self) -> Iterator[StoreFinding]:
        # Those of the last batch a start looks at itself (S2).
        spans = self._texts.execute("SELECT low, high FROM last").fetchall()
        orphans, time, number = 0, -(2**63), b""
        while rows := self._texts.execute(
            "SELECT time, id FROM rests WHERE (time, id) > (?, ?) ORDER BY time, id LIMIT ?",
            (time, number, _PAGE),
        ).fetchall():
            first, (time, number) = rows[0][0], rows[-1]
            found = self._ask(
                "SELECT epoch_us(time), id FROM facts WHERE id IN (SELECT unnest(?::UUID[])) AND time BETWEEN ? AND ?",
                [UUID(bytes=one) for _, one in rows],
                moment(first),
                moment(time),
            )
            there = {(at, one.bytes) for at, one in found}
            orphans += sum(
                (at, one) not in there and not any(low <= at <= high for low, high in spans)
                for at, one in rows
            )
        if orphans:
            yield StoreFinding("rests", f"{orphans:,} are of no event", _ORPHANS)

    def _events(self) -> Iterator[StoreFinding]:
        """Put events together again, as pages show them: all, or of many some from all times."""
        every = max(1, self.rows.get("facts", 0) // _PUT_TOGETHER)
        lost = 0
        some = f"SELECT id, time FROM facts WHERE hash(id) % {every} = 0 ORDER BY time"  # noqa: S608 - our own number
        for ids, events in self._whole(some):
            lost += len(ids) - len(events)
        if lost:
            yield StoreFinding("events", f"{lost:,} cannot be put together again (S4)", _REPORT)

    def _erased(self) -> Iterator[StoreFinding]:
        erased = Erased(self._texts)
        if count := erased.unfinished():
            yield StoreFinding("erased", f"{count:,} erasures have not come to their end (S8)", _UNFINISHED)
        for field, columns in ERASABLE.items() if erased.any else ():
            for column in columns:
                table, file = (
                    ("people", self._texts.execute) if column in PERSONAL else ("names", self._facts.execute)
                )
                rows = file(f"SELECT id, value FROM {table} WHERE field = ?", [column]).fetchall()  # noqa: S608 - our own names
                for number, value in rows:
                    before = erased.ended_before(field, value)
                    at = moment(before)
                    if before and (
                        left := self._count(
                            f'facts WHERE "{column}" = ? AND (time < ? OR received < ?)', number, at, at
                        )
                    ):
                        yield StoreFinding(
                            f"facts, {column}", f"{left:,} events are there that were erased (S8)", _REPORT
                        )

    def _whole(self, sql: str) -> Iterator[tuple[list[str], dict[str, dict[str, Any]]]]:
        """Yield the ids of these rows (id, time), some at a time, and the events that are there, whole, by id."""
        finder = PeopleFinder(self._texts)
        ids = self._ask(sql)
        for start in range(0, len(ids), _EVENTS_AT_ONCE):
            some = [str(number) for number, _ in ids[start : start + _EVENTS_AT_ONCE]]
            yield some, {one["bridge"]["id"]: one for one in reader_of(finder, some)(self._facts)}

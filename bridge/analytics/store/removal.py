"""What leaves the store: people that are erased, events that are too old or too many, texts that nobody points to.

Every call is on the writer's thread, and short: what is long comes in pieces, so that events get in between.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import duckdb
import msgspec

from bridge.analytics.store.columns import CALLER, NAMED, PERSONAL, PERSONS
from bridge.analytics.store.gone import Gone
from bridge.analytics.store.people import People, truncate
from bridge.analytics.store.rollup import RollupAccount
from bridge.analytics.store.times import micros_of, moment
from bridge.events.users import SUPER_TENANT, user_name

_PAGE: Final = 5_000
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


class Removal:
    """Removes from both databases."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        texts: sqlite3.Connection,
        people: People,
        rollup: RollupAccount,
    ) -> None:
        self._facts = connection
        self._texts = texts
        self._people = people
        self._gone = Gone(connection)
        self._rollup = rollup

    def erase(self, field: str, value: str) -> Iterator[int]:
        """Erase a person, a piece at each step; yields in how many places of events each piece took the person out.

        Gone are: the text itself, for whichever part it stands; everything personal that calls of theirs hold; and the
        text wherever else an event holds it. The events stay, and count, without user, address and user agent. To
        repeat it does no harm, and ends what was begun.
        """
        fields: tuple[str, ...] = (field,)
        if field in PERSONS:
            value, fields = user_name(value), PERSONS
        for one in fields:
            for written in (value, value + SUPER_TENANT):
                rows = self._texts.execute(
                    "SELECT id FROM people WHERE field = ? AND value = ?", (one, written)
                ).fetchall()
                for (number,) in rows:
                    yield from self._take_out(one, number)
                    self._texts.execute("DELETE FROM people WHERE id = ?", (number,))
                    self._people.forget()
        yield from self._blot(value)
        yield from self.collect()
        truncate(self._texts)

    def _take_out(self, field: str, number: int) -> Iterator[int]:
        """Take a person out of their events."""
        personal = ", ".join(f'"{name}" = NULL' for name in (CALLER if field == "user" else (field,)))
        while True:
            rows = self._facts.execute(
                f'SELECT time, id FROM facts WHERE "{field}" = ? LIMIT {_PAGE}',  # noqa: S608 - our own names
                [number],
            ).fetchall()
            if not rows:
                return
            keys = [(micros_of(at), one.bytes) for at, one in rows]
            if field == "user":
                with _transaction(self._texts):
                    self._texts.executemany("DELETE FROM rests WHERE time = ? AND id = ?", keys)
            with self._changing_facts():
                self._facts.execute(
                    f"UPDATE facts SET {personal} WHERE id IN (SELECT unnest(?::UUID[]))"  # noqa: S608 - our own names
                    " AND time BETWEEN ? AND ?",
                    [[one for _, one in rows], min(at for at, _ in rows), max(at for at, _ in rows)],
                )
                self._rollup.change(time for time, _ in keys)
            yield len(rows)

    def _blot(self, value: str) -> Iterator[int]:
        """Take a text out of what is left of events, whoever called."""
        needle = _encode(value)[1:-1]
        word = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
        time, number = -(2**63), b""
        while True:
            rows = self._texts.execute(
                "SELECT time, id, CASE WHEN instr(body, ?) THEN body END FROM rests WHERE (time, id) > (?, ?)"
                " ORDER BY time, id LIMIT ?",
                (needle, time, number, _PAGE),
            ).fetchall()
            if not rows:
                return
            time, number = rows[-1][:2]
            found = [(_decode(body), at, one) for at, one, body in rows if body is not None]
            blotted = [
                (_encode(without), at, one)
                for before, at, one in found
                if (without := _without(before, word)) != before
            ]
            if blotted:
                with _transaction(self._texts):
                    self._texts.executemany("UPDATE rests SET body = ? WHERE time = ? AND id = ?", blotted)
            yield len(blotted)

    def kept_from(self) -> int:
        """Return the time, in microseconds, before which no events are kept any more."""
        ((micros,),) = self._facts.execute("SELECT value FROM meta WHERE key = 'kept_from'").fetchall()
        return int(micros)

    def let_go(self, before: int) -> int:
        """Delete the events from before this time, in microseconds; returns how many there were."""
        facts, at = self._facts, moment(before)
        with self._changing_facts():
            ((count,),) = facts.execute("SELECT count(*) FROM facts WHERE time < ?", [at]).fetchall()
            self._gone.forget()
            if count:
                self._gone.let_go(before, count)
                facts.execute("DELETE FROM facts WHERE time < ?", [at])
                facts.execute("DELETE FROM details WHERE time < ?", [at])
                facts.execute("DELETE FROM untimed WHERE id NOT IN (SELECT id FROM facts)")
                self._rollup.let_go(before)
            facts.execute("UPDATE meta SET value = greatest(value, ?) WHERE key = 'kept_from'", [before])
        self._texts.execute("DELETE FROM rests WHERE time < ?", (before,))
        return int(count)

    @contextlib.contextmanager
    def _changing_facts(self) -> Iterator[None]:
        """All or nothing, in the facts and in the account of what is rolled up."""
        self._facts.begin()
        try:
            yield
            self._facts.commit()
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self._facts.rollback()
            self._rollup.read()
            raise

    def oldest_beyond(self, share: float) -> int | None:
        """Return the time before which this share of the events lies, in microseconds; None: there is none."""
        row = self._facts.execute("SELECT quantile_disc(time, ?) FROM facts", [share]).fetchone()
        return None if row is None or row[0] is None else micros_of(row[0]) + 1

    def used_bytes(self) -> int:
        """Return what both databases hold, without the room in their files that is free again."""
        ((block, used),) = self._facts.execute(
            "SELECT block_size, used_blocks FROM pragma_database_size()"
        ).fetchall()
        ((page,),) = self._texts.execute("PRAGMA page_size").fetchall()
        ((pages,),) = self._texts.execute("PRAGMA page_count").fetchall()
        ((free,),) = self._texts.execute("PRAGMA freelist_count").fetchall()
        return int(block * used + page * (pages - free))

    def settle(self) -> None:
        """Bring what was deleted out of the files' write-ahead logs."""
        self._facts.execute("CHECKPOINT")
        truncate(self._texts)

    def collect(self) -> Iterator[int]:
        """Delete the texts that no event points to any more, some at each step."""
        for field in PERSONAL:
            after = 0
            while numbers := self._texts.execute(
                "SELECT id FROM people WHERE field = ? AND id > ? ORDER BY id LIMIT ?", (field, after, _PAGE)
            ).fetchall():
                after = numbers[-1][0]
                gone = self._facts.execute(
                    "SELECT n FROM (SELECT unnest(?::INTEGER[]) n)"  # noqa: S608 - our own names
                    f' WHERE n NOT IN (SELECT "{field}" FROM facts WHERE "{field}" IS NOT NULL)',
                    [[number for (number,) in numbers]],
                ).fetchall()
                if gone:
                    with _transaction(self._texts):
                        self._texts.executemany("DELETE FROM people WHERE id = ?", gone)
                    self._people.forget()
                yield 0

    def collect_names(self) -> None:
        """Delete the texts of dimensions that no event points to any more."""
        for field in NAMED:
            self._facts.execute(
                "DELETE FROM names WHERE field = ?"  # noqa: S608 - our own names
                f' AND id NOT IN (SELECT "{field}" FROM facts WHERE "{field}" IS NOT NULL)',
                [field],
            )

    def collect_interrupted(self) -> None:
        """Delete what the last batch has left in people.db, if its facts were not committed (S2)."""
        pointers = ", ".join(f'max("{name}")' for name in PERSONAL)
        row = self._facts.execute(f"SELECT {pointers} FROM facts").fetchone() or ()  # noqa: S608 - our own names
        # Numbers only grow: those of a batch that came to nothing are greater than all that facts point to.
        self._texts.execute("DELETE FROM people WHERE id > ?", (max((one or 0 for one in row), default=0),))
        for low, high in self._texts.execute("SELECT low, high FROM last").fetchall():
            self._collect_rests(low, high)
        self._texts.execute("DELETE FROM last")

    def _collect_rests(self, low: int, high: int) -> None:
        """Delete what was left of events between these times that are not there."""
        time, number = low, b""
        while rows := self._texts.execute(
            "SELECT time, id FROM rests WHERE (time, id) > (?, ?) AND time <= ? ORDER BY time, id LIMIT ?",
            (time, number, high, _PAGE),
        ).fetchall():
            first, (time, number) = rows[0][0], rows[-1]
            found = self._facts.execute(
                "SELECT id FROM facts WHERE id IN (SELECT unnest(?::UUID[])) AND time BETWEEN ? AND ?",
                [[UUID(bytes=one) for _, one in rows], moment(first), moment(time)],
            ).fetchall()
            there = {one.bytes for (one,) in found}
            with _transaction(self._texts):
                self._texts.executemany(
                    "DELETE FROM rests WHERE time = ? AND id = ?",
                    [row for row in rows if row[1] not in there],
                )


class _transaction:  # noqa: N801 - it is used as a statement
    """All or nothing, in people.db."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _without(value: Any, word: re.Pattern[str]) -> Any:
    """Return a JSON value with null in place of every text that has this word in it, and without such names."""
    if isinstance(value, str):
        return None if word.search(value) else value
    if isinstance(value, dict):
        return {key: _without(inner, word) for key, inner in value.items() if not word.search(key)}
    return [_without(inner, word) for inner in value] if isinstance(value, list) else value

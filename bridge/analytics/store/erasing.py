"""Erases what the store has of a subject: its calls, or what says that they were its own, and what others say of it.

Every call is on the writer's thread, and short: events get in between. To repeat it does no harm, and ends what was
begun.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from bridge.analytics.store.columns import PERSONAL
from bridge.analytics.store.companies import Companies
from bridge.analytics.store.erased import ANONYMOUS, WHOLE, anonymous_rest
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.gone import Gone
from bridge.analytics.store.people import People, transaction
from bridge.analytics.store.rollup import RollupAccount
from bridge.analytics.store.subjects import ERASABLE, Erasure, SpokenOf, without
from bridge.analytics.store.times import micros_of, moment

_PAGE: Final = 5_000
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode
_Rows = Sequence[tuple[datetime, UUID]]


@dataclass(slots=True)
class ErasedCounts:
    """What became of the events."""

    deleted: int = 0
    kept: int = 0
    """Calls that stay, without saying whose they were."""
    blotted: int = 0
    """Places of other calls that spoke of the subject."""
    total: int = 0
    """How many calls are, or were, to be deleted or kept."""

    def as_dict(self) -> dict[str, int]:
        """Return it as plain data."""
        return asdict(self)


class Erasing:
    """Erases from both databases."""

    def __init__(
        self, facts: FactsConnection, texts: sqlite3.Connection, people: People, rollup: RollupAccount
    ) -> None:
        self._facts = facts
        self._texts = texts
        self._people = people
        self._rollup = rollup
        self._gone = Gone(facts)
        self._companies = Companies(texts)
        self._tally = ""

    def steps(self, erasure: Erasure, counts: ErasedCounts, tally: str) -> Iterator[None]:
        """Erase, a piece at each step; what it did is in `counts`.

        The store keeps the counts under the name `tally`, too, so that a restart does not lose any.
        """
        self._companies.erase(erasure.field, erasure.spellings)
        self._begin(erasure, counts, f"erasing {tally} {erasure.before_ms}")
        for column in ERASABLE[erasure.field]:
            for number in self._numbers(column, erasure.spellings):
                while rows := self._calls(column, number, erasure.before_ms):
                    if column != erasure.field:
                        self._set_null((column,), rows)
                        counts.blotted += len(rows)
                    elif erasure.keeps_counts:
                        self._make_anonymous(erasure.field, rows)
                        counts.kept += len(rows)
                    else:
                        self._delete(rows)
                        counts.deleted += len(rows)
                    yield
        if (spoken := erasure.spoken_of) is not None:
            yield from self._blot_texts(erasure, spoken, counts)
            yield from self._blot_rests(erasure, spoken, counts)
            yield from self._blot_details(erasure, spoken, counts)

    def texts(self, column: str) -> list[str]:
        """Return all texts of a column."""
        table, file = ("people", self._texts) if column in PERSONAL else ("names", self._facts)
        asked = f"SELECT value FROM {table} WHERE field = ?"  # noqa: S608 - our own names
        return [value for (value,) in file.execute(asked, [column]).fetchall()]

    def _begin(self, erasure: Erasure, counts: ErasedCounts, tally: str) -> None:
        self._tally = tally
        rows = self._facts.execute(
            "SELECT key, value FROM meta WHERE starts_with(key, 'erasing ')"
        ).fetchall()
        kept = dict(rows)
        counts.deleted = max(counts.deleted, kept.get(f"{tally} deleted", 0))
        counts.kept = max(counts.kept, kept.get(f"{tally} kept", 0))
        with self._rollup.changing():
            self._facts.execute("DELETE FROM meta WHERE starts_with(key, 'erasing ')")
            for what, count in (("deleted", counts.deleted), ("kept", counts.kept)):
                self._facts.execute("INSERT INTO meta VALUES (?, ?)", [f"{tally} {what}", count])
        at = moment(erasure.before_ms * 1000)
        left = 0
        for number in self._numbers(erasure.field, erasure.spellings):
            ((count,),) = self._facts.execute(
                f'SELECT count(*) FROM facts WHERE "{erasure.field}" = ? AND (time < ? OR received < ?)',  # noqa: S608 - our own names
                [number, at, at],
            ).fetchall()
            left += count
        counts.total = counts.deleted + counts.kept + left

    def _count(self, what: str, count: int) -> None:
        """Keep how many there were, in the transaction that is open."""
        self._facts.execute(
            "UPDATE meta SET value = value + ? WHERE key = ?", [count, f"{self._tally} {what}"]
        )

    def _numbers(self, column: str, spellings: Sequence[str]) -> list[int]:
        marks = ", ".join("?" * len(spellings))
        asked = f"SELECT id FROM {{}} WHERE field = ? AND value IN ({marks})"  # noqa: S608 - question marks alone
        table, file = ("people", self._texts) if column in PERSONAL else ("names", self._facts)
        return [number for (number,) in file.execute(asked.format(table), [column, *spellings]).fetchall()]

    def _calls(self, column: str, number: int, before_ms: int) -> _Rows:
        """Return some of the calls of a number from before a time: when each was, and its id."""
        at = moment(before_ms * 1000)
        rows: _Rows = self._facts.execute(
            f'SELECT time, id FROM facts WHERE "{column}" = ? AND (time < ? OR received < ?) LIMIT {_PAGE}',  # noqa: S608 - our own names
            [number, at, at],
        ).fetchall()
        return rows

    def _delete(self, rows: _Rows) -> None:
        self._delete_rests(rows)
        ids, within = [one for _, one in rows], _within(rows)
        with self._rollup.changing():
            self._gone.erase(ids, *within)
            for table in ("facts", "details"):
                self._facts.execute(
                    f"DELETE FROM {table} WHERE id IN (SELECT unnest(?::UUID[])) AND time BETWEEN ? AND ?",  # noqa: S608 - our own names
                    [ids, *within],
                )
            self._facts.execute("DELETE FROM untimed WHERE id IN (SELECT unnest(?::UUID[]))", [ids])
            self._count("deleted", len(ids))
            self._rollup.change(micros_of(at) for at, _ in rows)

    def _make_anonymous(self, field: str, rows: _Rows) -> None:
        if field in WHOLE:
            self._delete_rests(rows)
            self._change_details(
                (at, one, None, anonymous_rest(field, rest)) for at, one, _, rest in self._details(rows)
            )
        self._set_null(ANONYMOUS[field], rows, "kept")

    def _set_null(self, columns: Sequence[str], rows: _Rows, what: str = "") -> None:
        changed = ", ".join(f'"{name}" = NULL' for name in columns)
        with self._rollup.changing():
            self._facts.execute(
                f"UPDATE facts SET {changed} WHERE id IN (SELECT unnest(?::UUID[])) AND time BETWEEN ? AND ?",  # noqa: S608 - our own names
                [[one for _, one in rows], *_within(rows)],
            )
            if what:
                self._count(what, len(rows))
            self._rollup.change(micros_of(at) for at, _ in rows)

    def _delete_rests(self, rows: _Rows) -> None:
        with transaction(self._texts):
            self._texts.executemany(
                "DELETE FROM rests WHERE time = ? AND id = ?",
                [(micros_of(at), one.bytes) for at, one in rows],
            )

    def _details(self, rows: _Rows) -> list[tuple[datetime, UUID, str | None, str | None]]:
        """Return of these calls: when each was, its id, correlation id and rest."""
        found: list[tuple[datetime, UUID, str | None, str | None]] = self._facts.execute(
            "SELECT time, id, correlation_id, rest FROM details"
            " WHERE id IN (SELECT unnest(?::UUID[])) AND time BETWEEN ? AND ?",
            [[one for _, one in rows], *_within(rows)],
        ).fetchall()
        return found

    def _change_details(self, changed: Iterator[tuple[datetime, UUID, str | None, bytes | None]]) -> None:
        rows = [*changed]
        if not rows:
            return
        times, ids, numbers, rests = zip(*rows, strict=True)
        self._facts.execute(
            "UPDATE details SET correlation_id = n.correlation_id, rest = n.rest FROM (SELECT unnest(?::UUID[]) AS id,"
            " unnest(?::VARCHAR[]) AS correlation_id, unnest(?::VARCHAR[]) AS rest) n"
            " WHERE details.id = n.id AND details.time BETWEEN ? AND ?",
            [
                [*ids],
                [*numbers],
                [None if rest is None else rest.decode() for rest in rests],
                min(times),
                max(times),
            ],
        )

    def _blot_texts(self, erasure: Erasure, spoken: SpokenOf, counts: ErasedCounts) -> Iterator[None]:
        """Take the subject out of user agents and paths of others."""
        for column in ("user_agent", "path"):
            for number in [*self._speaking(column, spoken)]:
                while rows := self._calls(column, number, erasure.before_ms):
                    self._set_null((column,), rows)
                    counts.blotted += len(rows)
                    yield

    def _speaking(self, column: str, spoken: SpokenOf) -> Iterator[int]:
        table, file = ("people", self._texts) if column in PERSONAL else ("names", self._facts)
        # SQLite and DuckDB call the same function by two names.
        has = "instr(value, ?) > 0"
        rows = file.execute(
            f"SELECT id, value FROM {table} WHERE field = ? AND {has}",  # noqa: S608 - our own names
            [column, spoken.core],
        ).fetchall()
        for number, value in rows:
            if spoken.is_in(value):
                yield number

    def _blot_rests(self, erasure: Erasure, spoken: SpokenOf, counts: ErasedCounts) -> Iterator[None]:
        """Take the subject out of what is left of events, whoever called."""
        needle = _encode(spoken.core)[1:-1]
        time, number, before = -(2**63), b"", erasure.before_ms * 1000
        while rows := self._texts.execute(
            "SELECT time, id, CASE WHEN instr(body, ?) THEN body END FROM rests WHERE (time, id) > (?, ?) AND time < ?"
            " ORDER BY time, id LIMIT ?",
            (needle, time, number, before, _PAGE),
        ).fetchall():
            time, number = rows[-1][:2]
            found = [(_decode(body), at, one) for at, one, body in rows if body is not None]
            blotted = [
                (_encode(left), at, one)
                for whole, at, one in found
                if (left := without(whole, spoken.is_in)) != whole
            ]
            if blotted:
                with transaction(self._texts):
                    self._texts.executemany("UPDATE rests SET body = ? WHERE time = ? AND id = ?", blotted)
            counts.blotted += len(blotted)
            yield

    def _blot_details(self, erasure: Erasure, spoken: SpokenOf, counts: ErasedCounts) -> Iterator[None]:
        """Take the subject out of correlation ids, which a client may choose, and of what is called harmless."""
        rows: _Rows = self._facts.execute(
            "SELECT time, id FROM details WHERE time < ? AND (contains(correlation_id, ?) OR contains(rest, ?))",
            [moment(erasure.before_ms * 1000), spoken.core, _encode(spoken.core)[1:-1].decode()],
        ).fetchall()
        yield
        for start in range(0, len(rows), _PAGE):
            changed = []
            for at, one, number, rest in self._details(rows[start : start + _PAGE]):
                number_left = None if number is None or spoken.is_in(number) else number
                whole = None if rest is None else _decode(rest)
                left = without(whole, spoken.is_in)
                if number_left != number or left != whole:
                    changed.append((at, one, number_left, _encode(left) if left else None))
            self._change_details(iter(changed))
            counts.blotted += len(changed)
            yield


def _within(rows: _Rows) -> tuple[datetime, datetime]:
    """Return the first and the last time of these."""
    times = [at for at, _ in rows]
    return min(times), max(times)

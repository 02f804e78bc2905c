"""What leaves the store by itself: events that are too old or too many, texts that nobody points to.

Every call is on the writer's thread, and short: what is long comes in pieces, so that events get in between.
"""

import sqlite3
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from bridge.analytics.store.columns import NAMED, PERSONAL
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.gone import Gone
from bridge.analytics.store.people import People, transaction, truncate
from bridge.analytics.store.rollup import RollupAccount
from bridge.analytics.store.times import micros_of, moment

_PAGE: Final = 5_000


class Removal:
    """Removes from both databases."""

    def __init__(
        self,
        connection: FactsConnection,
        texts: sqlite3.Connection,
        people: People,
        rollup: RollupAccount,
    ) -> None:
        self._facts = connection
        self._texts = texts
        self._people = people
        self._gone = Gone(connection)
        self._rollup = rollup

    def kept_from(self) -> int:
        """Return the time, in microseconds, before which no events are kept any more."""
        ((micros,),) = self._facts.execute("SELECT value FROM meta WHERE key = 'kept_from'").fetchall()
        return int(micros)

    def let_go(self, before: int) -> int:
        """Delete the events from before this time, in microseconds; returns how many there were."""
        facts, at = self._facts, moment(before)
        with self._rollup.changing():
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

    def forget_gone(self) -> None:
        """Forget the ids of what nobody will send again."""
        self._gone.forget()

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

    def empty_log(self) -> None:
        """Bring what was deleted out of the write-ahead log of people.db."""
        truncate(self._texts)

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
                    with transaction(self._texts):
                        self._texts.executemany("DELETE FROM people WHERE id = ?", gone)
                    self._people.forget()
                yield 0

    def collect_names(self) -> Iterator[int]:
        """Delete the texts of dimensions that no event points to any more; yields how many these were, by field."""
        for field in NAMED:
            ((count,),) = self._facts.execute(
                "DELETE FROM names WHERE field = ?"  # noqa: S608 - our own names
                f' AND id NOT IN (SELECT "{field}" FROM facts WHERE "{field}" IS NOT NULL)',
                [field],
            ).fetchall()
            yield count

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
            with transaction(self._texts):
                self._texts.executemany(
                    "DELETE FROM rests WHERE time = ? AND id = ?",
                    [row for row in rows if row[1] not in there],
                )

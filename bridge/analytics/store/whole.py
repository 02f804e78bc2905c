"""Puts events of the store together again."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import duckdb

from bridge.analytics.store.columns import FACTS, MARK, NAMED, PERSONAL
from bridge.analytics.store.finding import PeopleFinder
from bridge.analytics.store.names import texts
from bridge.analytics.store.times import micros_of
from bridge.analytics.store.together import put_together
from bridge.events.times import format_ms

_COLUMNS: Final = {name: f'f."{name}"' for name in FACTS} | {"correlation_id": "d.correlation_id"}
_ALWAYS: Final = frozenset({"id", "time", "received"})
_NUMBERED: Final = (*NAMED, *PERSONAL)


def reader_of(
    people: PeopleFinder, ids: Sequence[str], columns: frozenset[str] | None = None
) -> Callable[[duckdb.DuckDBPyConnection], list[dict[str, Any]]]:
    """Return the work of reading these events on a cursor; those that are not there are left out.

    `columns`: what alone is read, beside id and times; then what is in no column is not there either.
    """
    wanted_columns = [_COLUMNS[name] if _reads(columns, name) else "NULL" for name in _COLUMNS]
    rest = "d.rest" if columns is None else "NULL"
    # What a mark says is said of a column.
    marks = -1 if _reads(columns, "os") else ~MARK["platform=Other"]

    def read(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
        wanted = "(SELECT unnest(?::UUID[]))"
        spans = cursor.execute(
            f"SELECT min(time), max(time) FROM facts WHERE id IN {wanted}",  # noqa: S608 - a question mark
            [[*ids]],
        ).fetchone()
        if spans is None or spans[0] is None:
            return []
        rows = cursor.execute(
            f"SELECT {', '.join(wanted_columns)}, d.shape, {rest} FROM facts f JOIN details d USING (id)"  # noqa: S608 - our own names
            f" WHERE f.id IN {wanted} AND f.time BETWEEN ? AND ? AND d.time BETWEEN ? AND ? AND f.time = d.time",
            [[*ids], *spans, *spans],
        ).fetchall()
        found = [dict(zip((*_COLUMNS, "shape", "rest"), row, strict=True)) for row in rows]
        names = texts(cursor, [*({facts[name] for facts in found for name in NAMED} - {None})])
        persons = people.texts([*({facts[name] for facts in found for name in PERSONAL} - {None})])
        keys = [(micros_of(facts["time"]), facts["id"].bytes) for facts in found]
        personal = people.rests(keys) if columns is None else {}
        events = {}
        for facts in found:
            for name in NAMED:
                facts[name] = names.get(facts[name])
            for name in PERSONAL:
                facts[name] = persons.get(facts[name])
            parts = facts["rest"], personal.get(facts["id"].bytes)
            facts["id"] = str(facts["id"])
            for name in ("time", "received"):
                facts[name] = format_ms(micros_of(facts[name]) // 1000)
            events[facts["id"]] = put_together(facts, facts["shape"] & marks, *parts)
        return [events[one] for one in ids if one in events]

    return read


def _reads(columns: frozenset[str] | None, name: str) -> bool:
    return columns is None or name in columns or name in _ALWAYS

"""Puts events of the store together again."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import duckdb
import msgspec

from bridge.analytics.store.columns import FACTS, NAMED, PERSONAL
from bridge.analytics.store.finding import PeopleFinder
from bridge.analytics.store.names import texts
from bridge.analytics.store.times import micros_of
from bridge.analytics.store.together import put_together
from bridge.events.times import format_ms

_COLUMNS: Final = ", ".join(f'f."{name}"' for name in FACTS)
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_NUMBERED: Final = (*NAMED, *PERSONAL)


def reader_of(
    people: PeopleFinder, ids: Sequence[str]
) -> Callable[[duckdb.DuckDBPyConnection], list[dict[str, Any]]]:
    """Return the work of reading these events on a cursor; those that are not there are left out."""

    def read(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
        wanted = "(SELECT unnest(?::UUID[]))"
        spans = cursor.execute(
            f"SELECT min(time), max(time) FROM facts WHERE id IN {wanted}",  # noqa: S608 - a question mark
            [[*ids]],
        ).fetchone()
        if spans is None or spans[0] is None:
            return []
        rows = cursor.execute(
            f"SELECT {_COLUMNS}, d.correlation_id, d.rest FROM facts f JOIN details d USING (id)"  # noqa: S608 - our own names
            f" WHERE f.id IN {wanted} AND f.time BETWEEN ? AND ? AND d.time BETWEEN ? AND ? AND f.time = d.time",
            [[*ids], *spans, *spans],
        ).fetchall()
        found = [
            (dict(zip((*FACTS, "correlation_id"), row, strict=False)), row[0], _decode(row[-1]))
            for row in rows
        ]
        numbers = {facts[name] for facts, _, _ in found for name in NAMED} | {
            rest["="] for _, _, rest in found
        }
        names = texts(cursor, [*(numbers - {None})])
        persons = people.texts([*({facts[name] for facts, _, _ in found for name in PERSONAL} - {None})])
        personal = people.rests([(micros_of(facts["time"]), number.bytes) for facts, number, _ in found])
        events = {}
        for facts, number, rest in found:
            for name in NAMED:
                facts[name] = names.get(facts[name])
            for name in PERSONAL:
                facts[name] = persons.get(facts[name])
            facts["id"] = str(number)
            for name in ("time", "received"):
                facts[name] = format_ms(micros_of(facts[name]) // 1000)
            shape = tuple(filter(None, names[rest.pop("=")].split(",")))
            said = personal.get(number.bytes)
            events[facts["id"]] = put_together(facts, shape, rest, {} if said is None else _decode(said))
        return [events[one] for one in ids if one in events]

    return read

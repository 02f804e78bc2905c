"""Calls as API Analytics' data API gives them: rows of ten members, the oldest first, by pages of a fixed size.

    hostname, ip_address, path, user_agent, method (a code), status, response_time (ms), location, user_id, created_at

A text that is not known is empty there (server/api/lib/routes/routes.go, getNullableString); a number that is not
known, which its rows always have, is null. The path has no query: that stays with the event.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.analytics.questions.fields import FIELDS, FieldKind
from bridge.analytics.questions.filters import CallFilter, FoundIds
from bridge.analytics.questions.found import Passing, calls_of
from bridge.analytics.questions.lookup import found_ids
from bridge.analytics.questions.people import texts_of
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.store import Store
from bridge.events.times import format_ms
from bridge.events.uri import UNKNOWN, joined
from bridge.formats.api_analytics import METHODS

PAGE_ROWS: Final = 50_000
"""Rows of one page (routes.go, pageSize)."""
MEMBERS: Final = (
    "hostname",
    "ip_address",
    "path",
    "user_agent",
    "method",
    "status",
    "response_time",
    "location",
    "user_id",
    "created_at",
)
COMPACT: Final = (
    "ip_address",
    "path",
    "hostname",
    "user_agent",
    "method",
    "response_time",
    "status",
    "location",
    "user_id",
    "created_at",
)
"""The members in the order of compact rows."""

_SOME: Final = 5000
# The step before holds so many of the next that they are counted quickly: hours of years, minutes of an hour.
_STEPS: Final = (3_600_000_000, 60_000_000)
_COLUMNS: Final = (
    "hostname",
    "ip",
    "path",
    "context",
    "resource",
    "user_agent",
    "method",
    "status",
    "latency",
    "country",
    "user",
)
_NAMES: Final = frozenset(name for name in _COLUMNS if FIELDS[name].kind is FieldKind.NAME)
_PEOPLE: Final = frozenset(name for name in _COLUMNS if FIELDS[name].kind is FieldKind.PERSON)
_CODES: Final = {name: code for code, name in enumerate(METHODS)}


@dataclass(frozen=True, slots=True)
class WantedRows:
    """Which calls are wanted: one page of those of a period that pass the filters, in a sandbox or without one."""

    period: Period
    filters: tuple[CallFilter, ...]
    page: int = 1
    sandbox: Sandbox | None = None


class CallRows:
    """Reads the calls of one store as rows."""

    def __init__(self, store: Store, page_rows: int = PAGE_ROWS, some: int = _SOME) -> None:
        """`some`: how many rows are in memory at a time (P8)."""
        self._store = store
        self._page_rows = page_rows
        self._some = some

    async def some(self, wanted: WantedRows, seconds: float) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Yield the rows of the page, some at a time. Raises Unanswerable, QuestionTooLong."""
        if wanted.sandbox is not None:
            wanted.sandbox.require((one.field.name for one in wanted.filters), "filters")
        ids = await found_ids(wanted.period, wanted.filters, wanted.sandbox, self._store, seconds)
        period, skipped = await self._narrowed(wanted, ids, seconds)
        left, after = self._page_rows, None
        while left > 0:
            passing = calls_of(period, wanted.filters, ids, wanted.sandbox)
            rows = await self._rows(passing, wanted.sandbox, (min(left, self._some), skipped, after), seconds)
            if not rows:
                return
            yield await self._shown(rows, wanted.sandbox, seconds)
            left, skipped = left - len(rows), 0
            last = rows[-1]
            after = (last["time"], str(last["id"]))
            period = replace(period, start=last["time"])

    async def _narrowed(self, wanted: WantedRows, ids: FoundIds, seconds: float) -> tuple[Period, int]:
        """Return a period that begins shortly before the page, and how many of its calls are before the page.

        A store of years need not be sorted to find the place.
        """
        period, skipped = wanted.period, (wanted.page - 1) * self._page_rows
        for step in _STEPS if skipped else ():
            passing = calls_of(period, wanted.filters, ids, wanted.sandbox)
            counts = await self._store.ask(
                f"SELECT epoch_us(f.time) // {step} AS t, count(*) FROM facts f{passing.beside}"
                f" WHERE {passing.where.sql} GROUP BY t ORDER BY t",
                passing.where.values,
                seconds,
            )
            for at, count in counts:
                if skipped < count:
                    period = replace(period, start=max(period.start, at * step))
                    break
                skipped -= count
            else:
                return replace(period, start=period.end), 0
        return period, skipped

    async def _rows(
        self,
        passing: Passing,
        sandbox: Sandbox | None,
        place: tuple[int, int, tuple[int, str] | None],
        seconds: float,
    ) -> list[dict[str, Any]]:
        limit, offset, after = place
        columns = {"id": "f.id", "time": "epoch_us(f.time)"}
        columns |= {name: FIELDS[name].sql for name in _COLUMNS if sandbox is None or sandbox.shows(name)}
        sql, values = passing.where.sql, [*passing.where.values]
        if after is not None:
            sql += f" AND (f.time > make_timestamp({after[0]}) OR f.id > ?::UUID)"
            values.append(after[1])
        rows = await self._store.ask(
            # Their places first: all columns are read of these alone, not of all that is looked through.
            f"SELECT {', '.join(columns.values())} FROM facts f WHERE f.rowid IN"
            f" (SELECT f.rowid FROM facts f{passing.beside} WHERE {sql}"
            f" ORDER BY f.time, f.id LIMIT {limit} OFFSET {offset}) ORDER BY f.time, f.id",
            values,
            seconds,
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def _shown(
        self, rows: Sequence[dict[str, Any]], sandbox: Sandbox | None, seconds: float
    ) -> list[dict[str, Any]]:
        shown = {name for name in _COLUMNS if sandbox is None or sandbox.shows(name)}
        names = dict(
            await self._store.ask(
                "SELECT id, value FROM names WHERE id IN (SELECT unnest(?::INTEGER[]))",
                ([*{row[name] for row in rows for name in _NAMES & shown} - {None}],),
                seconds,
            )
        )
        people = await texts_of(
            [*({row[name] for row in rows for name in _PEOPLE & shown} - {None})], self._store
        )
        for row in rows:
            row |= {name: names.get(row[name]) for name in _NAMES & shown}
            row |= {name: people.get(row[name]) for name in _PEOPLE & shown}
        return [_row(one) for one in rows]


def _row(call: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: call.get(name) or "" for name in ("hostname", "ip", "user_agent", "country", "user")}
    return {
        "hostname": texts["hostname"],
        "ip_address": texts["ip"],
        "path": _path(call),
        "user_agent": texts["user_agent"],
        "method": _CODES.get(call.get("method") or ""),
        "status": call.get("status"),
        "response_time": call.get("latency"),
        "location": texts["country"],
        "user_id": texts["user"],
        "created_at": format_ms(call["time"] // 1000),
    }


def _path(call: Mapping[str, Any]) -> str:
    """Return the path of the call, else what a gateway says of it: the API's context and the resource's template."""
    if path := call.get("path"):
        return str(path)
    address = joined(None, call.get("context"), call.get("resource"))
    return "" if address == UNKNOWN else address

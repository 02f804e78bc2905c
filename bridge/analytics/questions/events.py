"""Lists single events, newest first, with the filters of questions; a cursor says where a page ended."""

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from bridge.analytics.questions.fields import FIELDS, FieldKind
from bridge.analytics.questions.filters import CallFilter, Condition, FoundIds
from bridge.analytics.questions.found import calls_of, inside
from bridge.analytics.questions.lookup import found_ids
from bridge.analytics.questions.people import texts_of
from bridge.analytics.questions.periods import Period, shown
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.questions.texts import check_patterns
from bridge.analytics.store import Store
from bridge.errors import Unanswerable

# What stands in a column of its own; the rest of the fields are worked out of these.
_WORKED_OUT: Final = {"status_class", "kind", "hour", "weekday"}
_BESIDE: Final = "correlation_id"
_COLUMNS: Final = tuple(name for name in FIELDS if name not in _WORKED_OUT)
_NAMES: Final = frozenset(name for name in _COLUMNS if FIELDS[name].kind is FieldKind.NAME)
_PEOPLE: Final = frozenset(name for name in _COLUMNS if FIELDS[name].kind is FieldKind.PERSON)
_ANY_TIME: Final = (0, 2**62)
_ALWAYS: Final = {"id": "f.id", "time": "epoch_us(f.time)", "received": "epoch_us(f.received)"}


@dataclass(frozen=True, slots=True)
class EventListing:
    """Which events are wanted: those of a period that pass the filters, before the cursor."""

    period: Period
    filters: tuple[CallFilter, ...]
    limit: int
    before: tuple[int, str] | None = None
    """Time and id of the last event of the page before."""
    sandbox: Sandbox | None = None

    def within(self, sandbox: Sandbox | None) -> Self:
        """Return the listing as it is asked for in a sandbox; raises Unanswerable for what that does not show."""
        if sandbox is None:
            return self
        sandbox.require((one.field.name for one in self.filters), "filters")
        return replace(self, sandbox=sandbox)


def read_cursor(text: str) -> tuple[int, str]:
    """Return the place in the list that a cursor stands for; raises Unanswerable."""
    try:
        time, _, number = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
        at = int(time)
        if abs(at) > _ANY_TIME[1]:
            raise ValueError
        return at, str(UUID(number))
    except (ValueError, binascii.Error):
        raise Unanswerable(
            "cursor: this is none that an answer has given",
            "send `next` of the page before as it is",
            field="cursor",
        ) from None


def write_cursor(time: int, number: str) -> str:
    """Return a place in the list as text."""
    return base64.urlsafe_b64encode(f"{time} {number}".encode()).decode()


def flat(values: Mapping[str, Any], zone: ZoneInfo, sandbox: Sandbox | None = None) -> dict[str, Any]:
    """Return an event as lists show it: names of fields to values, without those that it does not have."""
    shows = _shown_by(sandbox)
    times = {"time": shown(values["time"], zone)}
    if values.get("received") is not None:
        times["received"] = shown(values["received"], zone)
    event = {"id": values["id"], **times}
    if shows("kind"):
        event["kind"] = kind_of(values)
    if shows("status_class") and (status := status_class_of(values)) is not None:
        event["status_class"] = status
    return event | {name: values[name] for name in _COLUMNS if shows(name) and values.get(name) is not None}


def _shown_by(sandbox: Sandbox | None) -> Callable[[str], bool]:
    return sandbox.shows if sandbox is not None else lambda _: True


def _columns_for(sandbox: Sandbox | None) -> dict[str, str]:
    """Return what is read of the facts of an event that is shown, by name, as SQL."""
    shows = _shown_by(sandbox)
    columns = _ALWAYS | ({"faulty": "f.faulty"} if shows("kind") else {})
    if shows("status_class"):
        columns["status"] = FIELDS["status"].sql
    # DuckDB reads these fifty columns of the few rows that are shown only, whatever the filters look at.
    return columns | {name: FIELDS[name].sql for name in _COLUMNS if name != _BESIDE and shows(name)}


def kind_of(values: Mapping[str, Any]) -> str:
    """Return whether it is the gateway's own error."""
    return "fault" if values.get("faulty") else "response"


def status_class_of(values: Mapping[str, Any]) -> str | None:
    """Return 1xx to 5xx, None where there is no such status."""
    status = values.get("status")
    return f"{status // 100}xx" if status is not None and 100 <= status < 600 else None


_TYPES: Final = {FieldKind.NUMBER: "BIGINT", FieldKind.TRUTH: "BOOLEAN"}


def columns_of_events(sandbox: Sandbox | None = None) -> dict[str, str]:
    """Return the columns of a list of events as a file, with their types."""
    shows = _shown_by(sandbox)
    first = {
        "id": "VARCHAR",
        "time": "TIMESTAMPTZ",
        "received": "TIMESTAMPTZ",
    }
    first |= {name: "VARCHAR" for name in ("kind", "status_class") if shows(name)}
    return first | {name: _TYPES.get(FIELDS[name].kind, "VARCHAR") for name in _COLUMNS if shows(name)}


def _select(sandbox: Sandbox | None) -> str:
    return ", ".join(_columns_for(sandbox).values())


class Events:
    """Lists the events of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, listing: EventListing, seconds: float) -> tuple[list[dict[str, Any]], str | None]:
        """Return the newest events that are wanted, and the cursor of the next page, None after the last.

        Raises Unanswerable, QuestionTooLong.
        """
        return await self._page(listing, await self._found(listing, seconds), seconds)

    async def pages(
        self, listing: EventListing, page: int, seconds: float
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all events that are wanted, up to the limit, some at a time."""
        ids = await self._found(listing, seconds)
        left, before = listing.limit, listing.before
        while left > 0:
            events, cursor = await self._page(
                replace(listing, limit=min(page, left), before=before), ids, seconds
            )
            left -= len(events)
            yield events
            if cursor is None:
                return
            before = read_cursor(cursor)

    async def one(
        self, number: str, zone: ZoneInfo, seconds: float, sandbox: Sandbox | None = None
    ) -> dict[str, Any] | None:
        """Return one event as lists show it, None if there is none that may be seen."""
        where = Condition("f.id = ?::UUID", (number,))
        if sandbox is not None:
            listing = EventListing(Period(*_ANY_TIME, zone), (), 1, sandbox=sandbox)
            held = calls_of(listing.period, (), await self._found(listing, seconds), sandbox)
            where = inside(held.where, where)
        rows = await self._store.ask(
            # Its place first, as of a page.
            f"SELECT {_select(sandbox)} FROM facts f"
            f" WHERE f.rowid IN (SELECT f.rowid FROM facts f WHERE {where.sql})",
            where.values,
            seconds,
        )
        events = await self._shown(rows, zone, sandbox, seconds)
        return events[0] if events else None

    async def _found(self, listing: EventListing, seconds: float) -> FoundIds:
        await check_patterns(listing.filters, self._store, seconds)
        return await found_ids(listing.period, listing.filters, listing.sandbox, self._store, seconds)

    async def _page(
        self, listing: EventListing, ids: FoundIds, seconds: float
    ) -> tuple[list[dict[str, Any]], str | None]:
        period, values = listing.period, []
        if listing.before is not None:
            # The bound of the period is what keeps later parts of the file from being read.
            period = replace(period, end=max(period.start, min(period.end, listing.before[0] + 1)))
        passing = calls_of(period, listing.filters, ids, listing.sandbox)
        sql = passing.where.sql
        if listing.before is not None:
            sql += f" AND (f.time < make_timestamp({listing.before[0]}) OR f.id < ?::UUID)"
            values = [listing.before[1]]
        rows = await self._store.ask(
            # Their places first: all columns are read of these alone, not of all that is looked through.
            f"SELECT {_select(listing.sandbox)} FROM facts f WHERE f.rowid IN"
            f" (SELECT f.rowid FROM facts f{passing.beside} WHERE {sql}"
            f" ORDER BY f.time DESC, f.id DESC LIMIT {listing.limit + 1})"
            " ORDER BY f.time DESC, f.id DESC",
            (*passing.where.values, *values),
            seconds,
        )
        more = len(rows) > listing.limit
        rows = rows[: listing.limit]
        last = write_cursor(rows[-1][1], str(rows[-1][0])) if more else None
        return await self._shown(rows, listing.period.zone, listing.sandbox, seconds), last

    async def _shown(
        self, rows: Sequence[tuple[Any, ...]], zone: ZoneInfo, sandbox: Sandbox | None, seconds: float
    ) -> list[dict[str, Any]]:
        """Return rows of facts as lists show them."""
        if not rows:
            return []
        columns = _columns_for(sandbox)
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        named, people = [*(_NAMES & columns.keys())], [*(_PEOPLE & columns.keys())]
        beside = await self._correlation_ids(found, seconds) if _shown_by(sandbox)(_BESIDE) else {}
        names = await self._texts({values[name] for values in found for name in named} - {None}, seconds)
        persons = await texts_of(
            [*({values[name] for values in found for name in people} - {None})], self._store
        )
        events = []
        for values in found:
            values |= {name: names.get(values[name]) for name in named}
            values |= {name: persons.get(values[name]) for name in people}
            values |= {"id": str(values["id"]), "correlation_id": beside.get(values["id"])}
            events.append(flat(values, zone, sandbox))
        return events

    async def _correlation_ids(
        self, found: Sequence[Mapping[str, Any]], seconds: float
    ) -> dict[UUID, str | None]:
        times = ", ".join(f"make_timestamp({values['time']})" for values in found)
        return dict(
            await self._store.ask(
                f"SELECT id, correlation_id FROM details WHERE time IN ({times}) AND id IN (SELECT unnest(?::UUID[]))",
                ([values["id"] for values in found],),
                seconds,
            )
        )

    async def _texts(self, ids: set[int], seconds: float) -> dict[int, str]:
        return dict(
            await self._store.ask(
                "SELECT id, value FROM names WHERE id IN (SELECT unnest(?::INTEGER[]))", ([*ids],), seconds
            )
        )

"""API Analytics' own API: its data API, and a key for its clients. Its parameters, rows and errors are as there.

Where its server is silent this one speaks: a value that is none is refused, with the cure, instead of being left out
(server/api/lib/routes/routes.go, getQueriesFromRequest).
"""

import ipaddress
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from bridge.analytics.questions.call_rows import COMPACT, MEMBERS, PAGE_ROWS, CallRows, WantedRows
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import whole_number
from bridge.analytics.server.describing import ApiSchema, gives, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.formats.api_analytics import METHODS
from bridge.web.answers import json_response

PARAMETERS: Final = (
    *("page", "date", "dateFrom", "dateTo", "hostname", "ipAddress", "ip"),
    *("status", "location", "user_id", "userID", "compact", "strict"),
)

_MEMBERS: Final = {
    **{name: text("Empty where it is not known.") for name in MEMBERS},
    "method": {
        "type": ["integer", "null"],
        "description": ", ".join(f"{code} {name}" for code, name in enumerate(METHODS)),
    },
    "status": {"type": ["integer", "null"]},
    "response_time": {"type": ["integer", "null"], "description": "In milliseconds."},
    "created_at": text("When the call was asked.", format="date-time"),
}
# Both are documented or read there, one of them each: its documentation and its code disagree.
_SAME: Final = {"ipAddress": "ip", "user_id": "userID"}
_FIRST: Final = datetime(1971, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_MOST_PAGES: Final = 10_000_000
_UTC: Final = ZoneInfo("UTC")
_encode: Final = msgspec.json.Encoder().encode


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of API Analytics' own API."""
    data = _ClientData(served)
    day = {"type": "string", "format": "date"}
    known: dict[str, ApiSchema] = {
        "page": {
            "type": "integer",
            "minimum": 1,
            "default": 1,
            "description": f"Of {PAGE_ROWS:,} rows each.",
        },
        "date": day | {"description": "The day (UTC) of the calls; wins over dateFrom and dateTo."},
        "dateFrom": day | {"description": "The first day."},
        "dateTo": day | {"description": "The last day, all of it."},
        "hostname": text("The host that was called."),
        "ipAddress": text("The caller's address."),
        "ip": text("The same."),
        "status": {"type": "integer"},
        "location": text("The caller's country, two letters."),
        "user_id": text("The user."),
        "userID": text("The same."),
        "compact": {"type": "boolean", "description": "A row is an array; the first one names the members."},
        "strict": {"type": "boolean", "description": "An unknown parameter is an error."},
    }
    return [
        ApiEndpoint(
            "GET",
            "/api/data",
            data.rows,
            "read:data",
            "List calls as rows of API Analytics, the oldest first (also with X-AUTH-TOKEN or API-Key)",
            takes(*(parameter(name, known[name]) for name in PARAMETERS))
            | gives({"type": "array", "items": {"type": "object", "properties": _MEMBERS}}),
            sandboxed=True,
            streamed=True,
            worded=in_their_words,
        ),
        *(
            ApiEndpoint(
                "GET",
                path,
                _generate,
                None,
                "Make a key for API Analytics' clients",
                gives(text(format="uuid")),
            )
            for path in ("/api/generate", "/api/generate-api-key")
        ),
    ]


def in_their_words(refusal: RequestRefused) -> RequestRefused:
    """Return a refusal as API Analytics' clients know it: `status` and `message`, a wrong key as 400."""
    status, message = refusal.status, refusal.content["error"]
    if status == 401:
        status, message = 400, "Invalid API key."
    elif status == 429:
        message = "Too many requests."
    more = {name: said for name, said in refusal.content.items() if name not in {"error", "cure"}}
    worded = RequestRefused(status, refusal.content["error"], refusal.content["cure"], **more)
    worded.content = {"status": status, "message": message, **worded.content}
    worded.headers = refusal.headers
    return worded


async def _generate(_request: web.Request) -> web.Response:
    """Answer with a key: any UUID is one, as far as api_analytics_keys of the HTTP source lets it send."""
    return json_response(str(uuid4()))


class _ClientData:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._rows = CallRows(served.store)

    async def rows(self, request: web.Request) -> web.StreamResponse:
        given, rights = _given(request), rights_of(request)
        if rights.workspace is not None:
            # A row is a call: a workspace may show figures alone.
            rights.require("read:events")
        wanted = WantedRows(
            _period(given),
            _filters(given),
            whole_number(given, "page", 1, _MOST_PAGES),
            rights.sandbox,
        )
        compact = _truth(given, "compact")
        pages: AsyncGenerator[list[dict[str, Any]], None] = self._rows.some(wanted, self._served.seconds)
        async with aclosing(pages), self._served.line.place(), self._served.turns.turn(rights):
            # What is wrong with a request shows with its first rows, while it can still be said.
            some: list[dict[str, Any]] = await anext(pages, [])
            response = web.StreamResponse(
                headers={"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
            )
            await response.prepare(request)
            rows: list[Any] = [COMPACT] if compact else []
            opening = b"["
            while some or rows:
                rows += ([row[name] for name in COMPACT] for row in some) if compact else some
                await response.write(opening + _encode(rows)[1:-1])
                rows, opening, some = [], b",", await anext(pages, [])
            await response.write(b"]" if opening == b"," else b"[]")
            await response.write_eof()
            return response


def _given(request: web.Request) -> dict[str, str]:
    """Return the parameters that say something, under one name each. Raises Unanswerable."""
    strict = request.query.get("strict", "").lower() == "true"
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in PARAMETERS:
            if strict:
                one_of(name, PARAMETERS, "parameter", str(name)[:60])
            continue
        plain = _SAME.get(name, name)
        if value and given.setdefault(plain, value) != value:
            raise Unanswerable(f"{name} is there twice, and differs", "send it once", field=name)
    return given


def _period(given: Mapping[str, str]) -> Period:
    start, end = _day(given, "date"), _day(given, "date")
    if start is None:
        start, end = _day(given, "dateFrom"), _day(given, "dateTo")
    begins = _FIRST if start is None else _midnight(start)
    ends = _LAST if end is None else _midnight(end + timedelta(days=1))
    if begins >= ends:
        raise Unanswerable("dateTo is before dateFrom", "exchange them", field="dateTo")
    return Period(microseconds(begins), microseconds(ends), _UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _day(given: Mapping[str, str], name: str) -> date | None:
    if name not in given:
        return None
    try:
        day = datetime.strptime(given[name], "%Y-%m-%d").replace(tzinfo=UTC)
        if not _FIRST <= day < _LAST:
            raise ValueError
    except ValueError:
        raise Unanswerable(f"{name} is not a day", 'write it like "2026-03-29"', field=name) from None
    return day.date()


def _truth(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").lower() == "true"


def _filters(given: Mapping[str, str]) -> tuple[CallFilter, ...]:
    asked: list[dict[str, Any]] = []
    for name, field in (("hostname", "hostname"), ("location", "country"), ("userID", "user")):
        if name in given:
            value = given[name]
            # As the store has them.
            value = {"hostname": value.lower(), "country": value.upper()}.get(field, value)
            asked.append({"field": field, "is": [value]})
    if "ip" in given:
        try:
            address = str(ipaddress.ip_address(given["ip"].strip()))
        except ValueError:
            raise Unanswerable("ipAddress is no address", "correct it", field="ipAddress") from None
        asked.append({"field": "ip", "is": [address]})
    if "status" in given:
        asked.append({"field": "status", "is": [whole_number(dict(given), "status", 0, 999)]})
    return read_filters(asked)

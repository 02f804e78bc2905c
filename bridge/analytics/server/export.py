"""Exports: the rows of a question, or events, as a file."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.events import EventListing, Events, columns_of_events
from bridge.analytics.questions.exports import FORMATS, FileColumns, ParquetFile, csv_bytes, ndjson_bytes
from bridge.analytics.questions.fields import FieldKind, Measure
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.question import Question, read_question
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import decode, parameters, period_of
from bridge.analytics.server.describing import gives, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable

_MOST_ROWS: Final = 1_000_000
_PAGE: Final = 5000
_EVENT_KEYS: Final = ("filters", "from", "to", "time_zone", "limit")

Rows = Sequence[Mapping[str, Any]]


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoint of exports."""
    return [
        ApiEndpoint(
            "GET",
            "/api/export",
            _Export(served).export,
            "read:data",
            "Export the rows of a question, or events where it has no measures (this needs read:events)",
            takes(
                parameter("question", text("A question as JSON, with measures or without.")),
                parameter("format", {"enum": [*FORMATS], "default": "csv"}),
            )
            | gives({}, *FORMATS.values()),
            sandboxed=True,
            streamed=True,
        )
    ]


class _Export:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._answerer = Answerer(served.store)
        self._events = Events(served.store)

    async def export(self, request: web.Request) -> web.StreamResponse:
        given = parameters(request, "question", "format")
        form = one_of(given.get("format", "csv"), FORMATS, "format", "format")
        asked = decode(given.get("question", "{}"), "question")
        if not isinstance(asked, dict):
            raise Unanswerable(
                "question is not a JSON object", 'write it like {"measures": ["calls"]}', field="question"
            )
        rights = rights_of(request)
        if "measures" in asked:
            now, most = self._served.now(), rights.most_rows
            question = read_question(asked, now=now, zone=self._served.zone, most_rows=most)
            question = question.within(rights.sandbox)
            columns, pages, name = _columns_of(question), self._answer(question), "calls"
        else:
            rights.require("read:events")
            listing = self._listing(asked).within(rights.sandbox)
            columns, pages, name = columns_of_events(rights.sandbox), self._listed(listing), "events"
        async with aclosing(pages), self._served.line.place(), self._served.turns.turn(rights):
            # What is wrong with a question shows with its first rows, while it can still be said.
            first: Rows = await anext(pages, [])
            return await _send(request, form, f"{name}.{form}", columns, first, pages)

    async def _answer(self, question: Question) -> AsyncGenerator[Rows, None]:
        rows, _, _ = await self._answerer.rows(question, self._served.seconds)
        for start in range(0, len(rows), _PAGE):
            yield [_flat(row) for row in rows[start : start + _PAGE]]

    def _listing(self, asked: dict[str, Any]) -> EventListing:
        for key in asked:
            one_of(key, _EVENT_KEYS, "key", str(key)[:60])
        limit = asked.get("limit", _MOST_ROWS)
        if type(limit) is not int or not 1 <= limit <= _MOST_ROWS:
            raise Unanswerable(
                f"limit is not a whole number from 1 to {_MOST_ROWS}", "correct it", field="limit"
            )
        return EventListing(period_of(asked, self._served), read_filters(asked.get("filters")), limit)

    async def _listed(self, listing: EventListing) -> AsyncGenerator[Rows, None]:
        async for page in self._events.pages(listing, _PAGE, self._served.seconds):
            yield page


async def _send(
    request: web.Request,
    form: str,
    name: str,
    columns: FileColumns,
    first: Rows,
    pages: AsyncGenerator[Rows, None],
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            "Content-Type": FORMATS[form],
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
    )
    if form == "parquet":
        await _send_parquet(request, response, columns, first, pages)
    else:
        await response.prepare(request)
        await response.write(await asyncio.to_thread(_encoded, form, first, columns, head=True))
        async for page in pages:
            await response.write(await asyncio.to_thread(_encoded, form, page, columns, head=False))
    await response.write_eof()
    return response


def _encoded(form: str, rows: Rows, columns: FileColumns, *, head: bool) -> bytes:
    return csv_bytes(rows, columns, head=head) if form == "csv" else ndjson_bytes(rows, columns)


async def _send_parquet(
    request: web.Request,
    response: web.StreamResponse,
    columns: FileColumns,
    first: Rows,
    pages: AsyncGenerator[Rows, None],
) -> None:
    # Made and removed without an await: a caller who goes away in between would leave its folder behind.
    file = ParquetFile(columns)
    try:
        await asyncio.to_thread(file.write, first)
        async for page in pages:
            await asyncio.to_thread(file.write, page)
        chunks = file.chunks()
        chunk = await asyncio.to_thread(next, chunks, b"")
        await response.prepare(request)
        while chunk:
            await response.write(chunk)
            chunk = await asyncio.to_thread(next, chunks, b"")
    finally:
        file.close()


def _flat(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose figures of the period before stand beside the others."""
    if "previous" not in row:
        return row
    before = {f"previous_{name}": value for name, value in row["previous"].items()}
    return {name: value for name, value in row.items() if name != "previous"} | before


_TYPES: Final = {FieldKind.NUMBER: "BIGINT", FieldKind.TRUTH: "BOOLEAN"}


def _columns_of(question: Question) -> dict[str, str]:
    columns = {field.name: _TYPES.get(field.kind, "VARCHAR") for field in question.by}
    if question.interval is not None:
        columns["time"] = "TIMESTAMPTZ"
    figures = {measure.name: _type_of(measure) for measure in question.measures}
    before = {f"previous_{name}": kind for name, kind in figures.items()} if question.compares else {}
    return columns | figures | before


def _type_of(measure: Measure) -> str:
    if measure.unit == "time":
        return "TIMESTAMPTZ"
    if measure.name.endswith("_histogram"):
        return "VARCHAR"
    whole = measure.counts or measure.name.endswith("_max") or measure.uses[0].endswith("_sum")
    return "BIGINT" if whole else "DOUBLE"

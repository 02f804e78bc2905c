"""Reports of weeks and months: which there are, and each as JSON, CSV, HTML and PDF."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from bridge import __version__
from bridge.analytics.alerts.words import filter_words
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.exports import FORMATS as EXPORTS
from bridge.analytics.questions.exports import csv_bytes
from bridge.analytics.questions.filters import CallFilter
from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.periods import shown
from bridge.analytics.questions.question import read_zone
from bridge.analytics.questions.words import one_of
from bridge.analytics.reports.calendar import CalendarPart, parts_until, read_part
from bridge.analytics.reports.content import ReportQuestions, availability
from bridge.analytics.reports.document import document_of
from bridge.analytics.reports.pdf import NotPrinted, chromium_of, printed
from bridge.analytics.reports.table import COLUMNS, lines_of
from bridge.analytics.server.asked import filters_of, parameters
from bridge.analytics.server.describing import FILTERS, TIME_ZONE, gives, in_path, listed, parameter, takes
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.web.answers import json_response, response

FORMATS: Final = {
    "json": "application/json",
    "csv": EXPORTS["csv"],
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
_MOST: Final = 24
_SECONDS: Final = 10.0
# The file is looked at where it was saved; opened from here it may do nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of reports."""
    reports = ReportPages(served)
    return [
        ApiEndpoint(
            "GET",
            "/api/reports",
            reports.all,
            "read:data",
            "List the weeks and months of which there is a report, the newest first",
            takes(TIME_ZONE) | gives(listed("reports", {"type": "object"})),
        ),
        ApiEndpoint(
            "GET",
            "/api/reports/{id}",
            reports.one,
            "read:data",
            "Report of a week (2026-W48) or a month (2026-11)",
            takes(
                in_path("id", pattern=r"^\d{4}-(W\d{2}|\d{2})$"),
                parameter("format", {"enum": [*FORMATS], "default": "json"}),
                FILTERS,
                TIME_ZONE,
            )
            | gives({"type": "object"}, *FORMATS.values()),
        ),
    ]


class ReportPages:
    """Answers with reports; one is made at a time."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._questions = ReportQuestions(Answerer(served.store), served.seconds)
        self._making = asyncio.Lock()
        self._printing = asyncio.Lock()

    async def all(self, request: web.Request) -> web.Response:
        """Answer with the weeks and months since the oldest call."""
        zone = read_zone(parameters(request, "time_zone").get("time_zone"), self._served.zone)
        ((oldest,),) = await self._served.store.ask("SELECT epoch_us(min(time)) FROM facts", (), _SECONDS)
        now = microseconds(self._served.now())
        found: list[dict[str, Any]] = []
        if oldest is not None:
            for kind in ("month", "week"):
                for part in parts_until(kind, min(oldest, now), now, zone, _MOST):
                    period = part.period(zone)
                    found.append(
                        {
                            "id": part.id,
                            "kind": kind,
                            "title": part.words,
                            "over": period.end <= now,
                            "whole": period.start >= oldest,
                        }
                        | period.shown()
                    )
        try:
            chromium_of(self._served.settings.chromium)
            pdf: dict[str, Any] = {"able": True}
        except NotPrinted as missing:
            pdf = {"able": False, "error": str(missing), "cure": missing.cure}
        return json_response({"reports": found, "pdf": pdf})

    async def one(self, request: web.Request) -> web.Response:
        """Answer with one report."""
        given = parameters(request, "format", "filters", "time_zone")
        form = one_of(given.get("format", "json"), FORMATS, "format", "format")
        part = read_part(request.match_info["id"])
        filters = filters_of(given)
        zone = read_zone(given.get("time_zone"), self._served.zone)
        if form == "pdf":
            self._require_chromium()
        async with self._served.line.place(), self._making:
            report = await self.made(part, filters, zone.key)
        if form == "json":
            return json_response(report)
        if form == "csv":
            return _file(csv_bytes(lines_of(report), COLUMNS, head=True), form, part)
        document = self.document(report, filters)
        if form == "html":
            return _file(document.encode(), form, part)
        async with self._served.line.place(), self._printing:
            try:
                return _file(await printed(document, self._served.settings.chromium), form, part)
            except NotPrinted as failure:
                raise RequestRefused(503, str(failure), failure.cure) from None

    async def made(self, part: CalendarPart, filters: tuple[CallFilter, ...], zone: str) -> dict[str, Any]:
        """Return a report. Raises Unanswerable, QuestionTooLong."""
        served = self._served
        period = part.period(read_zone(zone, served.zone))
        now_ms = int(served.clock.time() * 1000)
        if period.start // 1000 > now_ms:
            raise Unanswerable(f"{part.words} has not begun", "take one from /api/reports", field="id")
        report = await self._questions.content(part, period, filters)
        # What monitors measure is of no single API.
        watched = (
            []
            if filters
            else await served.admin.read(lambda connection: availability(connection, period, now_ms))
        )
        return report | {"monitors": watched, "over": period.end // 1000 <= now_ms}

    def document(self, report: dict[str, Any], filters: tuple[CallFilter, ...]) -> str:
        """Return a report as one file of HTML."""
        at = microseconds(self._served.now()) // 1_000_000 * 1_000_000
        made = f"made {shown(at, self._served.zone)}"
        if not report["over"]:
            made += f"; the {report['kind']} is not over"
        return document_of(
            report,
            filters=[filter_words(one) for one in filters],
            made=made,
            product=f"apim-bridge {__version__}",
        )

    def _require_chromium(self) -> None:
        try:
            chromium_of(self._served.settings.chromium)
        except NotPrinted as missing:
            raise RequestRefused(501, str(missing), missing.cure) from None


def _file(content: bytes, form: str, part: CalendarPart) -> web.Response:
    return response(
        content,
        Content_Type=FORMATS[form],
        Content_Disposition=f'attachment; filename="report-{part.id}.{form}"',
        Content_Security_Policy=_POLICY,
        X_Content_Type_Options="nosniff",
        Cache_Control="no-store",
    )

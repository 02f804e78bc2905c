"""What stands in a report: figures and lists of one week or month, beside those of the one before."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.analytics.admin import monitors
from bridge.analytics.admin.probes import rolled
from bridge.analytics.monitoring.summary import figures, hours_of
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.fields import DIMENSIONS, MEASURES
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.intervals import INTERVALS, starts
from bridge.analytics.questions.periods import Period, shown
from bridge.analytics.questions.question import Order, Question
from bridge.analytics.reports.calendar import CalendarPart

TOTALS: Final = (
    *("calls", "errors", "error_rate", "throttled", "users", "applications"),
    *("latency_p50", "latency_p95", "backend_latency_p95", "response_bytes", "ai_total_tokens"),
)
_TOP: Final = 10
_CANDIDATES: Final = 100
"""The slowest are looked for among those of most calls: of one call there is no quantile."""
_RECENT_MS: Final = 60 * 86_400_000


@dataclass(frozen=True, slots=True)
class ReportList:
    """One list of a report: what it is by, and what it shows of each."""

    id: str
    title: str
    by: tuple[str, ...]
    measures: tuple[str, ...]
    order: str
    where: tuple[dict[str, Any], ...] = ()
    candidates: int = _TOP
    """So many, of most calls, are asked for; of these the first by `order` are shown."""


_FAILED: Final = {"field": "status", "at_least": 400}
LISTS: Final = (
    ReportList("apis", "APIs", ("api",), ("calls", "error_rate", "latency_p95"), "calls"),
    ReportList("applications", "Applications", ("application",), ("calls", "error_rate"), "calls"),
    ReportList(
        "users", "Users", ("user",), ("calls", "error_rate"), "calls", ({"field": "user", "is_not": [None]},)
    ),
    ReportList("statuses", "Errors by status", ("api", "status"), ("calls",), "calls", (_FAILED,)),
    ReportList(
        "faults",
        "Faults of the gateway",
        ("error_type", "error_code"),
        ("calls",),
        "calls",
        ({"field": "kind", "is": ["fault"]},),
    ),
    ReportList(
        "slowest",
        "Slowest resources",
        ("api", "method", "resource"),
        ("latency_p95", "latency_p50", "calls"),
        "latency_p95",
        candidates=_CANDIDATES,
    ),
    ReportList(
        "models",
        "AI models",
        ("ai_vendor", "ai_model"),
        ("ai_total_tokens", "ai_prompt_tokens", "ai_completion_tokens", "calls"),
        "ai_total_tokens",
        ({"field": "ai_model", "is_not": [None]},),
        _CANDIDATES,
    ),
    ReportList(
        "tokens",
        "Tokens by application",
        ("application",),
        ("ai_total_tokens", "calls"),
        "ai_total_tokens",
        ({"field": "ai_model", "is_not": [None]},),
        _CANDIDATES,
    ),
)
"""In the order in which they stand."""


class ReportQuestions:
    """Asks for what stands in reports, one question after the other."""

    def __init__(self, answerer: Answerer, seconds: float) -> None:
        """`seconds`: how long one question may take."""
        self._answerer = answerer
        self._seconds = seconds

    async def content(
        self, part: CalendarPart, period: Period, filters: tuple[CallFilter, ...]
    ) -> dict[str, Any]:
        """Return a report but for its monitors. Raises Unanswerable, QuestionTooLong."""
        before = part.before().period(period.zone)
        return {
            "id": part.id,
            "kind": part.kind,
            "title": part.words,
            "period": period.shown(),
            "previous": before.shown(),
            "totals": await self._totals(period, before, filters),
            "days": await self._days(period, filters),
            "lists": [await self._list(one, period, before, filters) for one in LISTS],
        }

    async def _totals(
        self, period: Period, before: Period, filters: tuple[CallFilter, ...]
    ) -> list[dict[str, Any]]:
        now, _ = await self._ask(period, TOTALS, filters)
        then, _ = await self._ask(before, TOTALS, filters)
        return [
            {
                "measure": name,
                "unit": MEASURES[name].unit,
                "value": now[0][name] if now else None,
                "previous": then[0][name] if then and then[0]["calls"] else None,
            }
            for name in TOTALS
        ]

    async def _days(self, period: Period, filters: tuple[CallFilter, ...]) -> list[dict[str, Any]]:
        day = INTERVALS["1d"]
        times = starts(period.start, period.end, day, period.zone, most=40) or []
        names = ("calls", "errors", "latency_p95")
        rows, _ = await self._ask(period, names, filters, interval="1d")
        found = {row["time"]: row for row in rows}
        none: dict[str, Any] = {"calls": 0, "errors": 0, "latency_p95": None}
        return [
            {"date": (at := shown(time, period.zone))[:10]}
            | {name: found.get(at, none)[name] for name in names}
            for time in times
        ]

    async def _list(
        self, one: ReportList, period: Period, before: Period, filters: tuple[CallFilter, ...]
    ) -> dict[str, Any]:
        where = (*filters, *read_filters([*one.where]))
        rows, groups = await self._ask(period, one.measures, where, by=one.by, limit=one.candidates)
        # What has no figure cannot be ranked by it.
        rows.sort(key=lambda row: -(row[one.order] or 0))
        rows = [row for row in rows[:_TOP] if row[one.order]]
        then: dict[tuple[Any, ...], Any] = {}
        if rows:
            seen, _ = await self._ask(before, one.measures, where, by=one.by, limit=1000)
            then = {_key(row, one.by): row[one.measures[0]] for row in seen}
        for row in rows:
            row["previous"] = then.get(_key(row, one.by))
        return {
            "id": one.id,
            "title": one.title,
            "by": [*one.by],
            "measures": [{"name": name, "unit": MEASURES[name].unit} for name in one.measures],
            "rows": rows,
            "groups": groups,
        }

    async def _ask(
        self,
        period: Period,
        measures: Sequence[str],
        filters: tuple[CallFilter, ...],
        *,
        by: Sequence[str] = (),
        limit: int = 1,
        interval: str = "",
    ) -> tuple[list[dict[str, Any]], int]:
        names = [*measures, *(["calls"] if "calls" not in measures else [])]
        question = Question(
            measures=tuple(MEASURES[name] for name in names),
            by=tuple(DIMENSIONS[name] for name in by),
            filters=filters,
            period=period,
            interval=INTERVALS[interval] if interval else None,
            compares=False,
            order=(Order("calls", descending=True),),
            limit=limit,
        )
        rows, groups, _ = await self._answerer.rows(question, self._seconds)
        return rows, groups


def _key(row: Mapping[str, Any], by: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in by)


def availability(connection: sqlite3.Connection, period: Period, now_ms: int) -> list[dict[str, Any]]:
    """Return the uptime of each monitor in a period, as far as it is known."""
    start_ms, end_ms = period.start // 1000, min(period.end // 1000, now_ms)
    found = []
    for one in monitors.every(connection, monitors.OPERATORS):
        hours = (
            rolled(connection, one.number, start_ms, end_ms)
            if now_ms - start_ms > _RECENT_MS
            else [
                hour
                for hour in hours_of(connection, one.number, now_ms)
                if start_ms <= hour.start_ms < end_ms
            ]
        )
        if hours:
            found.append({"name": one.monitor.name, **figures(hours, max(1, end_ms - start_ms))})
    return found

"""Reports of weeks and months: the figures of questions, in local days, as JSON, CSV, HTML and a real PDF."""

import csv
import io
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from rigs.analytics_calls import made_up
from rigs.analytics_server import served

from bridge.analytics.reports.calendar import parts_until, read_part
from bridge.analytics.reports.words import changed, said
from bridge.errors import Unanswerable

_EVIL = "<script>alert(1)</script>"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    calls = made_up(1, 400, datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC))
    for call in calls[:20]:
        call["api"] = _EVIL
    calls[20]["api"] = "=cmd|' /C calc'!A0"
    async with served(tmp_path, calls) as client:
        yield client


async def _get(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_a_report_has_the_figures_of_questions(client: aiohttp.ClientSession) -> None:
    """Totals, lists and days are what the same questions answer, over the month of the zone and the one before."""
    report = await _get(client, "/api/reports/2026-03?time_zone=Europe/Berlin")
    assert report["period"]["from"] == "2026-03-01T00:00:00+01:00"
    assert report["period"]["to"] == "2026-04-01T00:00:00+02:00"
    assert report["previous"]["from"] == "2026-02-01T00:00:00+01:00"
    span = {"from": "2026-03-01", "to": "2026-04-01", "time_zone": "Europe/Berlin"}
    for place, name in enumerate(("calls", "errors", "error_rate", "throttled", "users")):
        async with client.post("/api/query", json={"measures": [name], **span}) as answer:
            (row,) = (await answer.json())["rows"]
        assert report["totals"][place]["value"] == row[name]
    assert len(report["days"]) == 31
    assert sum(day["calls"] for day in report["days"]) == report["totals"][0]["value"]
    apis = report["lists"][0]
    async with client.post(
        "/api/query", json={"measures": ["calls"], "by": ["api"], "limit": 10, **span}
    ) as answer:
        rows = (await answer.json())["rows"]
    assert {row["api"]: row["calls"] for row in apis["rows"]} == {row["api"]: row["calls"] for row in rows}
    only = await _get(client, '/api/reports/2026-03?filters=[{"field":"api","is":["Orders"]}]')
    assert [row["api"] for row in only["lists"][0]["rows"]] == ["Orders"]


async def test_there_is_a_report_of_each_month_and_week_since_the_first_call(
    client: aiohttp.ClientSession,
) -> None:
    """The newest comes first; what is not over, and what began before the first call, says so."""
    listed = await _get(client, "/api/reports")
    months = [one for one in listed["reports"] if one["kind"] == "month"]
    assert months[-1]["id"] == "2026-02"
    assert (months[-1]["whole"], months[0]["over"]) == (False, False)
    assert sum(one["kind"] == "week" for one in listed["reports"]) == 24


async def test_a_csv_has_a_line_for_each_figure(client: aiohttp.ClientSession) -> None:
    """What a spreadsheet would run is text in it."""
    async with client.get("/api/reports/2026-W12?format=csv") as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="report-2026-W12.csv"'
        lines = [*csv.DictReader(io.StringIO(await answer.text()))]
    assert {"totals", "days", "apis", "slowest"} <= {line["section"] for line in lines}
    assert not any(line["item"].startswith("=") for line in lines)


async def test_names_are_text_in_the_file(client: aiohttp.ClientSession) -> None:
    """No name becomes markup, and the file may run nothing, wherever it is opened."""
    async with client.get("/api/reports/2026-03?format=html") as answer:
        text = await answer.text()
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "default-src 'none'" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here: apt-get install chromium")
async def test_a_pdf_is_made_by_a_real_chromium(client: aiohttp.ClientSession) -> None:
    """It is a PDF, of this report."""
    async with client.get("/api/reports/2026-03?format=pdf") as answer:
        body = await answer.read()
        assert answer.status == 200, body
        assert answer.content_type == "application/pdf"
    assert body.startswith(b"%PDF-")
    assert b"March 2026" in body


async def test_without_chromium_it_is_said(tmp_path: Path) -> None:
    """A PDF that cannot be made is refused with the cure, before anything is asked; the list says so beforehand."""
    async with served(tmp_path, [], chromium=str(tmp_path / "none")) as client:
        async with client.get("/api/reports/2026-03?format=pdf") as answer:
            refused = await answer.json()
            assert answer.status == 501
        assert "apt-get install chromium" in refused["cure"]
        listed = await _get(client, "/api/reports")
        assert listed == {
            "reports": [],
            "pdf": {"able": False, "error": refused["error"], "cure": refused["cure"]},
        }
        empty = await _get(client, "/api/reports/2026-03")
        assert empty["totals"][0]["value"] == 0
        async with client.get("/api/reports/2026-13") as answer:
            assert (answer.status, (await answer.json())["field"]) == (400, "id")
        async with client.get("/api/reports/2199-01") as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    ("name", "words", "before"),
    [
        ("2026-W53", "Week 53 of 2026, 28 December to 3 January", "2026-W52"),
        ("2027-W01", "Week 1 of 2027, 4 to 10 January", "2026-W53"),
        ("2026-01", "January 2026", "2025-12"),
    ],
)
def test_weeks_and_months_are_the_calendars(name: str, words: str, before: str) -> None:
    """Weeks are those of ISO 8601, also around a new year."""
    part = read_part(name)
    assert (part.id, part.words, part.before().id) == (name, words, before)


@pytest.mark.parametrize(
    "name", ["2026-W54", "2025-W53", "2026-W00", "2026-00", "2026-1", "9999-12", "x", "2026-W1"]
)
def test_other_names_are_none(name: str) -> None:
    """A week or month that no calendar has is refused."""
    with pytest.raises(Unanswerable):
        read_part(name)


def test_a_month_has_the_hours_that_its_zone_has() -> None:
    """March in Berlin is an hour short of 31 days; parts follow each other without a gap."""
    zone = ZoneInfo("Europe/Berlin")
    period = read_part("2026-03").period(zone)
    assert period.end - period.start == (31 * 24 - 1) * 3600 * 10**6
    parts = [*parts_until("week", period.start, period.end, zone, 24)]
    assert all(one.before() == two for one, two in pairwise(parts))


def test_figures_are_said_with_their_units() -> None:
    """Shares change by points, all else by a share."""
    assert said(0.0123, "fraction") == "1.23 %"
    assert said(12_345, "ms") == "12.3 s"
    assert said(None, "ms") == "\N{EN DASH}"
    assert changed(0.05, 0.04, "fraction") == "+1.0 points"
    assert changed(50, 100, "calls") == "\N{MINUS SIGN}50.0 %"
    assert changed(5, None, "calls") == "new"
    assert changed(5, 5, "calls") == "no change"

"""The data API over a real listener: answers, errors with their cure, exports, the live stream."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import duckdb
import pytest
import pytest_asyncio
from fakes.tagged_events import calls as tagged_calls
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_counts import counted
from rigs.analytics_server import served

from bridge.analytics.store.feed import MOST_WAITING

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PERIOD: Final = {"from": "2026-03-28", "to": "2026-03-31", "time_zone": "Europe/Berlin"}
_QUERY: Final = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def calls() -> list[Values]:
    calls = made_up(5, 200, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))
    for number, call in enumerate(calls[:8]):
        call["api"] = ["=1+1", "+x", "-x", "@x", "\tx", "\rx", 'a,"b"', "plain"][number]
    return calls


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    calls: list[Values], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[aiohttp.ClientSession]:
    async with served(tmp_path_factory.mktemp("server"), calls) as client:
        yield client


async def _query(client: aiohttp.ClientSession, question: Any) -> tuple[int, dict[str, Any]]:
    async with client.post("/api/query", json=question) as answer:
        return answer.status, await answer.json()


async def _get(client: aiohttp.ClientSession, path: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    texts = {
        key.rstrip("_"): value if isinstance(value, str) else json.dumps(value)
        for key, value in parameters.items()
    }
    async with client.get(path, params=texts) as answer:
        return answer.status, await answer.json()


async def test_a_question_is_answered(client: aiohttp.ClientSession, calls: list[Values]) -> None:
    """Rows, fields with units, both periods: what the dashboard draws."""
    asked = {"measures": ["calls", "latency_p95"], "by": ["method"], "compare": "previous", **_PERIOD}
    status, answer = await _query(client, asked)
    assert status == 200
    assert {(row["method"],): row["calls"] for row in answer["rows"]} == {
        key: row["calls"] for key, row in counted(asked, calls).items()
    }
    assert answer["fields"] == [
        {"name": "method", "unit": "", "kind": "dimension"},
        {"name": "calls", "unit": "calls", "kind": "measure"},
        {"name": "latency_p95", "unit": "ms", "kind": "measure"},
    ]
    assert answer["period"] == {
        "from": "2026-03-28T00:00:00+01:00",
        "to": "2026-03-31T00:00:00+02:00",
        "time_zone": "Europe/Berlin",
    }
    assert answer["previous"]["from"] == "2026-03-25T00:00:00+01:00"
    assert (answer["groups"], answer["exact"]) == (len(answer["rows"]), True)


@pytest.mark.parametrize("order", ["method", "-method", "-calls"])
@pytest.mark.parametrize("compare", [None, "previous"])
async def test_the_first_rows_are_those_of_the_whole_answer(
    client: aiohttp.ClientSession, order: str, compare: str | None
) -> None:
    """Quantiles are made of what is shown alone, and it is the same: by a figure, or by a name."""
    asked = {"measures": ["calls", "latency_p95", "users"], "by": ["method"], "order": order, **_PERIOD}
    _, whole = await _query(client, asked | {"compare": compare})
    status, first = await _query(client, asked | {"compare": compare, "limit": 2})
    assert (status, first["groups"]) == (200, len(whole["rows"]))
    assert first["rows"] == whole["rows"][:2]


async def test_series_are_ranked_by_a_name(client: aiohttp.ClientSession) -> None:
    """Nothing needs to be counted for that."""
    asked = {"measures": ["errors"], "by": ["method"], "order": "method", "limit": 2, "interval": "1d"}
    status, series = await _query(client, asked | _PERIOD)
    _, table = await _query(client, {**asked, "interval": None, **_PERIOD})
    assert status == 200
    assert {row["method"] for row in series["rows"]} == {row["method"] for row in table["rows"]}


async def test_a_series_names_the_start_of_each_bucket(client: aiohttp.ClientSession) -> None:
    """The buckets of a day with a change of the clock: 23 hours, none of them twice or empty."""
    asked = {"measures": ["calls"], "interval": "1h", "from": "2026-03-29", "to": "2026-03-30"}
    _, answer = await _query(client, asked | {"time_zone": "Europe/Berlin"})
    times = answer["period"]["times"]
    assert len(times) == len(set(times)) == 23
    assert times[1:3] == ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]
    assert {row["time"] for row in answer["rows"]} <= set(times)


@pytest.mark.parametrize(
    ("question", "field", "nearest"),
    [
        ({"measures": ["call"]}, "measures", "calls"),
        ({"measures": ["requests"]}, "measures", "calls"),
        ({"measures": ["calls"], "by": ["aplication"]}, "by", "application"),
        ({"measures": ["calls"], "by": ["latency"]}, "by", ""),
        ({"measures": ["calls"], "filters": [{"field": "apis", "is": ["x"]}]}, "filters", "api"),
        ({"measures": ["calls"], "filters": [{"field": "api", "equals": "x"}]}, "filters.api", ""),
        ({"measures": ["calls"], "filters": [{"field": "api", "at_least": 1}]}, "filters.api", ""),
        ({"measures": ["calls"], "filters": [{"field": "status", "is": ["x"]}]}, "filters.status", ""),
        (
            {"measures": ["calls"], "filters": [{"field": "status_class", "is": ["5XX"]}]},
            "filters.status_class",
            "5xx",
        ),
        ({"measures": ["calls"], "filters": [{"field": "api", "matches": "(?=x)"}]}, "filters.api", ""),
        ({"measures": ["calls"], "filters": [{"field": "api", "matches": "a" * 201}]}, "filters.api", ""),
        ({"measures": ["calls"], "filters": [{"field": "api"}]}, "filters.api", ""),
        ({"measures": ["calls"], "filters": {}}, "filters", ""),
        ({"measures": ["calls"], "intervall": "1h"}, "intervall", "interval"),
        ({"measures": ["calls"], "interval": "2m"}, "interval", "12m"),
        ({"measures": ["calls"], "interval": "1m", "from": "-400d"}, "interval", ""),
        ({"measures": ["calls"], "from": "yesterday"}, "from", ""),
        ({"measures": ["calls"], "from": "now", "to": "-1h"}, "from", ""),
        ({"measures": ["calls"], "to": "2026-13-01"}, "to", ""),
        ({"measures": ["calls"], "time_zone": "Berlin"}, "time_zone", ""),
        ({"measures": ["calls"], "compare": "last"}, "compare", ""),
        ({"measures": ["calls"], "order": "-errors"}, "order", ""),
        ({"measures": ["calls"], "by": ["user"], "order": "user"}, "order", ""),
        ({"measures": ["calls"], "limit": 0}, "limit", ""),
        ({"measures": ["calls", "calls"]}, "measures", ""),
        ({"measures": []}, "measures", ""),
        ({}, "measures", ""),
        ([], None, ""),
    ],
)
async def test_an_error_names_the_field_and_the_cure(
    client: aiohttp.ClientSession, question: Any, field: str | None, nearest: str
) -> None:
    """A question that cannot be answered says which part is wrong, and what was meant."""
    status, problem = await _query(client, question)
    assert (status, problem.get("field")) == (400, field)
    assert problem["error"]
    assert problem["cure"]
    if nearest != "12m":
        assert problem.get("nearest", "") == nearest


async def test_only_json_is_read(client: aiohttp.ClientSession) -> None:
    """What a foreign page can make a browser send is refused."""
    async with client.post("/api/query", data=b"{}", headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415
    async with client.post("/api/query", data=b"{", headers=_QUERY) as answer:
        assert answer.status == 400
    async with client.post("/api/query", data=b" " * 300_000, headers=_QUERY) as answer:
        assert answer.status == 413


async def test_values_are_suggested_by_calls(client: aiohttp.ClientSession, calls: list[Values]) -> None:
    """What most calls have comes first, and only what contains the text, within the filters."""
    only = [{"field": "kind", "is": ["response"]}]
    _, answer = await _get(client, "/api/values", field="user", contains="USER1", filters=only, **_PERIOD)
    counts: dict[str, int] = {}
    for call in calls:
        if call["user"] and "user1" in call["user"] and not call["faulty"]:
            counts[call["user"]] = counts.get(call["user"], 0) + 1
    assert {one["value"]: one["calls"] for one in answer["values"]} == counts
    assert [one["calls"] for one in answer["values"]] == sorted(counts.values(), reverse=True)
    _, numbers = await _get(client, "/api/values", field="status", contains="50", **_PERIOD)
    assert {one["value"] for one in numbers["values"]} == {500, 503}


async def test_an_event_is_found_and_shown_whole(client: aiohttp.ClientSession, calls: list[Values]) -> None:
    """By its correlation id in the list, and then with every member that it came with."""
    wanted = next(call for call in calls if call["correlation_id"])
    filters = [{"field": "correlation_id", "is": [wanted["correlation_id"]]}]
    _, listed = await _get(client, "/api/events", filters=filters)
    assert wanted["id"] in [event["id"] for event in listed["events"]]
    status, one = await _get(client, f"/api/events/{wanted['id']}", time_zone="UTC")
    assert (status, one["event"]) == (200, event_of(wanted))
    assert one["fields"]["time"].startswith(event_of(wanted)["requestTimestamp"][:19])
    for nobody in ("x", "00000000-0000-4000-8000-000000000000"):
        status, problem = await _get(client, f"/api/events/{nobody}")
        assert (status, bool(problem["cure"])) == (404, True)


async def test_an_event_of_a_clock_that_is_ahead_is_listed(client: aiohttp.ClientSession) -> None:
    """A list without a period leaves nothing out, though a gateway's clock may be ahead of ours."""
    (ahead,) = made_up(12, 1, datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) + timedelta(days=2))
    await client.post("/ingest", data=json.dumps([event_of(ahead)]).encode(), headers=_QUERY)
    _, listed = await _get(client, "/api/events", limit="1")
    assert [event["id"] for event in listed["events"]] == [ahead["id"]]


async def test_pages_go_on_with_next(client: aiohttp.ClientSession, calls: list[Values]) -> None:
    """`next` leads through all events; what is no cursor is refused."""
    found: list[str] = []
    cursor = ""
    while True:
        _, page = await _get(client, "/api/events", limit="90", cursor=cursor, **_PERIOD)
        found += [event["id"] for event in page["events"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert sorted(found) == sorted(call["id"] for call in calls)
    for wrong in ("x", "MTIz", "é"):
        status, problem = await _get(client, "/api/events", cursor=wrong)
        assert (status, problem["field"]) == (400, "cursor")


async def test_the_stream_shows_what_passes_as_it_comes(client: aiohttp.ClientSession) -> None:
    """New events that pass the filter arrive as lines, others do not."""
    fresh = made_up(9, 40, datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC))
    filters = [{"field": "resource", "matches": "^/order(/|$)"}, {"field": "user", "contains_not": "USER1"}]
    expected = {
        call["id"]
        for call in fresh
        if call["resource"] in {"/order", "/order/{id}"} and "user1" not in (call["user"] or "")
    }
    async with client.get("/api/events/stream", params={"filters": json.dumps(filters)}) as stream:
        assert (stream.status, await stream.content.readline()) == (200, b"\n")
        body = b"".join(json.dumps(event_of(call)).encode() + b"\n" for call in fresh)
        await client.post("/ingest", data=body, headers={"Content-Type": "application/x-ndjson"})
        lines = [json.loads(await asyncio.wait_for(stream.content.readline(), 5)) for _ in expected]
    assert {line["id"] for line in lines} == expected


async def test_who_reads_the_stream_too_slowly_is_told_what_is_missing(tmp_path: Path) -> None:
    """Of more events than may wait the oldest are left out; a line in front of the others and a metric say how many."""
    more = 300
    body = b"".join(json.dumps(one).encode() + b"\n" for one in tagged_calls(MOST_WAITING + more))
    async with served(tmp_path, []) as client, client.get("/api/events/stream") as stream:
        assert await stream.content.readline() == b"\n"
        await client.post("/ingest", data=body, headers={"Content-Type": "application/x-ndjson"})
        lines = [json.loads(await asyncio.wait_for(stream.content.readline(), 10)) for _ in range(3)]
        assert lines[0] == {"missed": more}
        assert [line["correlation_id"] for line in lines[1:]] == [f"call-{more}", f"call-{more + 1}"]
        async with client.get("/metrics") as answer:
            assert f"apim_bridge_analytics_stream_missed_total {more}.0" in await answer.text()


async def test_csv_runs_no_formula(client: aiohttp.ClientSession, calls: list[Values]) -> None:
    """A cell that a spreadsheet would run is quoted; the figures are those of the answer."""
    question = {"measures": ["calls", "latency_avg"], "by": ["api"], "compare": "previous", **_PERIOD}
    async with client.get("/api/export", params={"question": json.dumps(question)}) as answer:
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert 'filename="calls.csv"' in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode(), newline="")))
    written = {row["api"]: int(row["calls"]) for row in rows}
    assert {"'=1+1", "'+x", "'-x", "'@x", "'\tx", "'\rx", 'a,"b"', "plain", ""} <= written.keys()
    assert sum(written.values()) == len(calls)
    assert [*rows[0]] == ["api", "calls", "latency_avg", "previous_calls", "previous_latency_avg"]


@pytest.mark.parametrize("form", ["ndjson", "parquet", "csv"])
async def test_every_event_is_exported(
    client: aiohttp.ClientSession, calls: list[Values], tmp_path: Any, form: str
) -> None:
    """Each event of the period is in the file once, in every format."""
    question = {"filters": [{"field": "faulty" if form == "x" else "kind", "is": ["response"]}], **_PERIOD}
    async with client.get("/api/export", params={"question": json.dumps(question), "format": form}) as answer:
        assert answer.status == 200, await answer.text()
        file = tmp_path / f"events.{form}"
        file.write_bytes(await answer.read())
    reader = {"ndjson": "read_json", "parquet": "read_parquet", "csv": "read_csv"}[form]
    columns = "id::VARCHAR, latency::BIGINT, epoch_ms(time::TIMESTAMPTZ)"
    found = duckdb.connect().execute(f"SELECT {columns} FROM {reader}('{file}')").fetchall()
    wanted = [(call["id"], call["latency"], call["time_ms"]) for call in calls if not call["faulty"]]
    assert sorted(found) == sorted(wanted)


async def test_a_histogram_is_exported_to_parquet(client: aiohttp.ClientSession, tmp_path: Any) -> None:
    """Times, fractions and histograms have a type each."""
    question = {
        "measures": ["error_rate", "first_seen", "latency_histogram", "response_bytes"],
        "by": ["bot", "status"],
        "interval": "1d",
        **_PERIOD,
    }
    parameters = {"question": json.dumps(question), "format": "parquet"}
    async with client.get("/api/export", params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        file = tmp_path / "rows.parquet"
        file.write_bytes(await answer.read())
    kinds = duckdb.connect().execute(f"DESCRIBE SELECT * FROM read_parquet('{file}')").fetchall()
    assert [kind[1] for kind in kinds] == [
        "BOOLEAN",
        "BIGINT",
        "TIMESTAMP WITH TIME ZONE",
        "DOUBLE",
        "TIMESTAMP WITH TIME ZONE",
        "VARCHAR",
        "BIGINT",
    ]


async def test_an_export_that_cannot_be_made_says_so(client: aiohttp.ClientSession) -> None:
    """Errors come as JSON, before the first byte of a file."""
    for question in ({"measures": ["call"]}, {"filters": [{"field": "api", "matches": "("}]}, {"x": 1}):
        status, problem = await _get(client, "/api/export", question=question)
        assert (status, bool(problem["cure"])) == (400, True)
    status, problem = await _get(client, "/api/export", question={}, format="xls")
    assert (status, problem["field"]) == (400, "format")


async def test_annotations_are_kept(client: aiohttp.ClientSession) -> None:
    """A marker in time comes back, and goes."""
    marker = {"time": "2026-03-29T12:00:00Z", "text": "Orders 2.3.1"}
    async with client.post("/api/annotations", json=marker) as answer:
        assert answer.status == 201
        number = (await answer.json())["id"]
    _, found = await _get(client, "/api/annotations", **_PERIOD)
    assert found["annotations"] == [
        {"id": number, "time": "2026-03-29T14:00:00+02:00", "text": "Orders 2.3.1"}
    ]
    path = f"/api/annotations/{number}"
    async with client.delete(path) as first, client.delete(path) as second:
        assert (first.status, second.status) == (200, 404)
    async with client.post("/api/annotations", json=marker | {"time": "2100-01-01"}) as answer:
        assert (answer.status, (await answer.json())["field"]) == (400, "time")


async def test_the_fixed_lists_are_told(client: aiohttp.ClientSession) -> None:
    """Whatever /api/fields names can be asked."""
    _, lists = await _get(client, "/api/fields")
    measures = [measure["name"] for measure in lists["measures"]]
    status, _ = await _query(client, {"measures": measures, **_PERIOD})
    assert status == 200
    for dimension in lists["dimensions"]:
        status, _ = await _get(client, "/api/values", field=dimension["name"], **_PERIOD)
        assert status == 200

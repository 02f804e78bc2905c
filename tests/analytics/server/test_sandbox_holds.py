"""Who has a token of a workspace sees its sandbox alone: every endpoint, with and without tampering.

Each text of a call in the sandbox begins with `in-`, of every other one with `out-`: nothing that a viewer gets may
have the second, nor the first of a field that is not shown.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import aiohttp
import duckdb
import pytest
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_parts import endpoints
from rigs.analytics_server import listening, token

from bridge.analytics.questions.fields import DIMENSIONS, FIELDS, MEASURES, FieldKind
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.sandbox import default_fields

_TEXTS: Final = (
    *(
        "api",
        "version",
        "api_type",
        "context",
        "method",
        "resource",
        "application",
        "application_owner",
        "user",
    ),
    *("company", "tenant", "key_type", "region", "backend", "country", "api_creator", "gateway_type", "ip"),
    *("environment", "instance", "guardrail", "mcp_tool", "correlation_id", "ai_model", "ai_vendor", "key"),
)
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "user": ("user",),
    "company": ("company",),
    "application": ("application",),
    "API": ("api",),
    "tenant": ("tenant",),
    "key": ("key",),
    "user of an API": ("user", "api"),
    "company's application in a tenant": ("company", "application", "tenant"),
}
_FEW: Final = ("user", "key", "company's application in a tenant")
_NOW: Final = datetime.now(UTC)
_COMMON: Final = ("status", "faulty", "latency", "target_status", "error_code", "response_bytes")
_A_MINUTE: Final = 55


def _calls(held: Sequence[str]) -> tuple[list[Values], list[Values]]:
    """Return the calls of a sandbox, and others: some of these have all but one of what holds it."""
    made = made_up(31, 120, _NOW - timedelta(days=2), _NOW - timedelta(minutes=5))
    inside, outside = made[:40], made[40:]
    for number, call in enumerate(inside):
        call |= {name: f"in-{name}-{number % 3}" for name in _TEXTS}
        call |= {name: f"in-{name}" for name in held}
    for number, call in enumerate(outside):
        call |= {name: f"out-{name}-{number % 3}" for name in _TEXTS}
        if number % 2:
            call |= {name: f"in-{name}" for name in held if name != held[number % len(held)]}
    for call in made:
        call |= {"browser": None, "hostname": None, "path": None, "user_agent": None}
    return inside, outside


def _event(call: Values) -> dict[str, Any]:
    event = event_of(call)
    side = call["api_type"].partition("-")[0]
    event["origin"] = {"api_analytics": {"key": call["key"], "framework": f"{side}-framework"}}
    event["userAgentHeader"] = f"{side}-user_agent/1.0 (x)"
    event["properties"] |= {
        "requestHeaders": {"authorization": f"{side}-headers"},
        "responseBody": f"{side}-body",
        "x-original-gw-url": f"https://{side}-hostname.example.com/{side}-path?q=1",
        "apimRequestUri": f"{side}-uri",
    }
    event["applicationId"] = f"{side}-applicationId"
    event["errorMessage"] = f"{side}-message of an error"
    return event


class Viewer:
    """One who has tokens of a workspace; a new one before the last has asked too often."""

    def __init__(
        self, client: aiohttp.ClientSession, folder: Path, path: str, values: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._client = client
        self.path = path
        self._values = values
        self._asked = _A_MINUTE
        self.token = ""
        self.seen: list[tuple[str, bytes]] = []
        """What was asked, and the answer."""

    def renew(self) -> None:
        """Have another token for what is asked next."""
        self._asked = _A_MINUTE

    async def fresh(self) -> str:
        if self._asked >= _A_MINUTE:
            headers = {"Authorization": "Bearer admin"}
            body = {"values": self._values}
            async with self._client.post(f"{self.path}/embedded", json=body, headers=headers) as answer:
                self.token = (await answer.json())["token"]
            self._asked = 0
        self._asked += 1
        return self.token

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {await self.fresh()}"} | headers
        async with self._client.request(method, path, json=body, headers=headers) as answer:
            said = await answer.read()
            shown = self._unpacked(said) if said.startswith(b"PAR1") else said
            self.seen.append((f"{method} {path} {body}", shown + str(answer.headers).encode()))
            return answer.status, said

    async def query(self, **asked: Any) -> tuple[int, dict[str, Any]]:
        status, said = await self.ask("POST", "/api/query", {"measures": ["calls"], "from": "-30d", **asked})
        return status, json.loads(said)

    def _unpacked(self, parquet: bytes) -> bytes:
        path = self._folder / "rows.parquet"
        path.write_bytes(parquet)
        with duckdb.connect() as connection:
            table = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            return repr(([column[0] for column in table.description], table.fetchall())).encode()


class Trial:
    """A sandbox of one kind, its viewer, and what is in it and outside."""

    def __init__(self, held: Sequence[str], viewer: Viewer, client: aiohttp.ClientSession) -> None:
        self.viewer = viewer
        self.client = client
        self.held = {name: f"in-{name}" for name in held}
        self.inside, self.outside = _calls(held)
        self.filters = [{"field": name, "is": value} for name, value in self.held.items()]
        self.fields = default_fields(read_filters(self.filters))
        self.hidden = FIELDS.keys() - self.fields

    def check(self) -> None:
        """Assert that nothing was seen that must not be."""
        secret = {"headers", "body", "uri", "applicationId", "message"} | (self.hidden & {*_TEXTS})
        secret |= self.hidden & {"user_agent", "path"}
        outside = {call["id"].encode() for call in self.outside}
        for asked, said in self.viewer.seen:
            assert b"out-" not in said, (asked, said[:2000])
            found = set(re.findall(rb"in-([a-zA-Z_]+)", said))
            assert not found & {name.encode() for name in secret}, (asked, found, said[:2000])
            assert not any(number in said for number in outside), asked


@asynccontextmanager
async def _trial(folder: Path, held: Sequence[str]) -> AsyncIterator[Trial]:
    tokens = {"boss": token("admin", "admin"), "in": token("in", "ingest")}
    admin = {"Authorization": "Bearer admin"}
    async with listening(folder, tokens=tokens) as url, aiohttp.ClientSession(url) as client:
        workspace = {
            "name": "Trial",
            "template": [*held],
            "period": {"from": "-30d"},
            "bounds": {},
            "live": True,
        }
        async with client.post("/api/workspaces", json=workspace, headers=admin) as answer:
            path = f"/api/workspaces/{(await answer.json())['id']}"
        trial = Trial(held, Viewer(client, folder, path, {name: f"in-{name}" for name in held}), client)
        await _ingest(client, [*trial.inside, *trial.outside])
        yield trial
        trial.check()


async def _ingest(client: aiohttp.ClientSession, calls: Sequence[Values]) -> None:
    body = [_event(call) for call in calls]
    async with client.post("/ingest", json=body, headers={"Authorization": "Bearer in"}) as answer:
        assert answer.status == 200, await answer.text()


def _tests(values: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what one may try of a field whose values one would like to see."""
    yield {"is": [*values]}
    yield {"is_not": ["out-guess"]}
    yield {"is": [*values, None]}
    yield {"contains": "out"}
    yield {"contains_not": "in-"}
    yield {"matches": "^out"}
    yield {"matches": ".*"}
    yield {"matches_not": "^in"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try three kinds of sandbox, and all of them in the long form (`make test-services`)."""
    if "held" in metafunc.fixturenames:
        kinds = _KINDS if metafunc.config.getoption("--full") else {name: _KINDS[name] for name in _FEW}
        metafunc.parametrize("held", kinds.values(), ids=kinds.keys())


async def test_filters_never_widen_a_sandbox(tmp_path: Path, held: tuple[str, ...]) -> None:
    """Whatever a viewer asks of whichever field, what is found is in the sandbox; of one that is not shown, nothing."""
    async with _trial(tmp_path, held) as trial:
        for name in _TEXTS:
            values = sorted({call[name] for call in trial.outside if call[name].startswith("out-")})
            for test in _tests(values):
                status, said = await trial.viewer.query(filters=[{"field": name, **test}])
                if name in trial.hidden:
                    assert (status, said["field"]) == (400, "filters"), (name, test)
                    continue
                found = sum(row["calls"] for row in said["rows"])
                wide = test in ({"is_not": ["out-guess"]}, {"matches": ".*"})
                assert (status, found) == (200, len(trial.inside) if wide else 0), (name, test)


async def test_questions_see_the_sandbox_alone(tmp_path: Path, held: tuple[str, ...]) -> None:
    """By every dimension, compared, in buckets: calls add up to those inside, and what is hidden is refused."""
    async with _trial(tmp_path, held) as trial:
        for name in DIMENSIONS:
            status, said = await trial.viewer.query(
                by=[name], order=f"-{name}" if name not in {"user", "ip"} else "-calls"
            )
            if name in trial.hidden:
                assert status == 400, name
            else:
                assert status == 200, said
                assert sum(row["calls"] for row in said["rows"]) == len(trial.inside), name
            path = f"/api/values?field={name}&from=-30d"
            status, values = await trial.viewer.ask("GET", path)
            assert status == (400 if name in trial.hidden else 200), name
            status, values = await trial.viewer.ask("GET", f"{path}&contains=out")
            assert status == 400 or not any(
                "out" in str(one["value"]) for one in json.loads(values)["values"]
            )
        await trial.viewer.query(by=["api"], interval="1d", compare="previous", order="time")
        _, said = await trial.viewer.query(
            measures=["calls", "users", "applications"], **{"from": "-9y", "to": "+1y"}
        )
        users = len({call["user"] for call in trial.inside})
        assert said["rows"] == [
            {"calls": len(trial.inside), "users": users, "applications": said["rows"][0]["applications"]}
        ]
        status, said = await trial.viewer.query(measures=[*MEASURES], by=["status"])
        assert status == 200
        _, fields = await trial.viewer.ask("GET", "/api/fields")
        assert {one["name"] for one in json.loads(fields)["dimensions"]} <= trial.fields
        for path in ("/api/me", "/api/workspace"):
            status, _ = await trial.viewer.ask("GET", path)
            assert status == 200


async def test_lists_events_and_exports_see_the_sandbox_alone(tmp_path: Path, held: tuple[str, ...]) -> None:
    """With another listing's cursor, other ids and every format: what is outside is not there, and not said to be."""
    async with _trial(tmp_path, held) as trial:
        viewer, ids = trial.viewer, {call["id"] for call in trial.inside}
        async with trial.client.get(
            "/api/events?limit=7", headers={"Authorization": "Bearer admin"}
        ) as answer:
            foreign = (await answer.json())["next"]
        for query in ("", f"&cursor={foreign}", "&cursor=" + _cursor(trial.outside[0])):
            _, said = await viewer.ask("GET", f"/api/events?limit=1000{query}")
            found = {event["id"] for event in json.loads(said)["events"]}
            assert found == ids if not query else found <= ids
        for call in trial.inside[:3]:
            status, said = await viewer.ask("GET", f"/api/events/{call['id']}")
            assert status == 200
            assert json.loads(said)["event"].keys() - {"bridge"}
        nowhere = [await viewer.ask("GET", f"/api/events/{number}") for number in (UUID(int=5), UUID(int=6))]
        assert nowhere[0] == nowhere[1]
        for call in trial.outside[:6]:
            assert await viewer.ask("GET", f"/api/events/{call['id']}") == nowhere[0]
        for form in ("csv", "ndjson", "parquet"):
            for question in (
                {"from": "-30d"},
                {"measures": ["calls"], "by": ["api"], "from": "-30d"},
                {"filters": [{"field": "api", "matches": "out"}], "from": "-30d"},
            ):
                path = f"/api/export?format={form}&question={quote(json.dumps(question))}"
                assert (await viewer.ask("GET", path))[0] == 200
            for name in trial.hidden:
                guess = 1 if FIELDS[name].kind is FieldKind.NUMBER else "x"
                bad: list[dict[str, Any]] = [{"filters": [{"field": name, "is_not": [guess]}]}]
                if name in DIMENSIONS:
                    bad.append({"measures": ["calls"], "by": [name]})
                for question in bad:
                    path = f"/api/export?format={form}&question={quote(json.dumps(question))}"
                    assert (await viewer.ask("GET", path))[0] == 400, name


def _cursor(call: Values) -> str:
    return base64.urlsafe_b64encode(f"{call['time_ms'] * 1000} {call['id']}".encode()).decode()


async def test_the_stream_sees_the_sandbox_alone(tmp_path: Path, held: tuple[str, ...]) -> None:
    """Of what comes in, the sandbox's events pass, with the fields that are shown; a filter on another is refused."""
    async with _trial(tmp_path, held) as trial:
        headers = {"Authorization": f"Bearer {await trial.viewer.fresh()}"}
        hidden = next(iter(trial.hidden & {*_TEXTS}))
        path = f"/api/events/stream?filters={quote(json.dumps([{'field': hidden, 'matches': '.'}]))}"
        assert (await trial.viewer.ask("GET", path))[0] == 400
        async with trial.client.get("/api/events/stream", headers=headers) as answer:
            assert await answer.content.readline() == b"\n"
            fresh = [
                call | {"id": str(UUID(int=number))}
                for number, call in enumerate([*trial.outside, *trial.inside])
            ]
            await _ingest(trial.client, fresh)
            lines: list[bytes] = []
            while len(lines) < len(trial.inside):
                line = await answer.content.readline()
                lines += [line] if line.strip() else []
        trial.viewer.seen.append(("stream", b"".join(lines)))
        wanted = {call["id"] for call in fresh if call["api_type"].startswith("in-")}
        assert {json.loads(line)["id"] for line in lines} == wanted


async def test_searches_as_moesif_has_them_see_the_sandbox_alone(
    tmp_path: Path, held: tuple[str, ...]
) -> None:
    """Neither hits nor figures have more than the sandbox, whatever is asked for."""
    async with _trial(tmp_path, held) as trial:
        queries: list[dict[str, Any]] = [
            {},
            {"query": {"term": {"user_id.raw": "out-user-1"}}},
            {"query": {"bool": {"must_not": [{"term": {"user_id.raw": "in-user-1"}}]}}},
            {"post_filter": {"bool": {"should": {"term": {"company_id.raw": "out-company-1"}}}}},
            *(
                {"size": 0, "aggs": {"seg": {"terms": {"field": field, "size": 50}}}}
                for field in ("user_id.raw", "company_id.raw", "request.ip_address", "request.route.raw")
            ),
        ]
        for kind in ("search", "count"):
            for query in queries:
                await trial.viewer.ask("POST", f"/v1/search/~/{kind}/events?from=-30d&to=now", query)
        for call in (trial.inside[0], trial.outside[0]):
            await trial.viewer.ask("GET", f"/v1/search/~/events/{call['id']}")
        await trial.viewer.ask("POST", f"/v1/search/~/workspaces/{'0' * 24}/search?from=-30d&to=now", {})


async def test_rows_of_api_analytics_see_the_sandbox_alone(tmp_path: Path, held: tuple[str, ...]) -> None:
    """Every parameter narrows the sandbox, or is refused where its field is not shown."""
    async with _trial(tmp_path, held) as trial:
        for query in ("", "?compact=true"):
            status, said = await trial.viewer.ask("GET", f"/api/data{query}")
            assert (status, len(json.loads(said)) - bool(query)) == (200, len(trial.inside))
        for field, query in (
            ("user", "user_id=out-user-1"),
            ("ip", "ipAddress=out-ip-1"),
            ("hostname", "hostname=out-hostname.example.com"),
            ("country", "location=out-country-1"),
        ):
            for more in ("", "&page=2", "&compact=true", "&strict=true", "&dateFrom=2000-01-01"):
                status, said = await trial.viewer.ask("GET", f"/api/data?{query}{more}")
                assert status == (200 if field in trial.fields else 400), said
                assert status == 400 or len(json.loads(said)) <= 1


_TRIED: Final = {
    *("/api/query", "/api/values", "/api/fields", "/api/events", "/api/events/{id}", "/api/events/stream"),
    *("/api/export", "/api/me", "/api/workspace", "/api/data"),
    # Tried from each base in the tests of Moesif's calls.
    *("/search/~/search/events", "/search/~/count/events", "/search/~/events/{id}"),
    "/search/~/workspaces/{id}/search",
}
_VIEWERS: Final = {None, "read:data", "read:events"}
"""What viewers' tokens allow."""
_FILES: Final = ("/{path:.*}", "/public/", "/status")
"""What is for everybody, and shows no event."""


async def test_every_other_endpoint_is_closed(tmp_path: Path) -> None:
    """An endpoint is tried here, or refuses the token of a workspace, whatever is sent to it."""
    async with _trial(tmp_path, ("user",)) as trial:
        for one in await asyncio.to_thread(endpoints):
            if one.sandboxed and one.scope in _VIEWERS:
                base = re.sub("^/(v1|api)/(?=search/)", "/", one.path)
                assert base in _TRIED or one.path.startswith(_FILES), f"{one.path} is open and not tried"
            elif one.scope is not None:
                path = re.sub(r"\{\w+\}", "1", one.path)
                for body in (None, {}, {"name": "x", "filters": []}):
                    status, _ = await trial.viewer.ask(one.method, path, body)
                    assert status == 403, (one.method, path)


async def test_a_token_that_was_changed_is_none(tmp_path: Path) -> None:
    """Each of its characters counts, in whichever header it comes; beside another token it is refused."""
    async with _trial(tmp_path, ("user",)) as trial:
        good = await trial.viewer.fresh()
        body = good.removeprefix("apw_")
        changed = [
            f"apw_{body[:place]}{'A' if one != 'A' else 'B'}{body[place + 1 :]}"
            for place, one in enumerate(body)
        ]
        changed += [
            body,
            good + "=",
            good + "A",
            good[:-1],
            f"apw_{'A' * 40}",
            "apw_",
            good.replace("apw_", "apw-"),
            good.upper(),
        ]
        for bad in changed:
            for name in ("X-AUTH-TOKEN", "API-Key"):
                async with trial.client.get("/api/events", headers={name: bad}) as answer:
                    assert answer.status == 401, bad
        async with trial.client.get("/api/events", headers={"X-AUTH-TOKEN": good}) as answer:
            assert answer.status == 200
        for headers in ({"X-AUTH-TOKEN": "admin"}, {"API-Key": "in"}):
            assert (await trial.viewer.ask("GET", "/api/events", **headers))[0] == 401
        # As a parameter it is none, so that it stands in no proxy's log.
        async with trial.client.get("/api/events", params={"token": good}) as answer:
            assert answer.status == 401


async def test_a_stream_ends_when_its_token_is_taken_back(tmp_path: Path) -> None:
    """Who is looking sees nothing more, without asking again."""
    async with _trial(tmp_path, ("user",)) as trial:
        headers = {"Authorization": f"Bearer {await trial.viewer.fresh()}"}
        async with trial.client.get("/api/events/stream", headers=headers) as answer:
            await answer.content.readline()
            path = f"{trial.viewer.path}/embedded"
            async with trial.client.delete(path, headers={"Authorization": "Bearer admin"}) as gone:
                assert gone.status == 200
            async with asyncio.timeout(10):
                assert await answer.content.read() == b""


async def test_a_token_asks_two_questions_at_once_and_sixty_a_minute(tmp_path: Path) -> None:
    """More wait or are told when to come again; another viewer is not held up."""
    async with _trial(tmp_path, ("user",)) as trial:
        token_, statuses = await trial.viewer.fresh(), []
        headers = {"Authorization": f"Bearer {token_}"}
        for _ in range(62):
            async with trial.client.get("/api/me", headers=headers) as answer:
                statuses.append(answer.status)
                if answer.status == 429:
                    assert int(answer.headers["Retry-After"]) >= 1
        assert statuses[:60] == [200] * 60
        assert statuses[-1] == 429
        trial.viewer.renew()
        assert (await trial.viewer.ask("GET", "/api/me"))[0] == 200

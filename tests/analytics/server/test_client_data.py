"""`GET /api/data`: parameters, rows and errors of API Analytics' data API (server/api/lib/routes/routes.go)."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio
from rigs.analytics_server import listening, token

from bridge.analytics.questions.call_rows import COMPACT, MEMBERS
from bridge.analytics.server.client_data import PARAMETERS
from bridge.analytics.server.client_keys import AT_ONCE
from bridge.formats.api_analytics import ClientRequest, ClientRows, hashed_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS: Final = ("8f1c6e9a-4f8d-4c8e-9a0b-1d2e3f405162", "11111111-2222-4333-8444-555555555555")
NOBODYS: Final = "00000000-0000-4000-8000-000000000000"
INVALID: Final = {"status": 400, "message": "Invalid API key."}
WSO2: Final[dict[str, Any]] = {
    "apiName": "Pizza",
    "apiContext": "/pizza/1",
    "apiResourceTemplate": "/menu",
    "apiMethod": "POST",
    "proxyResponseCode": 503,
    "userName": "wilma@carbon.super",
    "requestTimestamp": "2026-03-29T00:00:00.000Z",
    "properties": {"x-original-gw-url": "https://GW.example.com:8243/pizza/1/menu?size=l"},
}


def row(number: int, **members: Any) -> dict[str, Any]:
    return {
        "hostname": "api.example.com",
        "ip_address": f"203.0.113.{number}",
        "path": f"/orders/{number}",
        "user_agent": "curl/8.5.0",
        "method": "GET",
        "status": 200 if number % 2 else 404,
        "response_time": number,
        "user_id": f"user-{number}",
        "created_at": f"2026-03-{27 + number % 3}T23:59:59.{number:03d}Z",
    } | members


def events() -> list[dict[str, Any]]:
    """Two keys' calls, and one of a WSO2 gateway."""
    made = [WSO2]
    for key, count in zip(KEYS, (9, 4), strict=True):
        make = ClientRows(ClientRequest(hashed_key(key), "FastAPI", 0))
        made += [make(row(number)) for number in range(1, count + 1)]
    return [
        {"bridge": {"id": str(UUID(int=place)), "received": "2026-03-30T00:00:00.000Z"}, **event}
        for place, event in enumerate(made)
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    tokens = {
        "ingest": token("in", "ingest"),
        "reports": token("data", "read:data"),
        "all": token("all", "admin"),
    }
    async with listening(tmp_path_factory.mktemp("data"), tokens=tokens) as url:
        headers = {"Authorization": "Bearer in", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession(url) as client,
            client.post("/ingest", data=json.dumps(events()), headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url) as client:
        yield client


async def ask(
    client: aiohttp.ClientSession, given: str = KEYS[0], name: str = "X-AUTH-TOKEN", **parameters: Any
) -> Any:
    async with client.get("/api/data", params=parameters, headers={name: given}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def refused(client: aiohttp.ClientSession, headers: dict[str, str], **parameters: str) -> Any:
    async with client.get("/api/data", params=parameters, headers=headers) as answer:
        content = await answer.json()
        assert content["status"] == answer.status
        return content


async def test_a_key_gets_its_own_rows(client: aiohttp.ClientSession) -> None:
    """The rows are those that were sent with the key, the oldest first, whichever header brings it."""
    rows = await ask(client)
    assert len(rows) == 9
    assert [*rows[0]] == [*MEMBERS]
    assert rows[0] == {
        "hostname": "api.example.com",
        "ip_address": "203.0.113.3",
        "path": "/orders/3",
        "user_agent": "curl/8.5.0",
        "method": 0,
        "status": 200,
        "response_time": 3,
        "location": "",
        "user_id": "user-3",
        "created_at": "2026-03-27T23:59:59.003Z",
    }
    assert [one["created_at"] for one in rows] == sorted(one["created_at"] for one in rows)
    assert await ask(client, name="API-Key") == rows
    assert await ask(client, KEYS[0].upper()) == rows
    assert await ask(client, f"Bearer {KEYS[0]}", "Authorization") == rows
    assert len(await ask(client, KEYS[1])) == 4
    assert await ask(client, NOBODYS) == []


async def test_a_token_sees_all_calls(client: aiohttp.ClientSession) -> None:
    """A token with read:data gets WSO2's calls, too: the host of the gateway, the path of the call."""
    rows = await ask(client, "data")
    assert len(rows) == 14
    (pizza,) = [one for one in rows if one["hostname"] == "gw.example.com:8243"]
    assert (pizza["path"], pizza["method"], pizza["status"]) == ("/pizza/1/menu", 1, 503)
    assert (pizza["user_id"], pizza["response_time"], pizza["ip_address"]) == ("wilma", None, "")


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({"date": "2026-03-28"}, {1, 4, 7}),
        ({"date": "2026-03-28", "dateFrom": "2026-03-29"}, {1, 4, 7}),
        ({"dateFrom": "2026-03-28"}, {1, 2, 4, 5, 7, 8}),
        ({"dateTo": "2026-03-28"}, {1, 3, 4, 6, 7, 9}),
        ({"dateFrom": "2026-03-29", "dateTo": "2026-03-29"}, {2, 5, 8}),
        ({"status": "404"}, {2, 4, 6, 8}),
        ({"ipAddress": "203.0.113.5"}, {5}),
        ({"ip": "203.0.113.5"}, {5}),
        ({"user_id": "user-7"}, {7}),
        ({"userID": "user-7"}, {7}),
        ({"hostname": "API.example.com"}, {*range(1, 10)}),
        ({"hostname": "other.example.com"}, set()),
        ({"location": "de"}, set()),
        ({"page": "2"}, set()),
        ({"date": "", "unknown": "1"}, {*range(1, 10)}),
    ],
)
async def test_parameters(
    client: aiohttp.ClientSession, parameters: dict[str, str], numbers: set[int]
) -> None:
    """Each parameter chooses rows under its documented name and the one that its server reads; the last day is in."""
    rows = await ask(client, **parameters)
    assert {one["response_time"] for one in rows} == numbers


async def test_compact_rows(client: aiohttp.ClientSession) -> None:
    """With compact=true the first row names the members, the others are arrays of the same values."""
    head, *rows = await ask(client, compact="true")
    assert head == [*COMPACT]
    assert [dict(zip(head, one, strict=True)) for one in rows] == [
        {name: one[name] for name in COMPACT} for one in await ask(client)
    ]
    assert await ask(client, NOBODYS, compact="true") == [[*COMPACT]]


async def test_made_up_keys_leave_nothing_behind(client: aiohttp.ClientSession) -> None:
    """Any UUID is a key, so one without calls may not have an erasure begun, which costs the store a walk."""
    for _ in range(3):
        made_up = str(uuid4())
        async with client.delete(f"/api/keys/{made_up}", headers={"API-Key": made_up}) as answer:
            assert (answer.status, bool((await answer.json())["cure"])) == (404, True)
    async with client.get("/api/erasures", headers={"Authorization": "Bearer all"}) as answer:
        assert (await answer.json())["erasures"] == []


async def test_made_up_keys_take_no_place_of_others(client: aiohttp.ClientSession) -> None:
    """All keys without calls together watch as often as one key may; others find their places free."""
    async with AsyncExitStack() as watching:
        statuses = Counter[int]()
        for given in [str(uuid4()) for _ in range(AT_ONCE + 4)] + [KEYS[0]] * (AT_ONCE + 1) + ["all"]:
            headers = {"Authorization": f"Bearer {given}"}
            answer = await watching.enter_async_context(client.get("/api/events/stream", headers=headers))
            statuses[answer.status] += 1
    assert statuses == {200: 2 * AT_ONCE + 1, 429: 5}


@pytest.mark.parametrize("headers", [{}, {"X-AUTH-TOKEN": "nonsense"}, {"API-Key": ""}])
async def test_a_missing_or_wrong_key(client: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    """What is no key is answered as there; what is wrong and its cure stand beside it."""
    content = await refused(client, headers)
    assert {name: content[name] for name in INVALID} == INVALID
    assert content["cure"]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"date": "29.3.2026"}, "date is not a day"),
        ({"dateTo": "2026-02-30"}, "dateTo is not a day"),
        ({"dateFrom": "2026-03-02", "dateTo": "2026-03-01"}, "dateTo is before dateFrom"),
        ({"page": "0"}, "page is not a whole number from 1"),
        ({"status": "ok"}, "status is not a whole number"),
        ({"ip": "home"}, "ipAddress is no address"),
        ({"ip": "1.2.3.4", "ipAddress": "1.2.3.5"}, "ipAddress is there twice, and differs"),
    ],
)
async def test_values_that_are_none(
    client: aiohttp.ClientSession, parameters: dict[str, str], error: str
) -> None:
    """A value that its server would leave out in silence is refused: all rows would be no answer to it."""
    content = await refused(client, {"X-AUTH-TOKEN": KEYS[0]}, **parameters)
    assert content["status"] == 400
    assert content["message"].startswith(error)


async def test_unknown_parameters_are_errors_if_strict(client: aiohttp.ClientSession) -> None:
    """With strict=true an unknown parameter is refused with the nearest known one."""
    content = await refused(client, {"X-AUTH-TOKEN": KEYS[0]}, datefrom="2026-01-01", strict="true")
    assert (content["status"], content["nearest"]) == (400, "dateFrom")
    assert "strict" in PARAMETERS


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("POST", "/api/query", {"measures": ["calls"], "by": ["key"], "from": "2026-01-01"}),
        ("GET", "/api/values?field=user&from=2026-01-01&limit=100", None),
        ("GET", "/api/events?limit=100", None),
        ("GET", "/api/export?format=ndjson&question=" + json.dumps({"from": "2026-01-01"}), None),
    ],
)
async def test_a_key_opens_its_own_dashboard_alone(
    client: aiohttp.ClientSession, method: str, path: str, asked: Any
) -> None:
    """Questions, values, events and exports of a key are about its own calls; another's hash is in no byte."""
    said = []
    for key in KEYS:
        async with client.request(method, path, json=asked, headers={"X-AUTH-TOKEN": key}) as answer:
            said.append(await answer.text())
            assert answer.status == 200, said
    assert "user-9" not in said[1]
    assert hashed_key(KEYS[0]) not in said[1]
    assert hashed_key(KEYS[1]) not in said[0]
    assert "wilma" not in said[0] + said[1]


async def test_a_key_opens_nothing_else(client: aiohttp.ClientSession) -> None:
    """Tokens and state are not for keys, and a key cannot ingest."""
    for method, path in (("GET", "/api/tokens"), ("GET", "/api/state"), ("POST", "/ingest")):
        async with client.request(method, path, headers={"X-AUTH-TOKEN": KEYS[0]}) as answer:
            assert answer.status == 403, path


async def test_a_key_is_made(client: aiohttp.ClientSession) -> None:
    """Both paths answer with a UUID as a JSON text, a new one each time."""
    made = []
    for path in ("/api/generate", "/api/generate-api-key"):
        async with client.get(path) as answer:
            made.append(UUID(await answer.json()))
    assert made[0] != made[1]


async def test_more_rows_than_are_in_memory_at_a_time(tmp_path: Path) -> None:
    """A page of many thousand rows comes whole, and several can be asked for at once."""
    make = ClientRows(ClientRequest(hashed_key(KEYS[0]), "Flask", 0))
    body = [
        {"bridge": {"id": str(UUID(int=10_000 + number))}, **make(row(number % 200))}
        for number in range(12_000)
    ]
    data, headers = io.BytesIO(json.dumps(body).encode()), {"Content-Type": "application/json"}
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        async with client.post("/ingest", data=data, headers=headers) as answer:
            assert answer.status == 200
        pages = await asyncio.gather(*(ask(client) for _ in range(3)))
    assert [len(rows) for rows in pages] == [12_000] * 3

"""Whatever a caller writes is answered or refused; nothing of it makes the server fail."""

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import aiohttp
import pytest
import pytest_asyncio
from rigs.analytics_calls import made_up
from rigs.analytics_server import served

from bridge.analytics.questions.fields import FIELDS
from bridge.analytics.questions.question import KEYS
from bridge.analytics.server.data import TESTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ODD: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e300,
        2**62,
        2**63,
        -(2**63),
        "",
        " ",
        "\0",
        "\x7f",
        "é",
        "𝄞",
        "''",
        '"',
        "\\",
    ),
    *(
        "'; DROP TABLE facts; --",
        "{0}",
        "{local}",
        "%",
        "?",
        "$1",
        "-1",
        "1e9",
        "calls",
        "-calls",
        "now",
        "UTC",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        ["api"],
        ["calls"],
        {"field": "api"},
        "(" * 150,
        "a{1000}{1000}",
        "\\pN",
        "(?i)x",
    ),
    *("x" * 3000, ["x"] * 2000, "../../etc/passwd", "9999-12-31", "0001-01-01", "-0d", "/d", "now/d/d"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    calls = made_up(3, 20, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))
    async with served(tmp_path_factory.mktemp("server"), calls) as client:
        yield client


async def test_no_question_makes_the_server_fail(client: aiohttp.ClientSession) -> None:
    """Each key with each odd value, and filters of each field with odd tests."""
    chance = random.Random(1)
    base = {"measures": ["calls"], "from": "2026-03-28", "to": "2026-03-30"}
    asked = [base | {key: value} for key in KEYS for value in _ODD]
    kinds = {field.kind: name for name, field in FIELDS.items()}
    for name in {*kinds.values(), *chance.sample([*FIELDS], 4), "hour", "kind", "correlation_id"}:
        for test in TESTS:
            values = chance.sample(_ODD, 2)
            asked += [base | {"filters": [{"field": name, test: value}]} for value in values]
            asked.append(base | {"filters": [{"field": name, "is": values, test: values[0]}]})
    failed = []
    for question in asked:
        async with client.post("/api/query", data=json.dumps(question), headers=_JSON) as answer:
            body = await answer.json()
            if answer.status not in {200, 400} or (answer.status == 400 and not body.get("cure")):
                failed.append((question, answer.status, body))
    assert failed == []


_JSON: Final = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "path", ["/api/values", "/api/events", "/api/export", "/api/annotations", "/api/events/x"]
)
async def test_no_parameter_makes_the_server_fail(client: aiohttp.ClientSession, path: str) -> None:
    """Each parameter with each odd text."""
    for name in (
        "field",
        "contains",
        "filters",
        "from",
        "to",
        "time_zone",
        "limit",
        "cursor",
        "question",
        "format",
    ):
        for odd in _ODD:
            text = odd if isinstance(odd, str) else json.dumps(odd)
            async with client.get(path, params={"field": "api", name: text[:1500]}) as answer:
                assert answer.status in {200, 400, 404}, (name, odd, await answer.text())
    async with client.get(f"{path}?field=%ff%fe&x=%00") as answer:
        assert answer.status in {400, 404}


async def test_no_number_is_too_great(client: aiohttp.ClientSession) -> None:
    """A number beyond all that there are is refused, in a filter as in a cursor."""
    great = 10**400
    body = b'{"measures": ["calls"], "filters": [{"field": "status", "is": [%d]}]}' % great
    async with client.post("/api/query", data=body, headers=_JSON) as answer:
        assert (answer.status, (await answer.json())["field"]) == (400, "filters.status")
    for time in (2**63, -(2**63) - 1, 10**30, great):
        cursor = urlsafe_b64encode(f"{time} {UUID(int=0)}".encode()).decode()
        async with client.get("/api/events", params={"cursor": cursor}) as answer:
            assert (answer.status, (await answer.json())["field"]) == (400, "cursor")


@pytest.mark.parametrize(
    "body", [b'{"measures": ["\\ud800"]}', b"\xff", b"[" * 5000, b'"x"', b"null", b"1e999"]
)
async def test_no_body_makes_the_server_fail(client: aiohttp.ClientSession, body: bytes) -> None:
    """What is no JSON, no text or no object is refused."""
    async with client.post("/api/query", data=body, headers=_JSON) as answer:
        assert answer.status == 400, await answer.text()
    lone = b'{"measures": ["calls"], "filters": [{"field": "api", "is": ["\\ud800"]}]}'
    async with client.post("/api/query", data=lone, headers=_JSON) as answer:
        assert answer.status in {200, 400}, await answer.text()

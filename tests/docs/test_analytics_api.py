"""The page about the data API: what it shows can be typed as it stands, and every name in it is one."""

import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio
from docs.pages import blocks, everything, page, section
from rigs.analytics_parts import endpoints
from rigs.analytics_server import served

from bridge.analytics.questions.call_rows import MEMBERS
from bridge.analytics.questions.filters import RANGES, SETS, TEXTS
from bridge.analytics.questions.intervals import INTERVALS
from bridge.analytics.questions.question import KEYS, read_question
from bridge.analytics.server.client_data import PARAMETERS

_PAGE: Final = page("analytics-api.md")


_DATA_PAGE: Final = page("data-api.md")
_KEY: Final = "8f1c6e9a-4f8d-4c8e-9a0b-1d2e3f405162"


def _requests() -> Iterator[list[str]]:
    """Yield the words of each curl command of the pages."""
    for language, block in (*blocks(_PAGE), *blocks(_DATA_PAGE)):
        if language == "sh":
            block = block.replace("$A", "http://bridge").replace("$KEY", _KEY)  # noqa: PLW2901 - as typed
            for command in re.split(r"^(?=curl )", block, flags=re.MULTILINE):
                if command.startswith("curl "):
                    yield shlex.split(command)


class _Curl:
    """What a curl command asks for, as far as the page uses it."""

    def __init__(self, words: list[str]) -> None:
        self.headers: dict[str, str] = {}
        self.data: list[str] = []
        self.query = False
        self.method = "POST"
        rest = iter(words[1:])
        for word in rest:
            match word:
                case "-s" | "-N":
                    pass
                case "-G":
                    self.query = True
                case "-X":
                    self.method = next(rest)
                case "-H":
                    name, _, value = next(rest).partition(": ")
                    self.headers[name] = value
                case "-d" | "--data-urlencode":
                    self.data.append(next(rest))
                case "-o":
                    next(rest)
                case _:
                    assert word.startswith("http://bridge/"), word
                    self.path = word.removeprefix("http://bridge")

    def send(self, client: aiohttp.ClientSession) -> Any:
        if self.query or not self.data:
            parameters = dict(one.split("=", 1) for one in self.data)
            return client.get(self.path, params=parameters, headers=self.headers)
        return client.request(self.method, self.path, data=self.data[0], headers=self.headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    async with served(tmp_path_factory.mktemp("server"), []) as client:
        yield client


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("words", [*_requests()], ids=lambda words: words[-1][:40])
async def test_commands_are_answered(client: aiohttp.ClientSession, words: list[str]) -> None:
    """Each curl command of the page gets an answer from the real server."""
    async with _Curl(words).send(client) as answer:
        assert answer.status in {200, 201}, await answer.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_answers_look_as_they_are_shown(client: aiohttp.ClientSession) -> None:
    """The first answer of the page has the members of a real one, and the error is a real one."""
    shown = [json.loads(block) for language, block in blocks(_PAGE) if language == "json"]
    asked = {"measures": ["calls", "error_rate"], "by": ["api"], "from": "-7d", "compare": "previous"}
    async with client.post("/api/query", json=asked) as answer:
        real = await answer.json()
    assert shown[0].keys() == real.keys()
    assert shown[0]["fields"] == real["fields"]
    async with client.post("/api/query", json={"measures": ["requests"]}) as answer:
        assert await answer.json() == shown[1]


def test_parameters_and_members_of_rows_are_described() -> None:
    """The page about the data API has every parameter, and its row has the members of a real one."""
    assert set(re.findall(r"`(\w+)`", section(_DATA_PAGE, "## Parameters"))) >= {*PARAMETERS}
    (rows,) = [json.loads(block) for language, block in blocks(_DATA_PAGE) if language == "json"]
    assert [*rows[0]] == [*MEMBERS]


def test_every_key_test_interval_and_path_is_described() -> None:
    """What a question may have stands on the page; every path of the API, and of Moesif's, stands in the documents."""
    names = set(re.findall(r"`([a-z_/0-9A-Z]+)`", _PAGE))
    assert {*KEYS, *SETS, *TEXTS, *RANGES, *INTERVALS} <= names
    everywhere = everything()
    # Moesif's calls are described at one of their bases, and shown without it.
    for path in {one.path.removeprefix("/v1") for one in endpoints() if one.summary}:
        if path.startswith(("/api/", "/~/", "/replay/", "/search/", "/portal/", "/workspaces/")):
            shown = re.sub(r"\\\{\w+\\\}", r"[\\w-]+", re.escape(re.sub(r"/\{\w+\}$", "", path)))
            assert re.search(shown, everywhere), path


def test_periods_are_read_as_they_are_written() -> None:
    """Each form in the table of periods is one."""
    cells = re.findall(r"^\| (`.*?) \|", section(_PAGE, "## Periods"), re.MULTILINE)
    forms = [form for cell in cells for form in re.findall(r"`([^`…]+)`", cell)]
    assert len(forms) > 12
    for form in forms:
        at = "2026-12-02T00:00:00Z" if form == "now" else "now"
        asked = {"measures": ["calls"], "from": form, "to": at}
        read_question(asked, now=datetime(2026, 12, 1, 12, tzinfo=UTC), zone=ZoneInfo("Europe/Berlin"))

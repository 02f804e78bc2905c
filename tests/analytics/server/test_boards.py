"""Boards: kept as they were made, changed by one person at a time, and refused with the place of what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema  # type: ignore[import-untyped] # it ships without types
import pytest
from rigs.analytics_server import served

from bridge.analytics.server.examples import BOARDS
from bridge.analytics.server.openapi_schemas import lists, schemas

_VIEW = {"title": "Calls", "form": "time", "question": {"measures": ["calls"], "by": ["api"]}}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with served(tmp_path, []) as client:
        yield client


async def _put(client: aiohttp.ClientSession, board: Any, name: str = "team") -> tuple[int, dict[str, Any]]:
    async with client.put(f"/api/boards/{name}", json=board) as answer:
        return answer.status, await answer.json()


async def _get(client: aiohttp.ClientSession, path: str) -> tuple[int, dict[str, Any]]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def test_a_board_is_kept_listed_replaced_and_removed(client: aiohttp.ClientSession) -> None:
    """The example of the description comes back as it was sent, with what was left out."""
    (board,) = BOARDS.values()
    assert await _put(client, board) == (
        200,
        {"id": "team", "version": 1, **board, "views": [{"width": 1, **view} for view in board["views"]]},
    )
    jsonschema.validate(
        (await _get(client, "/api/boards/team"))[1],
        {"$ref": "#/components/schemas/Board", "components": {"schemas": schemas() | lists()}},
    )
    assert (await _put(client, {"name": "A name", "views": []}))[0] == 200
    assert await _get(client, "/api/boards") == (
        200,
        {"boards": [{"id": "team", "name": "A name", "views": 0}]},
    )
    async with client.delete("/api/boards/team") as first, client.delete("/api/boards/team") as second:
        assert (first.status, second.status) == (200, 404)
    assert (await _get(client, "/api/boards/team"))[0] == 404


async def test_of_two_who_change_a_board_one_is_told(client: aiohttp.ClientSession) -> None:
    """A version is replaced once, by whoever comes first; version 0 is one that is not there."""
    board = {"name": "Team", "views": [_VIEW], "version": 0}
    made = await asyncio.gather(*(_put(client, board) for _ in range(4)))
    assert sorted(status for status, _ in made) == [200, 409, 409, 409]
    changed = await asyncio.gather(*(_put(client, board | {"version": 1, "name": name}) for name in "ab"))
    assert sorted(status for status, _ in changed) == [200, 409]
    (kept,) = [answer for status, answer in changed if status == 200]
    assert (kept["version"], (await _get(client, "/api/boards/team"))[1]["name"]) == (2, kept["name"])


@pytest.mark.parametrize(
    ("view", "field", "said"),
    [
        ({"form": "pie"}, "views[1].form", "unknown form"),
        ({"form": "bars"}, "views[1].form", "unknown form"),
        ({"title": " "}, "views[1].title", "title is not a text"),
        ({"width": 4}, "views[1].width", "width is not 1, 2 or 3"),
        ({"colour": "red"}, "views[1].colour", "unknown key"),
        ({"question": {"measures": ["cals"]}}, "views[1].measures", 'unknown measure "cals"'),
        ({"question": {"measures": ["calls"], "from": "-7d"}}, "views[1].from", "unknown key"),
        (
            {"question": {"measures": ["calls", "errors"]}},
            "views[1].measures",
            "time shows 1 in measures, not 2",
        ),
        (
            {"form": "heatmap", "question": {"measures": ["calls"], "by": ["api"]}},
            "views[1].by",
            "heatmap shows 2 in by, not 1",
        ),
        (
            {"form": "map", "question": {"measures": ["calls"], "by": ["api"]}},
            "views[1].by",
            "a map is by country",
        ),
        ({"form": "events", "question": {"measures": ["calls"]}}, "views[1].measures", "unknown key"),
        (
            {"question": {"measures": ["calls"], "order": ["-calls"]}},
            "views[1].order",
            "a view has one order",
        ),
        (
            {"question": {"measures": ["latency_histogram"]}},
            "views[1].measures",
            "cannot show latency_histogram",
        ),
        (
            {"question": {"measures": ["calls"], "filters": [{"field": "api", "matches": ""}]}},
            "views[1].filters.api",
            "matches of api",
        ),
        ({"form": "table", "question": {"measures": ["calls"], "limit": 101}}, "views[1].limit", "1 to 100"),
        ({"form": "map", "question": {"measures": ["calls"], "limit": 9}}, "views[1].limit", "unknown key"),
    ],
)
async def test_a_view_that_cannot_be_shown_is_refused(
    client: aiohttp.ClientSession, view: dict[str, Any], field: str, said: str
) -> None:
    """The error names the view and its part, and nothing is kept."""
    status, problem = await _put(client, {"name": "Team", "views": [_VIEW, _VIEW | view]})
    assert (status, problem["field"]) == (400, field)
    assert said in problem["error"]
    assert problem["cure"]
    assert (await _get(client, "/api/boards"))[1] == {"boards": []}


async def test_a_board_has_its_limits(client: aiohttp.ClientSession) -> None:
    """Names, numbers, sizes and ids are bounded."""
    board = {"name": "Team", "views": [_VIEW]}
    assert (await _put(client, board, "Team"))[0] == 400
    assert (await _put(client, board, "a" * 65))[0] == 400
    assert (await _put(client, board | {"name": "x" * 101}))[0] == 400
    assert (await _put(client, board | {"views": [_VIEW] * 25}))[0] == 400
    assert (await _put(client, board | {"version": True}))[0] == 400
    assert (await _put(client, [board]))[0] == 400
    many = {"field": "path", "is": ["x" * 1900] * 40}
    assert (await _put(client, board | {"filters": [many]}))[0] == 413
    assert (await _put(client, board))[0] == 200


async def test_events_are_a_view_without_measures(client: aiohttp.ClientSession) -> None:
    """It has filters and a limit."""
    question = {"filters": [{"field": "status_class", "is": ["5xx"]}], "limit": 20}
    view = {"title": "Failing", "form": "events", "width": 3, "question": question}
    status, kept = await _put(client, {"name": "Team", "views": [view]})
    assert (status, kept["views"]) == (200, [view])

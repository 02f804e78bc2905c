"""Boards: made, changed and removed under an id that is chosen by whoever makes one, so that they can be code."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from bridge.analytics.questions.boards import read_board
from bridge.analytics.server.asked import read_body
from bridge.analytics.server.describing import body, gives, in_path, listed, ref, takes
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.examples import BOARDS
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.analytics.store.kept import NotKept
from bridge.errors import Unanswerable
from bridge.web.answers import json_response

BOARD_ID: Final = r"[a-z0-9][a-z0-9-]{0,63}"
_ID: Final = re.compile(BOARD_ID, re.ASCII)
_MOST_BYTES: Final = 64 * 2**10


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of boards."""
    boards = _Boards(served)
    return [
        ApiEndpoint(
            "GET",
            "/api/boards",
            boards.all,
            "read:data",
            "List the boards: id, name, and how many views each has",
            gives(listed("boards", {"type": "object"})),
        ),
        ApiEndpoint(
            "GET",
            "/api/boards/{id}",
            boards.one,
            "read:data",
            "Show a board",
            takes(in_path("id")) | gives(ref("Board")),
        ),
        ApiEndpoint(
            "PUT",
            "/api/boards/{id}",
            boards.keep,
            "admin",
            "Keep a board under an id of your choice; with `version` only if that is the one that is kept, 0 for none",
            takes(in_path("id", pattern=f"^{BOARD_ID}$"))
            | body(ref("Board"), examples=BOARDS)
            | gives(ref("Board")),
        ),
        ApiEndpoint(
            "DELETE",
            "/api/boards/{id}",
            boards.remove,
            "admin",
            "Remove a board",
            takes(in_path("id")) | gives({"type": "object"}),
        ),
    ]


class _Boards:
    def __init__(self, served: Served) -> None:
        self._kept = served.store.kept

    async def all(self, _request: web.Request) -> web.Response:
        found = sorted(await self._kept.boards(), key=lambda board: board[1]["name"].casefold())
        return json_response(
            {
                "boards": [
                    {"id": id_, "name": body["name"], "views": len(body["views"])} for id_, body in found
                ]
            }
        )

    async def one(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        found = await self._kept.board(id_)
        if found is None:
            raise _unknown()
        version, body = found
        return json_response({"id": id_, "version": version, **body})

    async def keep(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if not _ID.fullmatch(id_):
            raise Unanswerable(
                "the id is not of 1 to 64 small letters, digits and hyphens", "choose another", field="id"
            )
        given = await read_body(request)
        version = given.pop("version", None) if isinstance(given, dict) else None
        if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
            raise Unanswerable("version is not a number", "send the one that the board had", field="version")
        body = read_board(given)
        if len(msgspec.json.encode(body)) > _MOST_BYTES:
            raise RequestRefused(413, f"the board has more than {_MOST_BYTES} bytes", "make two of it")
        kept = await self._kept.keep_board(id_, body, version)
        if kept is NotKept.FULL:
            raise RequestRefused(409, "there are too many boards", "delete some")
        if kept is NotKept.CHANGED:
            raise RequestRefused(
                409,
                "the board is not as it was: somebody else has made, changed or removed it since",
                "read it again, and change that",
                field="version",
            )
        return json_response({"id": id_, "version": kept, **body})

    async def remove(self, request: web.Request) -> web.Response:
        if not await self._kept.remove_board(request.match_info["id"]):
            raise _unknown()
        return json_response({})


def _unknown() -> RequestRefused:
    return RequestRefused(404, "no board has this id", "take one from /api/boards")

"""What people keep: annotations in time, and views (questions under a name)."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.periods import read_time, shown
from bridge.analytics.server.asked import parameters, period_of, read_body
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.web.answers import json_response

_MOST_TEXT: Final = 500
_MOST_NAME: Final = 100
# All that there are, also what is planned.
_SINCE: Final = "-10y"
_UNTIL: Final = "+10y"


def routes(served: Served) -> Sequence[web.RouteDef]:
    """Return the routes of annotations and views."""
    kept = _Kept(served)
    return [
        web.get("/api/annotations", kept.annotations),
        web.post("/api/annotations", kept.annotate),
        web.delete("/api/annotations/{id}", kept.remove_annotation),
        web.get("/api/views", kept.views),
        web.post("/api/views", kept.keep_view),
        web.delete("/api/views/{name}", kept.remove_view),
    ]


class _Kept:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._kept = served.store.kept

    async def annotations(self, request: web.Request) -> web.Response:
        period = period_of(
            parameters(request, "from", "to", "time_zone"), self._served, since=_SINCE, until=_UNTIL
        )
        found = await self._kept.annotations(period.start, period.end)
        return json_response(
            {
                "annotations": [
                    {"id": number, "time": shown(time, period.zone), "text": text}
                    for number, time, text in found
                ]
            }
        )

    async def annotate(self, request: web.Request) -> web.Response:
        given = await _object(request, "time", "text")
        text, time, now = given.get("text"), given.get("time", "now"), self._served.now()
        if not isinstance(text, str) or not 0 < len(text) <= _MOST_TEXT:
            raise Unanswerable(
                f"text is not a text of 1 to {_MOST_TEXT} characters", "say what happened", field="text"
            )
        if not isinstance(time, str):
            raise Unanswerable("time is not a text", 'write it like "2026-03-29T12:00:00Z"', field="time")
        at = read_time(time, self._served.zone, now, "time") if time != "now" else microseconds(now)
        number = await self._kept.annotate(at, text)
        if number is None:
            raise _full("annotations")
        return json_response({"id": number, "time": shown(at, self._served.zone), "text": text}, 201)

    async def remove_annotation(self, request: web.Request) -> web.Response:
        try:
            number = str(UUID(request.match_info["id"]))
        except ValueError:
            number = ""
        if not number or not await self._kept.remove_annotation(number):
            raise RequestRefused(404, "no annotation has this id", "take one from /api/annotations")
        return json_response({})

    async def views(self, _request: web.Request) -> web.Response:
        return json_response(
            {"views": [{"name": name, "body": body} for name, body in await self._kept.views()]}
        )

    async def keep_view(self, request: web.Request) -> web.Response:
        given = await _object(request, "name", "body")
        name, body = given.get("name"), given.get("body")
        if not isinstance(name, str) or not 0 < len(name.strip()) <= _MOST_NAME:
            raise Unanswerable(
                f"name is not a text of 1 to {_MOST_NAME} characters", "give it one", field="name"
            )
        if not isinstance(body, dict):
            raise Unanswerable("body is not a JSON object", "send what is to be kept", field="body")
        if not await self._kept.keep_view(name.strip(), body):
            raise _full("views")
        return json_response({"name": name.strip(), "body": body}, 201)

    async def remove_view(self, request: web.Request) -> web.Response:
        if not await self._kept.remove_view(request.match_info["name"]):
            raise RequestRefused(404, "no view has this name", "take one from /api/views")
        return json_response({})


def _full(what: str) -> RequestRefused:
    return RequestRefused(409, f"there are too many {what}", "delete some")


async def _object(request: web.Request, *known: str) -> dict[str, Any]:
    given = await read_body(request)
    if not isinstance(given, dict) or not given.keys() <= {*known}:
        raise Unanswerable(f"the body is not an object of {' and '.join(known)}", "send no more than these")
    return given

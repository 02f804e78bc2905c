"""Annotations: what people mark in time."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from aiohttp import web

from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.periods import read_time, shown
from bridge.analytics.server.asked import parameters, period_of, read_body
from bridge.analytics.server.describing import PERIOD, body, gives, in_path, listed, ref, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.web.answers import json_response

_MOST_TEXT: Final = 500
# All that there are, also what is planned.
_SINCE: Final = "-10y"
_UNTIL: Final = "+10y"


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of annotations."""
    annotations = _Annotations(served)
    made = {
        "time": text("In the forms of `from`; now, if there is none."),
        "text": text(maxLength=_MOST_TEXT),
    }
    return [
        ApiEndpoint(
            "GET",
            "/api/annotations",
            annotations.within,
            "read:data",
            "List the markers of a period",
            takes(*PERIOD) | gives(listed("annotations", ref("Annotation"))),
        ),
        ApiEndpoint(
            "POST",
            "/api/annotations",
            annotations.make,
            "admin",
            "Set a marker, such as a deployment",
            body({"type": "object", "properties": made, "required": ["text"]})
            | gives(ref("Annotation"), status="201"),
        ),
        ApiEndpoint(
            "DELETE",
            "/api/annotations/{id}",
            annotations.remove,
            "admin",
            "Remove a marker",
            takes(in_path("id")) | gives({"type": "object"}),
        ),
    ]


class _Annotations:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._kept = served.store.kept

    async def within(self, request: web.Request) -> web.Response:
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

    async def make(self, request: web.Request) -> web.Response:
        given = await read_body(request)
        if not isinstance(given, dict) or not given.keys() <= {"time", "text"}:
            raise Unanswerable("the body is not an object of time and text", "send no more than these")
        text, time, now = given.get("text"), given.get("time", "now"), self._served.now()
        if not isinstance(text, str) or not 0 < len(text) <= _MOST_TEXT:
            raise Unanswerable(
                f"text is not a text of 1 to {_MOST_TEXT} characters", "say what happened", field="text"
            )
        if not isinstance(time, str):
            raise Unanswerable("time is not a text", 'write it like "2026-03-29T12:00:00Z"', field="time")
        at = read_time(time, self._served.zone, now, "time") if time != "now" else microseconds(now)
        first, last = (read_time(end, self._served.zone, now, "time") for end in (_SINCE, _UNTIL))
        if not first <= at < last:
            raise Unanswerable("time is more than ten years away", "correct it", field="time")
        number = await self._kept.annotate(at, text)
        if number is None:
            raise RequestRefused(409, "there are too many annotations", "delete some")
        return json_response({"id": number, "time": shown(at, self._served.zone), "text": text}, 201)

    async def remove(self, request: web.Request) -> web.Response:
        try:
            number = str(UUID(request.match_info["id"]))
        except ValueError:
            number = ""
        if not number or not await self._kept.remove_annotation(number):
            raise RequestRefused(404, "no annotation has this id", "take one from /api/annotations")
        return json_response({})

"""Single events: newest first by pages, one with all that it said, and live."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web

from bridge.analytics.questions.events import EventListing, Events, flat, read_cursor
from bridge.analytics.questions.live import LiveFilters, live_values
from bridge.analytics.questions.question import read_zone
from bridge.analytics.questions.texts import check_patterns
from bridge.analytics.server.asked import filters_of, parameters, period_of, whole_number
from bridge.analytics.server.describing import (
    FILTERS,
    LIMIT,
    PERIOD,
    TIME_ZONE,
    gives,
    in_path,
    named,
    parameter,
    ref,
    takes,
    text,
)
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import Line, RequestRefused
from bridge.analytics.server.served import Served
from bridge.web.answers import json_response

_DEFAULT_PAGE: Final = 50
_MOST_PAGE: Final = 1000
# All that there is, from gateways whose clocks are ahead, too: an event is looked for by its words, not by its time.
_SINCE: Final = "-10y"
_UNTIL: Final = "+1y"
_MOST_WATCHERS: Final = 100
_FRAME_SECONDS: Final = 0.25
_SIGN_OF_LIFE_SECONDS: Final = 15.0


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of events."""
    events = _Events(served)
    page = {
        "events": {"type": "array", "items": ref("Event")},
        "next": {"type": ["string", "null"]},
    }
    return [
        ApiEndpoint(
            "GET",
            "/api/events",
            events.page,
            "read:events",
            "List events, the newest first",
            takes(FILTERS, *PERIOD, LIMIT, parameter("cursor", text("`next` of the page before.")))
            | gives({"type": "object", "properties": page}),
            sandboxed=True,
        ),
        ApiEndpoint(
            "GET",
            "/api/events/stream",
            events.stream,
            "read:events",
            "Send events as they come in: a line of JSON each, an empty line as a sign of life",
            takes(FILTERS, TIME_ZONE)
            | gives({"anyOf": [ref("Event"), ref("Missed")]}, "application/x-ndjson"),
            sandboxed=True,
            streamed=True,
        ),
        ApiEndpoint(
            "GET",
            "/api/events/{id}",
            events.one,
            "read:events",
            "Show one event with all that it said",
            takes(in_path("id"), TIME_ZONE)
            | gives(named("fields", ref("Event")) | {"required": ["fields", "event"]}),
            sandboxed=True,
        ),
    ]


class _Events:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._events = Events(served.store)
        self._watchers = Line(_MOST_WATCHERS)

    async def page(self, request: web.Request) -> web.Response:
        given = parameters(request, "filters", "from", "to", "time_zone", "limit", "cursor")
        listing = EventListing(
            period_of(given, self._served, since=_SINCE, until=_UNTIL),
            filters_of(given),
            whole_number(given, "limit", _DEFAULT_PAGE, _MOST_PAGE),
            read_cursor(given["cursor"]) if given.get("cursor") else None,
        )
        async with self._served.turn():
            events, following = await self._events.page(listing, self._served.seconds)
        return json_response({"events": events, "next": following})

    async def one(self, request: web.Request) -> web.Response:
        zone = read_zone(parameters(request, "time_zone").get("time_zone"), self._served.zone)
        try:
            number = str(UUID(request.match_info["id"]))
        except ValueError:
            raise RequestRefused(404, "this is no id of an event", "take one from /api/events") from None
        async with self._served.turn():
            fields = await self._events.one(number, zone, self._served.seconds)
            event = None if fields is None else await self._served.store.event(number)
        if event is None:
            raise RequestRefused(404, "no event has this id", "take one from /api/events")
        return json_response({"fields": fields, "event": event})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send what comes in and passes the filters: a line an event, an empty one as a sign of life.

        One who reads too slowly is told how many events were left out, in front of the next ones.
        """
        served = self._served
        given = parameters(request, "filters", "time_zone")
        zone, filters = read_zone(given.get("time_zone"), served.zone), filters_of(given)
        await check_patterns(filters, served.store, served.seconds)
        live = LiveFilters(filters, zone, served.store)
        async with self._watchers.place():
            with served.store.watching() as watcher:
                response = web.StreamResponse(
                    headers={
                        "Content-Type": "application/x-ndjson",
                        "Cache-Control": "no-store",
                        # nginx keeps small pieces back unless it is told not to.
                        "X-Accel-Buffering": "no",
                    }
                )
                await response.prepare(request)
                await response.write(b"\n")
                while True:
                    fed = await watcher.take(_SIGN_OF_LIFE_SECONDS)
                    missed = watcher.missed()
                    passing = await live.passing([live_values(one) for one in fed], served.seconds)
                    lines = b"".join(msgspec.json.encode(flat(one, zone)) + b"\n" for one in passing)
                    if missed:
                        served.metrics.count("analytics_stream_missed", missed)
                        lines = msgspec.json.encode({"missed": missed}) + b"\n" + lines
                    if lines or not fed:
                        await response.write(lines or b"\n")
                    # A frame at a time: nobody reads faster, and each costs a write for everybody who looks.
                    await asyncio.sleep(_FRAME_SECONDS)

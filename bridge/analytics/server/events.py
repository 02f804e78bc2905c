"""Single events: newest first by pages, and one with all that it said."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from aiohttp import web

from bridge.analytics.questions.events import EventListing, Events, read_cursor
from bridge.analytics.questions.question import read_zone
from bridge.analytics.server.access import rights_of
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
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.web.answers import json_response

_DEFAULT_PAGE: Final = 50
_MOST_PAGE: Final = 1000
# All that there is, from gateways whose clocks are ahead, too: an event is looked for by its words, not by its time.
_SINCE: Final = "-10y"
_UNTIL: Final = "+1y"


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

    async def page(self, request: web.Request) -> web.Response:
        given = parameters(request, "filters", "from", "to", "time_zone", "limit", "cursor")
        listing = EventListing(
            period_of(given, self._served, since=_SINCE, until=_UNTIL),
            filters_of(given),
            whole_number(given, "limit", _DEFAULT_PAGE, _MOST_PAGE),
            read_cursor(given["cursor"]) if given.get("cursor") else None,
        )
        rights = rights_of(request)
        listing = listing.within(rights.sandbox)
        async with self._served.turn(rights):
            events, following = await self._events.page(listing, self._served.seconds)
        return json_response({"events": events, "next": following})

    async def one(self, request: web.Request) -> web.Response:
        zone = read_zone(parameters(request, "time_zone").get("time_zone"), self._served.zone)
        try:
            number = str(UUID(request.match_info["id"]))
        except ValueError:
            raise RequestRefused(404, "this is no id of an event", "take one from /api/events") from None
        rights = rights_of(request)
        columns = None if rights.sandbox is None else rights.sandbox.fields
        async with self._served.turn(rights):
            fields = await self._events.one(number, zone, self._served.seconds, rights.sandbox)
            event = None if fields is None else await self._served.store.event(number, columns)
        if event is None:
            raise RequestRefused(404, "no event has this id", "take one from /api/events")
        return json_response({"fields": fields, "event": event})

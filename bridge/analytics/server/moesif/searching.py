"""Moesif's searches of events: pages of hits, counts, single events, figures."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from bridge.analytics.admin import workspaces
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.events import EventListing, Events
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import parameters, read_body
from bridge.analytics.server.describing import body, gives, in_path, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.moesif.figures import MoesifFigures
from bridge.analytics.server.moesif.paths import at_every_base
from bridge.analytics.server.moesif.timing import cut, milliseconds, searched_period
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rights import Rights
from bridge.analytics.server.served import Served
from bridge.contracts import Gateway
from bridge.errors import Unanswerable
from bridge.events.event import from_object
from bridge.formats.moesif.mapping import moesif_form
from bridge.formats.moesif.searches import MOST_HITS, EventSearch, read_search, wanted
from bridge.formats.moesif.stored import stored_event
from bridge.web.answers import json_response

_PAGE: Final = 1000
_TAKE: Final = 1000
_FIRST_ID: Final = str(UUID(int=0))
_SHARDS: Final = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return Moesif's searches."""
    searching = _Searching(served)
    period = [parameter(name, text(), required=True) for name in ("from", "to")]
    more = [parameter("app_id", text()), parameter("time_zone", text())]
    asked = body({"type": "object"})
    found = gives({"type": "object"})
    scope: Final = "read:events"
    return [
        *at_every_base(
            "POST",
            "/search/~/search/events",
            searching.search,
            scope,
            "Search events, the newest first, and make figures of them",
            takes(*period, *more) | asked | found,
            sandboxed=True,
        ),
        *at_every_base(
            "POST",
            "/search/~/count/events",
            searching.count,
            scope,
            "Count events",
            takes(*period, *more, parameter("track_total_hits", {"type": "boolean"})) | asked | found,
            sandboxed=True,
        ),
        *at_every_base(
            "GET",
            "/search/~/events/{id}",
            searching.one,
            scope,
            "Show one event with all that it said",
            takes(in_path("id"), *more, parameter("event_time", text("Without effect."))) | found,
            sandboxed=True,
        ),
        *at_every_base(
            "POST",
            "/search/~/workspaces/{id}/search",
            searching.within,
            scope,
            "Search the events that a workspace shows",
            takes(
                in_path("id"),
                *period,
                *more,
                parameter("include_details", {"type": "boolean"}),
                parameter("take", {"type": "integer", "minimum": 1, "maximum": MOST_HITS}),
            )
            | asked
            | gives({"type": "object"}, status="201"),
            sandboxed=True,
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search with the period of its address."""

    search: EventSearch
    period: Period
    queried: tuple[CallFilter, ...]
    """What the query asks for."""
    passing: tuple[CallFilter, ...]
    """That, and the post_filter."""
    shown: Period
    """When the hits are from: the post_filter may bound it, too."""


class _Searching:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._events = Events(served.store)
        self._answerer = Answerer(served.store)

    async def search(self, request: web.Request) -> web.Response:
        """Answer with 200, which is what clients take; Moesif's OpenAPI says 201."""
        given = parameters(request, "from", "to", "app_id", "time_zone")
        asked = self._asked(await _body(request), given)
        return json_response(await self._found(asked, rights_of(request), given.get("app_id", "~")))

    async def count(self, request: web.Request) -> web.Response:
        given = parameters(request, "from", "to", "app_id", "time_zone", "track_total_hits")
        asked = self._asked({**await _body(request), "size": 0, "from": 0}, given)
        found = await self._found(asked, rights_of(request), given.get("app_id", "~"))
        found["hits"]["max_score"] = None
        return json_response({**found, "_shards": _SHARDS})

    async def within(self, request: web.Request) -> web.Response:
        """Search within a workspace's sandbox, whoever asks."""
        given = parameters(request, "from", "to", "app_id", "time_zone", "include_details", "take")
        rights, number = rights_of(request), request.match_info["id"]
        served = self._served
        kept = await served.admin.read(lambda connection: workspaces.get(connection, number))
        opened = None if rights.workspace is None else rights.workspace.kept.id
        own = rights.sandbox is None or opened == number
        if kept is None or not own or kept.ended(int(served.clock.time() * 1000)):
            raise RequestRefused(404, "no workspace has this id", "take one from ~/workspaces")
        search = await _body(request)
        take = given.get("take", str(_TAKE))
        if not (take.isascii() and take.isdecimal() and len(take) < 8 and 1 <= int(take) <= MOST_HITS):
            raise Unanswerable(
                f"take is not a whole number from 1 to {MOST_HITS}", "correct it", field="take"
            )
        asked = self._asked({"size": int(take), **search}, given)
        if rights.sandbox is None:
            rights = replace(rights, sandbox=kept.workspace.sandbox({}, served.zone, served.now()))
        return json_response(await self._found(asked, rights, given.get("app_id", "~")), 201)

    async def one(self, request: web.Request) -> web.Response:
        given = parameters(request, "app_id", "time_zone", "event_time")
        served, sandbox = self._served, rights_of(request).sandbox
        try:
            number = str(UUID(request.match_info["id"]))
        except ValueError:
            raise RequestRefused(404, "this is no id of an event", "take an _id of a hit") from None
        async with served.turn(rights_of(request)):
            fields = await self._events.one(number, served.zone, served.seconds, sandbox)
            whole = sandbox is None or sandbox.fields is None
            event = await served.store.event(number) if fields is not None and whole else None
        if fields is None:
            raise RequestRefused(404, "no event has this id", "take an _id of a hit")
        source = stored_event(fields, "~", given.get("app_id", "~"))
        if event is not None:
            source = _joined(_as_sent(event, number, fields), source)
        return json_response(_hit(fields, source))

    def _asked(self, given: dict[str, Any], address: dict[str, str]) -> _Asked:
        search, period = read_search(given), searched_period(address, self._served)
        now = self._served.now()
        queried = read_filters(search.query.filters)
        within = cut(period, search.query.bounds, now)
        return _Asked(
            search,
            within,
            queried,
            (*queried, *read_filters(search.post_filter.filters)),
            cut(within, search.post_filter.bounds, now),
        )

    async def _found(self, asked: _Asked, rights: Rights, app: str) -> dict[str, Any]:
        served, search, began = self._served, asked.search, time.perf_counter()
        sandbox = rights.sandbox
        figures = MoesifFigures(self._answerer, sandbox, served.seconds)
        async with served.turn(rights):
            total = await figures.count(asked.passing, asked.shown)
            events = await self._page(asked, sandbox) if search.size and total else []
            said = (
                await figures.answer(search.aggregations, asked.queried, asked.period)
                if search.aggregations
                else None
            )
        hits = [
            _hit(one, wanted(stored_event(one, "~", app), search.source)) for one in events[search.offset :]
        ]
        answer: dict[str, Any] = {
            "took": round((time.perf_counter() - began) * 1000),
            "timed_out": False,
            "hits": {"total": total, "hits": hits},
        }
        return answer if said is None else answer | {"aggregations": said}

    async def _page(self, asked: _Asked, sandbox: Sandbox | None) -> list[dict[str, Any]]:
        search, before = asked.search, None
        if search.after is not None:
            at, number = search.after
            before = (at * 1000, _id_of(number) if number else _FIRST_ID)
        listing = EventListing(asked.shown, asked.passing, search.size + search.offset, before).within(
            sandbox
        )
        pages = self._events.pages(listing, _PAGE, self._served.seconds)
        return [event async for page in pages for event in page]


async def _body(request: web.Request) -> dict[str, Any]:
    """Return the body of a search; none at all asks for everything."""
    if not request.can_read_body:
        return {}
    given = await read_body(request)
    if not isinstance(given, dict):
        raise Unanswerable(
            "the search is not an object", 'write it like {"query": {"term": {"user_id.raw": "a"}}}'
        )
    return given


def _id_of(number: str) -> str:
    try:
        return str(UUID(number))
    except ValueError:
        raise Unanswerable(
            "search_after is no place in the list",
            "send the `sort` of the last hit as it is",
            field="search_after",
        ) from None


def _hit(event: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    return {"_id": event["id"], "_source": source, "sort": [milliseconds(event["time"]), event["id"]]}


def _as_sent(event: dict[str, Any], number: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return an event as the `moesif` sink would send it: with headers, bodies and all metadata."""
    received_ms = milliseconds(fields.get("received", fields["time"]))
    form = moesif_form(from_object(event), number, received_ms, Gateway(fields.get("instance", ""), None))
    made: dict[str, Any] = msgspec.to_builtins(form)
    return made


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the members of both, with those of the other where both have one."""
    joined = dict(one)
    for name, value in other.items():
        before = joined.get(name)
        joined[name] = (
            _joined(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
        )
    return joined

"""The live stream: events as they come in."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from bridge.analytics.questions.events import EventListing, flat
from bridge.analytics.questions.live import LiveFilters, admitting, is_told_at_once, live_values
from bridge.analytics.questions.periods import read_period
from bridge.analytics.questions.question import read_zone
from bridge.analytics.questions.texts import check_patterns
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import filters_of, parameters
from bridge.analytics.server.describing import FILTERS, TIME_ZONE, gives, ref, takes
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.rates import TokenTurns
from bridge.analytics.server.refusals import Line, RequestRefused
from bridge.analytics.server.rights import Rights
from bridge.analytics.server.served import Served

_MOST_WATCHERS: Final = 100
_FRAME_SECONDS: Final = 0.25
_SIGN_OF_LIFE_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 1.0
"""How long a token that was revoked may still see what comes in."""


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoint of the stream."""
    return [
        ApiEndpoint(
            "GET",
            "/api/events/stream",
            _Stream(served).stream,
            "read:events",
            "Send events as they come in: a line of JSON each, an empty line as a sign of life",
            takes(FILTERS, TIME_ZONE)
            | gives({"anyOf": [ref("Event"), ref("Missed")]}, "application/x-ndjson"),
            sandboxed=True,
            streamed=True,
        )
    ]


class _Stream:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._watchers = Line(_MOST_WATCHERS)
        self._turns = TokenTurns(most_waiting=0)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send what comes in and passes the filters.

        One who reads too slowly is told how many events were left out, in front of the next ones.
        """
        served, rights = self._served, rights_of(request)
        if rights.workspace is not None and not rights.workspace.kept.workspace.live:
            raise RequestRefused(403, "this workspace does not show events as they come in", "ask for a list")
        given = parameters(request, "filters", "time_zone")
        zone, filters = read_zone(given.get("time_zone"), served.zone), filters_of(given)
        # Nothing of the past is listed: this says what may be filtered by.
        EventListing(read_period("-1m", "now", zone, served.now()), filters, 1).within(rights.sandbox)
        await check_patterns(filters, served.store, served.seconds)
        sandbox = rights.sandbox
        held = LiveFilters(sandbox.filters if sandbox is not None else (), zone, served.store)
        asked = LiveFilters(filters, zone, served.store)
        wanted = None if sandbox is None else admitting(sandbox)
        async with self._watchers.place(), self._turns.turn(rights):
            with served.store.watching(wanted) as watcher:
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
                loop = asyncio.get_running_loop()
                written = loop.time()
                while self._may_go_on(request, rights):
                    fed = await watcher.take(_LOOK_SECONDS)
                    missed = watcher.missed()
                    # The caller's filters are tried on nothing that the sandbox does not hold.
                    inside = await held.passing([live_values(one) for one in fed], served.seconds)
                    passing = await asked.passing(inside, served.seconds)
                    lines = b"".join(msgspec.json.encode(flat(one, zone, sandbox)) + b"\n" for one in passing)
                    if missed:
                        served.metrics.count("analytics_stream_missed", missed)
                        # Where texts hold the sandbox, some of these may be outside.
                        if sandbox is None or is_told_at_once(sandbox):
                            lines = msgspec.json.encode({"missed": missed}) + b"\n" + lines
                    if lines or loop.time() - written >= _SIGN_OF_LIFE_SECONDS:
                        await response.write(lines or b"\n")
                        written = loop.time()
                    # A frame at a time: nobody reads faster, and each costs a write for everybody who looks.
                    await asyncio.sleep(_FRAME_SECONDS)
                return response

    def _may_go_on(self, request: web.Request, rights: Rights) -> bool:
        """Return whether the caller may still see what the stream was begun for."""
        try:
            now = self._served.access.rights(request)
        except RequestRefused:
            return False
        if now.workspace is None or rights.workspace is None:
            return now == rights
        return now.workspace == rights.workspace

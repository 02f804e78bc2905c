"""Monitors: made, changed, paused and removed under an id of one's choice, tried out, and what is known of them."""

import re
from collections.abc import Callable, Sequence
from sqlite3 import Connection
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from bridge.analytics.admin import monitors, probes
from bridge.analytics.admin.monitors import MOST_MONITORS, MOST_OF_A_KEY, OPERATORS, KeptMonitor
from bridge.analytics.monitoring.reading import read_monitor
from bridge.analytics.monitoring.standing import ProbeState
from bridge.analytics.monitoring.summary import (
    WINDOWS,
    Days,
    chart,
    hours_of,
)
from bridge.analytics.questions.question import read_zone
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import parameters, read_body, whole_number
from bridge.analytics.server.describing import (
    LIMIT,
    TIME_ZONE,
    body,
    gives,
    in_path,
    listed,
    parameter,
    ref,
    takes,
)
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.examples import MONITORS
from bridge.analytics.server.monitoring import history_answer, incident_answer, monitor_answer
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.web.answers import json_response

MONITOR_ID: Final = r"[a-z0-9][a-z0-9-]{0,63}"
MOST_PROBES: Final = 3_000
_T = TypeVar("_T")
_ID: Final = re.compile(MONITOR_ID, re.ASCII)
_STATES: Final = {
    ProbeState.DOWN: "down",
    ProbeState.UP: "up",
    ProbeState.FAILING: "failing",
    ProbeState.STOPPED: "paused",
}


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of monitors."""
    made = _Monitors(served)
    one, id_ = ref("MonitorState"), in_path("id", pattern=f"^{MONITOR_ID}$")
    window = parameter("window", {"enum": [*WINDOWS], "default": "24h"})
    asked = body(ref("Monitor"), examples=MONITORS)
    outcome: dict[str, Any] = {"type": "object"}
    table: list[tuple[str, str, Any, str, dict[str, Any]]] = [
        (
            "GET",
            "/api/monitors",
            made.all,
            "List the monitors, how they stand and have stood",
            takes(TIME_ZONE) | gives(listed("monitors", one)),
        ),
        (
            "GET",
            "/api/monitors/{id}",
            made.one,
            "Show a monitor, with a chart of a window",
            takes(id_, window, TIME_ZONE) | gives(one),
        ),
        (
            "PUT",
            "/api/monitors/{id}",
            made.keep,
            "Keep a monitor under an id of your choice; with `version` only in place of that one, 0 for none",
            takes(id_) | asked | gives(one),
        ),
        (
            "DELETE",
            "/api/monitors/{id}",
            made.remove,
            "Remove a monitor and all that is known of it",
            takes(id_) | gives(outcome),
        ),
        (
            "POST",
            "/api/monitors/{id}/pause",
            made.pause,
            "Pause a monitor, or let it go on",
            takes(id_)
            | body({"type": "object", "properties": {"paused": {"type": "boolean"}}, "required": ["paused"]})
            | gives(one),
        ),
        (
            "POST",
            "/api/monitors/{id}/try",
            made.attempt,
            "Probe once what may become this monitor, and keep nothing",
            takes(id_) | asked | gives(outcome),
        ),
        (
            "GET",
            "/api/monitors/{id}/probes",
            made.probes,
            "List what came of the probes of the last eight days, the newest first",
            takes(id_, LIMIT) | gives(listed("probes", outcome)),
        ),
        (
            "GET",
            "/api/monitors/{id}/incidents",
            made.incidents,
            "List when it was down in the last 90 days, the newest first",
            takes(id_) | gives(listed("incidents", ref("Incident"))),
        ),
    ]
    return [
        ApiEndpoint(verb, path, answer, "admin", about, more, of_keys=True)
        for verb, path, answer, about, more in table
    ]


class _Monitors:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._admin = served.admin
        self._rounds = served.monitors

    async def all(self, request: web.Request) -> web.Response:
        now_ms = self._now_ms()
        days = Days.until(
            now_ms, read_zone(parameters(request, "time_zone").get("time_zone"), self._served.zone)
        )
        kept = self._rounds.all(_owner(request))

        def look(connection: Connection) -> list[dict[str, Any]]:
            found = []
            for one in kept:
                hours = hours_of(connection, one.number, now_ms, of_a_day=True)
                found.append(monitor_answer(one) | history_answer(hours, days, now_ms, of_a_day=True))
            return found

        return json_response({"monitors": await self._read(look)})

    async def one(self, request: web.Request) -> web.Response:
        given = parameters(request, "window", "time_zone")
        window = one_of(given.get("window", "24h"), WINDOWS, "window", "window")
        kept, now_ms = self._kept(request), self._now_ms()
        days = Days.until(now_ms, read_zone(given.get("time_zone"), self._served.zone))

        def look(connection: Connection) -> dict[str, Any]:
            hours = hours_of(connection, kept.number, now_ms)
            points = chart(connection, kept.number, hours, window, now_ms)
            return (
                monitor_answer(kept)
                | history_answer(hours, days, now_ms, of_a_day=False)
                | {"chart": [{"time": format_ms(point.pop("time_ms")), **point} for point in points]}
            )

        return json_response(await self._read(look))

    async def keep(self, request: web.Request) -> web.Response:
        owner, id_, (version, given) = _owner(request), _id(request), await _monitor_and_version(request)
        now_ms = self._now_ms()

        def work(connection: Connection) -> int | None:
            before = monitors.find(connection, owner, id_)
            if version is not None and version != (before.version if before else 0):
                raise RequestRefused(
                    409,
                    "the monitor is not as it was: somebody else has made, changed or removed it since",
                    "read it again, and change that",
                    field="version",
                )
            monitor = read_monitor(given, before.monitor if before else None)
            if monitor.public and owner != OPERATORS:
                raise Unanswerable("a key's monitors are its own", "leave public out", field="public")
            return monitors.keep(connection, owner, id_, monitor, now_ms=now_ms, most=_most(owner))

        if await self._admin.write(work) is None:
            raise RequestRefused(409, f"there are {_most(owner)} monitors, and no more may be", "delete some")
        return await self._changed(request, "a monitor was kept")

    async def pause(self, request: web.Request) -> web.Response:
        owner, kept, given = _owner(request), self._kept(request), await read_body(request)
        if not isinstance(given, dict) or given.keys() != {"paused"} or not isinstance(given["paused"], bool):
            raise Unanswerable(
                "the body does not say whether it is paused", 'send {"paused": true}', field="paused"
            )
        monitor = msgspec.structs.replace(kept.monitor, paused=given["paused"])
        await self._admin.write(
            lambda connection: monitors.keep(
                connection, owner, kept.id, monitor, now_ms=self._now_ms(), most=_most(owner)
            )
        )
        return await self._changed(request, "a monitor was paused" if monitor.paused else "a monitor goes on")

    async def remove(self, request: web.Request) -> web.Response:
        owner, id_ = _owner(request), request.match_info["id"]
        if not await self._admin.write(lambda connection: monitors.remove(connection, owner, id_)):
            raise _unknown()
        await self._rounds.changed()
        self._served.logger.info("a monitor was removed", monitor=id_, by=rights_of(request).name)
        return json_response({})

    async def attempt(self, request: web.Request) -> web.Response:
        owner, id_, (_, given) = _owner(request), _id(request), await _monitor_and_version(request)
        before = await self._admin.read(lambda connection: monitors.find(connection, owner, id_))
        monitor = read_monitor(given, before.monitor if before else None)
        async with self._served.turns.turn(rights_of(request)):
            outcome = await self._rounds.ask(monitor, owner)
        return json_response(
            {
                "up": outcome.reason is None,
                "took_ms": outcome.took_ms,
                "status": outcome.status,
                "reason": outcome.reason,
                "detail": outcome.detail,
                "tls_expires": None if outcome.expires_ms is None else format_ms(outcome.expires_ms),
            }
        )

    async def probes(self, request: web.Request) -> web.Response:
        most = whole_number(parameters(request, "limit"), "limit", 100, MOST_PROBES)
        number = self._kept(request).number
        rows = await self._read(lambda connection: probes.probes(connection, number, 0, 1 << 62, most))
        return json_response(
            {
                "probes": [
                    {
                        "time": format_ms(row.time_ms),
                        "state": _STATES[ProbeState(row.state)],
                        "took_ms": row.took_ms,
                        "status": row.status,
                        "reason": row.reason,
                    }
                    for row in reversed(rows)
                ]
            }
        )

    async def incidents(self, request: web.Request) -> web.Response:
        number, since_ms = self._kept(request).number, self._now_ms() - WINDOWS["90d"]
        found = await self._read(lambda connection: monitors.incidents(connection, number, since_ms))
        return json_response({"incidents": [*map(incident_answer, found)]})

    async def _changed(self, request: web.Request, happened: str) -> web.Response:
        await self._rounds.changed()
        kept = self._kept(request)
        self._served.logger.info(happened, monitor=kept.id, by=rights_of(request).name)
        return json_response(monitor_answer(kept))

    async def _read(self, look: Callable[[Connection], _T]) -> _T:
        """Return what is on disk, with all that has come."""
        await self._rounds.settle()
        return await self._admin.read(look)

    def _kept(self, request: web.Request) -> KeptMonitor:
        """Return the monitor that a request names, as it stands; raises RequestRefused."""
        owner, id_ = _owner(request), request.match_info["id"]
        for kept in self._rounds.all(owner):
            if kept.id == id_:
                return kept
        raise _unknown()

    def _now_ms(self) -> int:
        return int(self._served.clock.time() * 1000)


def _owner(request: web.Request) -> str:
    """Return whose monitors a request is about: a key has its own, and sees no others."""
    return rights_of(request).key or OPERATORS


def _most(owner: str) -> int:
    return MOST_MONITORS if owner == OPERATORS else MOST_OF_A_KEY


def _id(request: web.Request) -> str:
    id_ = request.match_info["id"]
    if not _ID.fullmatch(id_):
        raise Unanswerable(
            "the id is not of 1 to 64 small letters, digits and hyphens", "choose another", field="id"
        )
    return id_


async def _monitor_and_version(request: web.Request) -> tuple[int | None, Any]:
    """Return the version that shall be replaced, None for any, and what is to be read as a monitor."""
    given = await read_body(request)
    version = given.pop("version", None) if isinstance(given, dict) else None
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise Unanswerable("version is not a number", "send the one that the monitor had", field="version")
    return version, given


def _unknown() -> RequestRefused:
    return RequestRefused(404, "no monitor has this id", "take one from /api/monitors")

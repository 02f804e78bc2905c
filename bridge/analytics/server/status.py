"""The status page's content, for everybody: the monitors that are marked public, without anything of the inside.

Neither URL nor answer of an endpoint is told, nor the operator's words for a failure: a name, how it stands and stood,
and a reason of a fixed list. What is told is kept for some seconds, so that many readers cost no more than one.
"""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from aiohttp import web

from bridge.analytics.admin import monitors
from bridge.analytics.admin.monitors import Incident, KeptMonitor
from bridge.analytics.monitoring.probe import REASONS
from bridge.analytics.monitoring.summary import WINDOWS, Days, hours_of
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.asked import parameters
from bridge.analytics.server.badges import BADGES, SvgBadge, badge_of
from bridge.analytics.server.describing import gives, in_path, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.monitoring import history_answer
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.events.times import format_ms
from bridge.web.answers import json_response, response

_KEPT_SECONDS: Final = 10.0
_MOST_INCIDENTS: Final = 100
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": f"public, max-age={_KEPT_SECONDS:g}",
    "X-Content-Type-Options": "nosniff",
}


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of the status page's content."""
    status = _Status(served)
    page: dict[str, Any] = {"type": "object"}
    badge = takes(
        in_path("id"),
        parameter("of", {"enum": [*BADGES], "default": "state"}),
        parameter("window", {"enum": [*WINDOWS], "default": "30d"}),
    )
    table: list[tuple[str, Any, str, dict[str, Any]]] = [
        ("/status.json", status.content, "Show what the status page shows", gives(page)),
        (
            "/status/{page}.json",
            status.content,
            "Show what another status page shows",
            takes(in_path("page")) | gives(page),
        ),
        (
            "/status/badges/{id}.svg",
            status.drawn,
            "Draw a badge of a public monitor",
            badge | gives(text(), "image/svg+xml"),
        ),
        (
            "/status/badges/{id}.json",
            status.written,
            "Tell a badge's content, in shields.io's form",
            badge | gives(page),
        ),
    ]
    return [
        ApiEndpoint("GET", path, answer, None, about, more, sandboxed=True)
        for path, answer, about, more in table
    ]


class _Status:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    async def content(self, request: web.Request) -> web.Response:
        parameters(request)
        return _open(json_response(await self._content(request.match_info.get("page", ""))))

    async def drawn(self, request: web.Request) -> web.Response:
        badge = await self._badge(request)
        return _open(response(badge.drawn(), Content_Type="image/svg+xml"))

    async def written(self, request: web.Request) -> web.Response:
        return _open(json_response((await self._badge(request)).shields()))

    async def _badge(self, request: web.Request) -> SvgBadge:
        given = parameters(request, "of", "window")
        of = one_of(given.get("of", "state"), BADGES, "badge", "of")
        window = one_of(given.get("window", "30d"), WINDOWS, "window", "window")
        for kept in self._served.monitors.all():
            if kept.id == request.match_info["id"] and kept.monitor.public:
                shown = (await self._content(kept.monitor.page))["monitors"]
                return badge_of(next(one for one in shown if one["id"] == kept.id), of, window)
        raise _unknown()

    async def _content(self, page: str) -> dict[str, Any]:
        """Return what a page shows; raises RequestRefused where there is none."""
        found = [
            one for one in self._served.monitors.all() if one.monitor.public and one.monitor.page == page
        ]
        if not found:
            self._kept.pop(page, None)
            raise _unknown()
        until, content = self._kept.get(page, (0.0, {}))
        # A monitor that is public no more is gone at once.
        if self._served.clock.monotonic() >= until or [one["id"] for one in content["monitors"]] != [
            one.id for one in found
        ]:
            await self._served.monitors.settle()
            content = await self._served.admin.read(lambda connection: self._look(connection, found))
            self._kept[page] = self._served.clock.monotonic() + _KEPT_SECONDS, content
        return content

    def _look(self, connection: Connection, found: Sequence[KeptMonitor]) -> dict[str, Any]:
        now_ms = int(self._served.clock.time() * 1000)
        days = Days.until(now_ms, self._served.zone)
        shown, past = [], []
        for one in found:
            hours = hours_of(connection, one.number, now_ms, of_a_day=True)
            state = (
                "paused"
                if one.monitor.paused
                else {"failing": "up"}.get(one.standing.state, one.standing.state)
            )
            shown.append(
                {
                    "id": one.id,
                    "name": one.monitor.name,
                    "state": state,
                    "since": format_ms(one.standing.since_ms) if one.standing.since_ms else None,
                    **history_answer(hours, days, now_ms, of_a_day=True),
                }
            )
            since_ms = days.begin_ms[0]
            past += [_told(one, each) for each in monitors.incidents(connection, one.number, since_ms)]
        past.sort(key=lambda each: str(each["begin"]), reverse=True)
        down = sum(one["state"] == "down" for one in shown)
        return {
            "time": format_ms(now_ms),
            "time_zone": self._served.settings.time_zone,
            "state": "up" if not down else "down" if down == len(shown) else "partly",
            "monitors": shown,
            "incidents": past[:_MOST_INCIDENTS],
        }


def _told(kept: KeptMonitor, incident: Incident) -> dict[str, Any]:
    return {
        "id": kept.id,
        "name": kept.monitor.name,
        "begin": format_ms(incident.begin_ms),
        "end": None if incident.end_ms is None else format_ms(incident.end_ms),
        "ending": incident.ending,
        "reason": REASONS.get(incident.reason, ""),
    }


def _open(answer: web.Response) -> web.Response:
    """Let every page take it, and whoever is in between keep it as long as it is kept here."""
    answer.headers.update(_HEADERS)
    return answer


def _unknown() -> RequestRefused:
    return RequestRefused(404, "there is nothing public here", "mark monitors as public")

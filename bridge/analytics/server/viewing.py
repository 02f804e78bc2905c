"""A workspace for its viewers: what it is, and the way past its password."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from bridge.analytics.admin.links import OpenedToken, make_unlocked
from bridge.analytics.admin.looks import WorkspaceLook, note
from bridge.analytics.questions.fields import FIELDS
from bridge.analytics.questions.filters import SETS, CallFilter
from bridge.analytics.questions.periods import shown as shown_time
from bridge.analytics.server.access import rights_of, token_sent
from bridge.analytics.server.asked import read_body
from bridge.analytics.server.describing import body, gives, named, ref, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.opened import opened_by
from bridge.analytics.server.rates import TokenRates
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rights import Rights
from bridge.analytics.server.served import Served
from bridge.analytics.sharing.passwords import matches
from bridge.analytics.sharing.workspace import shown_workspace
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.web.answers import json_response

_UNLOCKED_MS: Final = 12 * 3_600_000
"""How long a password that was given holds."""
_TRIES: Final = 10
"""Passwords that may be tried in a minute, of one workspace."""
_SHOWN: Final = ("name", "view", "question", "period", "bounds", "live", "events", "options")


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of a workspace's viewers."""
    viewing = _Viewing(served)
    return [
        ApiEndpoint(
            "GET",
            "/api/workspace",
            viewing.workspace,
            "read:data",
            "Show the workspace that the token opens",
            gives(ref("OpenedWorkspace")),
            sandboxed=True,
        ),
        ApiEndpoint(
            "POST",
            "/api/workspace/open",
            viewing.open,
            None,
            "Exchange a link's token and the workspace's password for a token that lasts 12 hours",
            body(named("password", text())) | gives(ref("EmbeddedToken")),
        ),
    ]


class _Viewing:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._rates = TokenRates(served.clock)

    async def workspace(self, request: web.Request) -> web.Response:
        rights = rights_of(request)
        opened = rights.workspace
        if opened is None or rights.sandbox is None:
            raise RequestRefused(404, "this is no token of a workspace", "list them at /api/workspaces")
        await self._note(opened, request)
        shown = shown_workspace(opened.kept.workspace)
        sandbox, zone = rights.sandbox, opened.kept.workspace.zone(self._served.zone)
        edges = {"from": sandbox.earliest, "to": sandbox.latest}
        return json_response(
            {
                "id": opened.kept.id,
                **{name: shown[name] for name in _SHOWN},
                "time_zone": zone.key,
                "seen": {name: None if at is None else shown_time(at, zone) for name, at in edges.items()},
                "fields": [name for name in FIELDS if sandbox.shows(name)],
                # What it is held by that is not shown is nobody's business.
                "filters": [_shown_filter(one) for one in sandbox.filters if sandbox.shows(one.field.name)],
                "expires": _time(opened.expires_ms, opened.kept.workspace.expires_ms),
            }
        )

    async def open(self, request: web.Request) -> web.Response:
        served = self._served
        token = token_sent(request)
        if token is None:
            raise RequestRefused(401, "this needs the token of a link", "send Authorization: Bearer TOKEN")
        opened = opened_by(served.admin, token, served.clock)
        given = await read_body(request)
        password = given.get("password") if isinstance(given, dict) else None
        kept = opened.kept.workspace.password
        if not isinstance(password, str):
            raise Unanswerable("password is missing", 'send {"password": "…"}', field="password")
        if kept is None or opened.link is None:
            raise RequestRefused(404, "this workspace asks for no password", "use the token as it is")
        self._rates.take(Rights(f"password {opened.kept.id}", frozenset(), per_minute=_TRIES))
        if not await asyncio.to_thread(matches, password, kept):
            raise RequestRefused(403, "the password is wrong", "try again", field="password")
        now_ms = int(served.clock.time() * 1000)
        expires_ms = now_ms + _UNLOCKED_MS
        unlocked = make_unlocked(served.admin.looking, opened, now_ms=now_ms, expires_ms=expires_ms)
        return json_response({"token": unlocked, "expires": _time(expires_ms, opened.expires_ms)})

    async def _note(self, opened: OpenedToken, request: web.Request) -> None:
        look = WorkspaceLook(
            opened.link,
            opened.name,
            opened.values,
            request.remote or "",
            int(self._served.clock.time() * 1000),
        )
        await self._served.admin.write(lambda connection: note(connection, opened.kept.id, look))


def _shown_filter(one: CallFilter) -> dict[str, Any]:
    tests = {test.name: [*test.value] if test.name in SETS else test.value for test in one.tests}
    return {"field": one.field.name, **tests}


def _time(*ends_ms: int | None) -> str | None:
    first = min((ms for ms in ends_ms if ms is not None), default=None)
    return None if first is None else format_ms(first)

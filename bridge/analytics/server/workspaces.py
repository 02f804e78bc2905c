"""Workspaces for those who make them: kept, linked to, embedded, and who looked."""

import asyncio
from collections.abc import Callable, Sequence
from sqlite3 import Connection
from typing import Any, Final

from aiohttp import web

from bridge.analytics.admin import links, looks, workspaces
from bridge.analytics.admin.links import ShareLink
from bridge.analytics.admin.looks import WorkspaceLook
from bridge.analytics.admin.workspaces import KeptWorkspace
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import read_body
from bridge.analytics.server.describing import body, gives, in_path, listed, ref, takes
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.analytics.sharing.request import LinkRequest, read_embedded, read_link, read_request
from bridge.analytics.sharing.workspace import Workspace, shown_workspace
from bridge.events.times import format_ms
from bridge.settings.analytics import Scope
from bridge.web.answers import json_response

_SCOPE: Final[Scope] = "create:workspaces"
_PUBLIC: Final[Scope] = "create:public_workspaces"


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of those who make workspaces."""
    made = _Workspaces(served)
    one, asked, workspace = in_path("id"), ref("Workspace"), ref("KeptWorkspace")
    rows: list[tuple[str, str, Any, str, dict[str, Any]]] = [
        ("GET", "", made.all, "List workspaces", gives(listed("workspaces", workspace))),
        (
            "POST",
            "",
            made.create,
            "Make a workspace; with `public` also a link to it, which needs create:public_workspaces",
            body(asked) | gives(workspace, status="201"),
        ),
        ("GET", "/{id}", made.get, "Show one workspace with its links", takes(one) | gives(workspace)),
        (
            "PUT",
            "/{id}",
            made.change,
            "Replace a workspace, whose links show it as it is then; expiry and password stay unless said",
            takes(one) | body(asked) | gives(workspace),
        ),
        ("DELETE", "/{id}", made.delete, "Delete a workspace with its links", takes(one) | gives({})),
        (
            "POST",
            "/{id}/links",
            made.link,
            "Make a link to a workspace, with values for its template (this needs create:public_workspaces)",
            takes(one) | body(ref("LinkRequest")) | gives(ref("ShareLink"), status="201"),
        ),
        (
            "DELETE",
            "/{id}/links/{link}",
            made.revoke,
            "Take a link back: it is refused from then on",
            takes(one, in_path("link")) | gives({}),
        ),
        (
            "POST",
            "/{id}/embedded",
            made.embed,
            "Make a token for one viewer of an embedded workspace, for 30 days at most",
            takes(one) | body(ref("LinkRequest")) | gives(ref("EmbeddedToken"), status="201"),
        ),
        (
            "DELETE",
            "/{id}/embedded",
            made.end_embedding,
            "Take all embedded tokens back that were made",
            takes(one) | gives({}),
        ),
        (
            "GET",
            "/{id}/looks",
            made.looks,
            "List who looked, the latest first",
            takes(one) | gives(listed("looks", ref("WorkspaceLook"))),
        ),
    ]
    return [
        ApiEndpoint(method, f"/api/workspaces{path}", answer, _SCOPE, summary, described)
        for method, path, answer, summary, described in rows
    ]


class _Workspaces:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._zone = served.zone

    async def all(self, _request: web.Request) -> web.Response:
        def read(connection: Connection) -> tuple[list[KeptWorkspace], dict[str, int]]:
            return workspaces.every(connection), looks.counts(connection)

        kept, counted = await self._served.admin.read(read)
        return json_response({"workspaces": [_shown(one, counted.get(one.id, 0)) for one in kept]})

    async def get(self, request: web.Request) -> web.Response:
        return json_response(await self._whole(request, await self._kept(request)))

    async def create(self, request: web.Request) -> web.Response:
        workspace = await self._read(request, await read_body(request), None)
        rights, now_ms = rights_of(request), self._now_ms()

        def make(connection: Connection) -> str | None:
            number = workspaces.create(connection, workspace, now_ms=now_ms, by=rights.name)
            if number is not None and workspace.public and not workspace.template:
                links.make_link(connection, number, now_ms=now_ms)
            return number

        number = await self._served.admin.write(make)
        if number is None:
            raise RequestRefused(409, "there are too many workspaces", "delete some")
        kept = await self._served.admin.read(lambda connection: workspaces.get(connection, number))
        return json_response(await self._whole(request, _there(kept)), 201)

    async def change(self, request: web.Request) -> web.Response:
        # The body first: it may take its time, in which a password is set, say, that has to stay.
        given = await read_body(request)
        kept = await self._kept(request)
        workspace = await self._read(request, given, kept.workspace)
        now_ms = self._now_ms()
        await self._served.admin.write(
            lambda connection: workspaces.change(connection, kept.id, workspace, now_ms=now_ms)
        )
        return json_response(await self._whole(request, await self._kept(request)))

    async def delete(self, request: web.Request) -> web.Response:
        return await self._gone(request, workspaces.delete)

    async def link(self, request: web.Request) -> web.Response:
        rights_of(request).require(_PUBLIC)
        kept = await self._kept(request)
        if not kept.workspace.public:
            raise RequestRefused(
                409, "this workspace is not public, so that its links would open for nobody", "make it public"
            )
        asked = read_link(await read_body(request), kept.workspace, self._zone, self._served.now())
        now_ms = self._now_ms()
        made = await self._served.admin.write(
            lambda connection: links.make_link(connection, kept.id, now_ms=now_ms, **_given(asked))
        )
        if made is None:
            raise RequestRefused(409, "this workspace has too many links", "take some back")
        link = ShareLink(
            made[0], asked.name, asked.values or {}, asked.from_ms, asked.to_ms, now_ms, asked.expires_ms
        )
        return json_response(self._shown_link(request, link, made[1]), 201)

    async def revoke(self, request: web.Request) -> web.Response:
        link = request.match_info["link"]

        def revoke(connection: Connection, number: str) -> bool:
            there = {one.id for one in links.links_of(connection, number)}
            return link in there and links.revoke_link(connection, link)

        return await self._gone(request, revoke)

    async def embed(self, request: web.Request) -> web.Response:
        kept = await self._kept(request)
        asked = read_embedded(await read_body(request), kept.workspace, self._zone, self._served.now())
        given, now_ms = _given(asked), self._now_ms()
        del given["name"]
        token = await self._served.admin.write(
            lambda connection: links.make_embedded(connection, kept.id, now_ms=now_ms, **given)
        )
        url = f"{self._site(request)}/public/em/ws/{kept.id}?embed=true#{token}"
        return json_response({"token": token, "expires": _time(asked.expires_ms), "url": url}, 201)

    async def end_embedding(self, request: web.Request) -> web.Response:
        return await self._gone(request, workspaces.end_embedding)

    async def looks(self, request: web.Request) -> web.Response:
        kept = await self._kept(request)
        found = await self._served.admin.read(lambda connection: looks.looks_at(connection, kept.id))
        return json_response({"looks": [_shown_look(look) for look in found]})

    async def _read(self, request: web.Request, given: Any, kept: Workspace | None) -> Workspace:
        # To hash a password takes a while.
        workspace = await asyncio.to_thread(read_request, given, self._zone, self._served.now(), kept)
        if workspace.public:
            rights_of(request).require(_PUBLIC)
        return workspace

    async def _kept(self, request: web.Request) -> KeptWorkspace:
        number = request.match_info["id"]
        return _there(await self._served.admin.read(lambda connection: workspaces.get(connection, number)))

    async def _gone(self, request: web.Request, work: Callable[[Connection, str], bool]) -> web.Response:
        number = request.match_info["id"]
        if not await self._served.admin.write(lambda connection: work(connection, number)):
            raise RequestRefused(
                404, "there is no such workspace, or link of it", "take one from /api/workspaces"
            )
        return json_response({})

    async def _whole(self, request: web.Request, kept: KeptWorkspace) -> dict[str, Any]:
        def read(connection: Connection) -> tuple[list[tuple[ShareLink, str]], int]:
            found = links.links_of(connection, kept.id)
            return [(link, links.token_of(connection, link.id)) for link in found], looks.counts(
                connection
            ).get(kept.id, 0)

        found, count = await self._served.admin.read(read)
        return _shown(kept, count) | {"links": [self._shown_link(request, *one) for one in found]}

    def _shown_link(self, request: web.Request, link: ShareLink, token: str) -> dict[str, Any]:
        times = {"from": link.from_ms, "to": link.to_ms, "made": link.made_ms, "expires": link.expires_ms}
        return {
            "id": link.id,
            "name": link.name,
            "values": link.values,
            **{name: _time(ms) for name, ms in times.items()},
            "token": token,
            "url": f"{self._site(request)}/public/{token}",
        }

    def _site(self, request: web.Request) -> str:
        public = self._served.settings.public_url
        return f"{request.scheme}://{request.host}" if public is None else str(public).rstrip("/")

    def _now_ms(self) -> int:
        return int(self._served.clock.time() * 1000)


def _given(asked: LinkRequest) -> dict[str, Any]:
    return {
        "name": asked.name,
        "values": asked.values,
        "from_ms": asked.from_ms,
        "to_ms": asked.to_ms,
        "expires_ms": asked.expires_ms,
    }


def _there(kept: KeptWorkspace | None) -> KeptWorkspace:
    if kept is None:
        raise RequestRefused(404, "there is no such workspace", "take one from /api/workspaces")
    return kept


def _shown(kept: KeptWorkspace, count: int) -> dict[str, Any]:
    return {
        "id": kept.id,
        **shown_workspace(kept.workspace),
        "expires": _time(kept.workspace.expires_ms),
        "has_password": kept.workspace.password is not None,
        "made": _time(kept.made_ms),
        "changed": _time(kept.changed_ms),
        "made_by": kept.made_by,
        "looks": count,
    }


def _shown_look(look: WorkspaceLook) -> dict[str, Any]:
    return {
        "at": _time(look.at_ms),
        "link": look.link,
        "name": look.name,
        "values": look.values,
        "address": look.address,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else format_ms(ms)

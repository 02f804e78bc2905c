"""Moesif's calls about workspaces: the legacy one of its guide, and those of its Management API."""

from dataclasses import replace
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from aiohttp import web

from bridge.analytics.admin import looks, workspaces
from bridge.analytics.admin.links import links_of, make_link, token_of
from bridge.analytics.admin.workspaces import KeptWorkspace
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import parameters, read_body
from bridge.analytics.server.moesif.documents import (
    agrees,
    body_of,
    document_of,
    is_template,
    owner_of,
    workspace_of,
)
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.analytics.sharing.workspace import Grant, Workspace
from bridge.errors import Unanswerable
from bridge.formats.moesif.refusals import unknown_option
from bridge.formats.moesif.workspaces import PUBLIC, read_grant, read_workspace
from bridge.web.answers import json_response

_UPDATED: Final = ("name", "colors", "drawings", "chart", "template", "width", "sort_order", "policy")
MOST_LISTED: Final = 500
_CLOSED: Final = (
    "the workspace has no public link, because policy.acl does not let everybody read: "
    'add {"grantee": "public", "permission": "read"}'
)
_TEMPLATE: Final = (
    "the workspace is a template, which has no link of its own: ask portal/~/workspaces/{id}/access_token for a token "
    "of each viewer"
)


class MoesifWorkspaceCalls:
    """Answers them."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._admin = served.admin

    async def create_legacy(self, request: web.Request) -> web.Response:
        """Answer as Moesif's guide expects: with `access_token`; the scope create:workspaces is enough."""
        kept, token = await self._make(request, {"org_id": request.match_info["org"]})
        answer = document_of(kept)
        if token is None:
            return json_response(
                answer | {"message": _TEMPLATE if is_template(kept.workspace) else _CLOSED}, 201
            )
        return json_response(answer | {"access_token": token, "url": self._url(request, token)}, 201)

    async def create(self, request: web.Request) -> web.Response:
        """Make a workspace; one for everybody needs create:public_workspaces, as Moesif's OpenAPI has it."""
        kept, _ = await self._make(request, {}, scoped=True)
        return json_response(document_of(kept), 201)

    async def _make(
        self, request: web.Request, owner: dict[str, str], *, scoped: bool = False
    ) -> tuple[KeptWorkspace, str | None]:
        """Keep the workspace of a body, with a link where everybody may read it; returns the link's token, too."""
        served, given = self._served, parameters(request, "app_id", "expiration")
        expires_ms = expiration_of(given.get("expiration"), served)
        read = read_workspace(await read_body(request))
        if scoped and read.public:
            rights_of(request).require("create:public_workspaces")
        owner |= {"app_id": given["app_id"]} if "app_id" in given else {}
        workspace = workspace_of(read, owner, served.zone, served.now(), expires_ms)
        now_ms, by = self._now_ms(), rights_of(request).name

        def keep(connection: Connection) -> tuple[KeptWorkspace | None, str | None]:
            number = workspaces.create(connection, workspace, now_ms=now_ms, by=by)
            if number is None:
                return None, None
            linked = workspace.public and not is_template(workspace)
            link = make_link(connection, number, now_ms=now_ms) if linked else None
            return workspaces.get(connection, number), link[1] if link else None

        kept, token = await self._admin.write(keep)
        if kept is None:
            raise RequestRefused(409, "there are too many workspaces", "delete some")
        return kept, token

    async def all(self, request: web.Request) -> web.Response:
        """List workspaces, the newest first."""
        given = {name: request.query[name] for name in request.query if name != "access"}
        for name in given:
            if name not in {"app_id", "take", "before_id", "type"}:
                raise unknown_option(name, "the address", ("app_id", "take", "before_id", "type", "access"))
        take = given.get("take", "100")
        if not (take.isascii() and take.isdecimal() and len(take) < 8 and int(take) > 0):
            raise Unanswerable("take is not a whole number from 1 up", "correct it", field="take")
        wanted = {one for value in request.query.getall("access", []) for one in value.split(",") if one}
        if wanted - {"public", "private"}:
            raise Unanswerable(
                "access is neither public nor private", "take one of them, or leave it out", field="access"
            )
        kept, looked = await self._admin.read(_every)
        if "before_id" in given:
            ids = [one.id for one in kept]
            if given["before_id"] not in ids:
                raise Unanswerable(
                    "before_id is no workspace", "send the last _id of the list", field="before_id"
                )
            kept = kept[ids.index(given["before_id"]) + 1 :]
        if len(wanted) == 1:
            kept = [one for one in kept if one.workspace.public is (wanted == {"public"})]
        return json_response(
            [document_of(one, looked.get(one.id, 0)) for one in kept[: min(int(take), MOST_LISTED)]]
        )

    async def templates(self, request: web.Request) -> web.Response:
        """List those that are shown with a token for each viewer."""
        parameters(request, "app_id")
        kept, looked = await self._admin.read(_every)
        return json_response(
            [document_of(one, looked.get(one.id, 0)) for one in kept if is_template(one.workspace)]
        )

    async def one(self, request: web.Request) -> web.Response:
        """Show a workspace."""
        parameters(request, "app_id")
        kept = await self._found(request)
        counted = await self._admin.read(looks.counts)
        return json_response(document_of(kept, counted.get(kept.id, 0)))

    async def public(self, request: web.Request) -> web.Response:
        """Show a workspace that everybody may read."""
        parameters(request)
        kept = await self._found(request)
        if not kept.workspace.public:
            raise _unknown()
        return json_response(document_of(kept))

    async def update(self, request: web.Request) -> web.Response:
        """Change parts of a workspace: those that are sent replace those that were."""
        parameters(request, "app_id")
        # The body first: it may take its time, in which the access list changes.
        given = await read_body(request)
        served, kept = self._served, await self._found(request)
        document = kept.workspace.document
        if document is None or not agrees(kept.workspace):
            raise RequestRefused(
                409,
                "the workspace was made or changed by another way than Moesif's API",
                f"change it at /api/workspaces/{kept.id}",
            )
        if not isinstance(given, dict):
            raise Unanswerable("the body is not an object", "send what is to be changed")
        for name in given:
            if name not in _UPDATED:
                raise unknown_option(name, "the body", _UPDATED)
        # The access list may have changed since the document came.
        acl = [{"grantee": grant.grantee, "permission": grant.permission} for grant in kept.workspace.acl]
        before = body_of(document)
        before["policy"] = {**before["policy"], "acl": acl}
        read = read_workspace(before | given)
        if read.public and not kept.workspace.public:
            rights_of(request).require("create:public_workspaces")
        changed = workspace_of(read, owner_of(document), served.zone, served.now(), kept.workspace.expires_ms)
        return await self._changed(kept, replace(changed, password=kept.workspace.password))

    async def _changed(self, kept: KeptWorkspace, workspace: Workspace) -> web.Response:
        now_ms = self._now_ms()
        linked = workspace.public and not is_template(workspace)

        def keep(connection: Connection) -> KeptWorkspace | None:
            if not workspaces.change(connection, kept.id, workspace, now_ms=now_ms):
                return None
            if linked and not links_of(connection, kept.id):
                make_link(connection, kept.id, now_ms=now_ms)
            return workspaces.get(connection, kept.id)

        after = await self._admin.write(keep)
        if after is None:
            raise _unknown()
        return json_response(document_of(after))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a workspace with its links."""
        parameters(request, "app_id")
        number = request.match_info["id"]
        if not await self._admin.write(lambda connection: workspaces.delete(connection, number)):
            raise _unknown()
        return json_response({"_id": number, "deleted": True})

    async def grant(self, request: web.Request) -> web.Response:
        """Add to the access list."""
        given = parameters(request, "app_id", "grantee", "permission")
        kept = await self._found(request)
        grantee, permission = read_grant(given.get("grantee"), given.get("permission", "read"), "policy.acl")
        if grantee == PUBLIC:
            rights_of(request).require("create:public_workspaces")
        acl = [one for one in kept.workspace.acl if one.grantee != grantee]
        return await self._changed(kept, replace(kept.workspace, acl=(*acl, Grant(grantee, permission))))

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take from the access list; without the public no link opens it any more."""
        given = parameters(request, "app_id", "grantee")
        if "grantee" not in given:
            raise Unanswerable("grantee is missing", "add grantee=public", field="grantee")
        kept = await self._found(request)
        acl = tuple(one for one in kept.workspace.acl if one.grantee != given["grantee"])
        if len(acl) == len(kept.workspace.acl):
            raise RequestRefused(404, "the access list has no such grantee", "look at policy.acl")
        return await self._changed(kept, replace(kept.workspace, acl=acl))

    async def access_token(self, request: web.Request) -> web.Response:
        """Answer with the token of the first link.

        Moesif's OpenAPI gives this call no parameter, and so does not say of which workspace it is.
        """
        given = parameters(request, "id")
        if "id" not in given:
            raise Unanswerable("id is missing", "add id=, the _id of a workspace", field="id")
        kept = await self._found(request, given["id"])
        if is_template(kept.workspace) or not kept.workspace.public:
            raise RequestRefused(
                409, _TEMPLATE if is_template(kept.workspace) else _CLOSED, "see docs/moesif-workspaces.md"
            )
        now_ms = self._now_ms()

        def token_for(connection: Connection) -> str | None:
            links = links_of(connection, kept.id)
            if links:
                return token_of(connection, links[0].id)
            link = make_link(connection, kept.id, now_ms=now_ms)
            return link[1] if link else None

        token = await self._admin.write(token_for)
        if token is None:
            raise RequestRefused(409, "there are too many links", "revoke some")
        return json_response({"_id": kept.id, "token": token, "url": self._url(request, token)})

    async def _found(self, request: web.Request, number: str | None = None) -> KeptWorkspace:
        wanted = number or request.match_info["id"]
        kept = await self._admin.read(lambda connection: workspaces.get(connection, wanted))
        if kept is None:
            raise _unknown()
        return kept

    def _url(self, request: web.Request, token: str) -> str:
        return f"{address_of(request, self._served)}/public/{token}"

    def _now_ms(self) -> int:
        return int(self._served.clock.time() * 1000)


def _every(connection: Connection) -> tuple[list[KeptWorkspace], dict[str, int]]:
    return workspaces.every(connection), looks.counts(connection)


def address_of(request: web.Request, served: Served) -> str:
    """Return where people reach this server."""
    return served.settings.public_url or f"{request.scheme}://{request.host}"


def expiration_of(text_: str | None, served: Served) -> int | None:
    """Return when something ends, in milliseconds; raises Unanswerable for what is no time to come."""
    if text_ is None:
        return None
    try:
        at = datetime.fromisoformat(text_)
        ends_ms = int((at if at.tzinfo is not None else at.replace(tzinfo=served.zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Unanswerable(
            f'expiration: "{text_[:60]}" is no time',
            "write it like 2026-03-29T12:00:00.000Z",
            field="expiration",
        ) from None
    if ends_ms <= served.clock.time() * 1000:
        raise Unanswerable("expiration is over", "give a time to come", field="expiration")
    return ends_ms


def _unknown() -> RequestRefused:
    return RequestRefused(404, "no workspace has this id", "take one from ~/workspaces")

"""Moesif's Management API as far as workspaces go, after its OpenAPI (Moesif/apidocs, management-api.json), with knobs.

The legacy call is as Moesif's guide shows it. What no document says is made up as little as can be: bodies of errors
are a text.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from fakes.http_server import HttpServer


@dataclass
class Called:
    """One request that came."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any


@dataclass
class Knobs:
    """What it does wrong."""

    scopes: set[str] = field(default_factory=lambda: {"create:workspaces", "read:workspaces"})
    status: int | None = None
    """Every answer, whatever was asked."""
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    access_token: bool = True
    """Whether the legacy call's answer has one."""
    keeps_acl: bool = True
    """Whether sharing that is set at the creation is kept; a client saw that it was not."""
    takes_acl: int = 200
    hangs: bool = False
    raw: bytes | None = None
    """An answer of 200 that is no JSON."""


class MoesifManagement(HttpServer):
    """Keeps workspaces of one organisation."""

    org = "177:3"
    app = "198:3"
    token = "management-token-of-moesif"

    def __init__(self) -> None:
        super().__init__()
        self.knobs = Knobs()
        self.calls: list[Called] = []
        self.workspaces: dict[str, dict[str, Any]] = {}

    async def take(self, request: web.BaseRequest) -> web.Response:
        """Answer a request."""
        body = await request.read()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        called = Called(
            request.method, request.path, dict(request.query), token, json.loads(body) if body else None
        )
        self.calls.append(called)
        knobs = self.knobs
        if knobs.hangs:
            await asyncio.sleep(3600)
        if knobs.raw is not None:
            return web.Response(body=knobs.raw, content_type="text/html")
        if knobs.status is not None:
            return web.Response(status=knobs.status, text=knobs.says, headers=knobs.headers)
        if token != self.token:
            return web.Response(status=401, text="Unauthorized")
        return self._answer(called)

    def _answer(self, called: Called) -> web.Response:
        match called.path.removeprefix("/v1").split("/")[1:]:
            case ["replay", self.org, "workspaces"] if called.method == "POST":
                return self._create(called)
            case ["~", "workspaces", number, "policy", "acl"] if called.method == "POST":
                return self._grant(number, called)
            case _:
                return web.Response(status=404, text="Not Found")

    def _create(self, called: Called) -> web.Response:
        if "create:workspaces" not in self.knobs.scopes:
            # Moesif answers 401 where a scope is missing.
            return web.Response(status=401, text="missing scope create:workspaces")
        if called.query.get("app_id") != self.app:
            return web.Response(status=404, text="no such app")
        body = called.body if isinstance(called.body, dict) else {}
        missing = [name for name in ("name", "policy", "chart") if name not in body]
        missing += [name for name in ("view", "url_query") if name not in body.get("chart", {})]
        missing += [name for name in ("acl", "resource") if name not in body.get("policy", {})]
        if missing:
            return web.Response(status=400, text=f"missing: {', '.join(missing)}")
        number = f"ws{len(self.workspaces) + 1}"
        document = body | {
            "_id": number,
            "org_id": self.org,
            "app_id": self.app,
            "auth_user_id": "someone",
            "created": "2026-12-01T00:00:00.000Z",
            "view_count": 0,
        }
        if not self.knobs.keeps_acl:
            acl = [one for one in body["policy"]["acl"] if one["grantee"] != "public"]
            document["policy"] = body["policy"] | {"acl": acl}
        self.workspaces[number] = document
        if self.knobs.access_token:
            document = document | {"access_token": f"eyJ0.{number}"}
        return web.json_response(document, status=201)

    def _grant(self, number: str, called: Called) -> web.Response:
        if number not in self.workspaces:
            return web.Response(status=404, text="no such workspace")
        if self.knobs.takes_acl != 200:
            return web.Response(status=self.knobs.takes_acl, text="not now")
        grant = {name: called.query[name] for name in ("grantee", "permission")}
        self.workspaces[number]["policy"]["acl"].append(grant)
        return web.Response(status=200)

"""Moesif's call for an embedded view: a token of a workspace for one viewer, made by the server of a portal."""

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from bridge.analytics.admin import workspaces
from bridge.analytics.admin.links import MOST_EMBEDDED_MS, make_embedded
from bridge.analytics.admin.workspaces import KeptWorkspace
from bridge.analytics.questions.periods import read_time
from bridge.analytics.server.asked import parameters, read_body
from bridge.analytics.server.describing import body, gives, in_path, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.moesif.documents import has_dynamic_time
from bridge.analytics.server.moesif.paths import at_every_base
from bridge.analytics.server.moesif.workspaces import address_of, expiration_of
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.formats.moesif.names import FIELD_OF, NAME_OF, plain
from bridge.formats.moesif.refusals import unknown_option
from bridge.formats.moesif.workspaces import DynamicField, filled
from bridge.web.answers import json_response

_DEFAULT_MS: Final = 86_400_000
_KEYS: Final = ("values", "from", "to")


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the call."""
    embedding = _Embedding(served)
    values = {"type": "object", "description": "A value, or a list of them, for every dynamic field."}
    template = {"type": "object", "properties": {"values": values, "from": text(), "to": text()}}
    token = {name: text() for name in ("_id", "token", "url")}
    return at_every_base(
        "POST",
        "/portal/~/workspaces/{id}/access_token",
        embedding.token,
        "create:workspaces",
        "Make a token of a workspace for one viewer",
        takes(
            in_path("id"),
            parameter("app_id", text()),
            parameter("expiration", text("When it ends, in ISO 8601: within 30 days; a day unless said.")),
        )
        | body({"type": "object", "properties": {"template": template}})
        | gives({"type": "object", "properties": token}),
    )


class _Embedding:
    def __init__(self, served: Served) -> None:
        self._served = served

    async def token(self, request: web.Request) -> web.Response:
        served, given = self._served, parameters(request, "app_id", "expiration")
        now_ms = int(served.clock.time() * 1000)
        expires_ms = expiration_of(given.get("expiration"), served) or now_ms + _DEFAULT_MS
        if expires_ms - now_ms > MOST_EMBEDDED_MS:
            raise Unanswerable(
                "expiration is more than 30 days ahead", "make a token for each visit", field="expiration"
            )
        number = request.match_info["id"]
        kept = await served.admin.read(lambda connection: workspaces.get(connection, number))
        if kept is None or kept.ended(now_ms):
            raise RequestRefused(404, "no workspace has this id", "take one from ~/workspaces")
        values, from_ms, to_ms = self._template(kept, await _body(request))
        token = await served.admin.write(
            lambda connection: make_embedded(
                connection,
                kept.id,
                now_ms=now_ms,
                expires_ms=expires_ms,
                values=values,
                from_ms=from_ms,
                to_ms=to_ms,
            )
        )
        url = f"{address_of(request, served)}/public/em/ws/{kept.id}?embed=true#{token}"
        return json_response({"_id": kept.id, "token": token, "url": url})

    def _template(
        self, kept: KeptWorkspace, given: dict[str, Any]
    ) -> tuple[dict[str, Any], int | None, int | None]:
        """Return what the viewer's token holds the fields to, and its bounds in time; raises Unanswerable."""
        dynamic = [DynamicField(NAME_OF.get(name, name), name) for name in kept.workspace.template]
        template = given.get("template", {})
        if not isinstance(template, dict):
            raise Unanswerable(
                "template is not an object",
                'send {"template": {"values": {"user_id": "…"}}}',
                field="template",
            )
        for name in template:
            if name not in _KEYS:
                raise unknown_option(name, "template", _KEYS)
        filters = filled(_as_called(dynamic, template.get("values")), template.get("values"))
        from_ms, to_ms = (self._time(template.get(name), f"template.{name}") for name in ("from", "to"))
        if has_dynamic_time(kept.workspace) and (from_ms is None or to_ms is None):
            raise Unanswerable(
                "template.from and template.to are missing, and the workspace has them with each token",
                "send both, in ISO 8601",
                field="template.from",
            )
        if from_ms is not None and to_ms is not None and from_ms >= to_ms:
            raise Unanswerable(
                "template.from is not before template.to", "exchange them", field="template.from"
            )
        return {one["field"]: one["is"] for one in filters}, from_ms, to_ms

    def _time(self, value: Any, place: str) -> int | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise Unanswerable(f"{place} is not a time", "write it in ISO 8601", field=place)
        return read_time(value, self._served.zone, self._served.now(), place) // 1000


def _as_called(dynamic: Sequence[DynamicField], values: Any) -> list[DynamicField]:
    """Return the dynamic fields under the names that the caller has for them: WSO2's are as good as Moesif's."""
    names = [plain(name) for name in values] if isinstance(values, dict) else []
    called = {FIELD_OF[name]: name for name in names if name in FIELD_OF}
    return [DynamicField(called.get(one.field, one.name), one.field) for one in dynamic]


async def _body(request: web.Request) -> dict[str, Any]:
    given = await read_body(request)
    if not isinstance(given, dict):
        raise Unanswerable("the body is not an object", 'send {"template": {"values": {"user_id": "…"}}}')
    for name in given:
        if name != "template":
            raise unknown_option(name, "the body", ("template",))
    return given

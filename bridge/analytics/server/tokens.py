"""Tokens: made, listed and taken away; and what the one that is sent allows."""

import re
from collections.abc import Sequence
from typing import Any, Final, get_args

from aiohttp import web

from bridge.analytics.admin.tokens import KeptToken, every, make, revoke
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import read_body
from bridge.analytics.server.describing import body, gives, in_path, listed, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.document.units import parse_duration
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.settings.analytics import Scope
from bridge.web.answers import json_response

_NAMES: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_NAME: Final = re.compile(_NAMES, re.ASCII)
_KEYS: Final = ("name", "scopes", "expires", "per_minute")
_MOST_PER_MINUTE: Final = 1_000_000


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of tokens."""
    tokens = _Tokens(served)
    token: dict[str, Any] = {"type": "object"}
    asked = {
        "name": text("Of letters, digits, dots, hyphens and underscores.", pattern=f"^{_NAMES}$"),
        "scopes": {"type": "array", "items": {"enum": [*get_args(Scope)]}, "minItems": 1},
        "expires": text("After how long, such as 90d; never unless said."),
        "per_minute": {"type": "integer", "minimum": 1, "maximum": _MOST_PER_MINUTE},
    }
    return [
        ApiEndpoint(
            "GET",
            "/api/me",
            tokens.me,
            "read:data",
            "Tell what the caller may do",
            gives(token),
            sandboxed=True,
        ),
        ApiEndpoint(
            "GET",
            "/api/tokens",
            tokens.all,
            "admin",
            "List the tokens that were made, without themselves",
            gives(listed("tokens", token)),
        ),
        ApiEndpoint(
            "POST",
            "/api/tokens",
            tokens.make,
            "admin",
            "Make a token, which nobody can ask for again",
            body({"type": "object", "properties": asked, "required": ["name", "scopes"]})
            | gives(token, status="201"),
        ),
        ApiEndpoint(
            "DELETE",
            "/api/tokens/{id}",
            tokens.revoke,
            "admin",
            "Take a token away, by its id or name",
            takes(in_path("id")) | gives(token),
        ),
    ]


class _Tokens:
    def __init__(self, served: Served) -> None:
        self._served = served

    async def me(self, request: web.Request) -> web.Response:
        rights = rights_of(request)
        return json_response(
            {
                "name": rights.name,
                "scopes": sorted(rights.scopes),
                "sandboxed": rights.sandbox is not None,
                "monitors": rights.key is not None or "admin" in rights.scopes,
            }
        )

    async def all(self, _request: web.Request) -> web.Response:
        kept = await self._served.admin.read(every)
        configured = [
            {"name": name, "scopes": [*token.scopes], "configured": True}
            for name, token in self._served.settings.tokens.items()
        ]
        return json_response({"tokens": [*configured, *map(_shown, kept)]})

    async def make(self, request: web.Request) -> web.Response:
        given = await read_body(request)
        if not isinstance(given, dict):
            raise Unanswerable("the body is not an object", 'send {"name": …, "scopes": […]}')
        for key in given:
            one_of(key, _KEYS, "key", str(key)[:60])
        name, scopes = given.get("name"), given.get("scopes")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Unanswerable(
                "name is not 1 to 64 letters, digits, dots, hyphens and underscores",
                "correct it",
                field="name",
            )
        if not isinstance(scopes, list) or not scopes:
            raise Unanswerable("scopes is not a list of scopes", 'write ["read:data"]', field="scopes")
        scopes = [one_of(scope, get_args(Scope), "scope", "scopes") for scope in scopes]
        now_ms = int(self._served.clock.time() * 1000)
        expires_ms = _expiry(given.get("expires"), now_ms)
        per_minute = _rate(given.get("per_minute"))
        made = await self._served.admin.write(
            lambda connection: make(
                connection, name, scopes, now_ms=now_ms, expires_ms=expires_ms, per_minute=per_minute
            )
        )
        if made is None:
            raise RequestRefused(
                409, f"a token is named {name} already, or there are too many", "revoke it first"
            )
        number, token = made
        kept = KeptToken(number, name, frozenset(scopes), per_minute, now_ms, expires_ms, None)
        return json_response({"token": token, **_shown(kept)}, 201)

    async def revoke(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        if not await self._served.admin.write(lambda connection: revoke(connection, wanted)):
            if wanted in self._served.settings.tokens:
                raise RequestRefused(
                    409, f"{wanted} is of the configuration", "take it out of [bridge.analytics.tokens]"
                )
            raise RequestRefused(404, "no token has this id or name", "take one from /api/tokens")
        return json_response({})


def _expiry(given: Any, now_ms: int) -> int | None:
    if given is None:
        return None
    try:
        seconds = parse_duration(given)
        if not 0 < float(seconds) < 10**9:
            raise ValueError
    except (TypeError, ValueError):
        raise Unanswerable("expires is not a duration", "write it like 90d", field="expires") from None
    return now_ms + int(float(seconds) * 1000)


def _rate(given: Any) -> int | None:
    if given is None or (type(given) is int and 1 <= given <= _MOST_PER_MINUTE):
        return given
    raise Unanswerable(
        f"per_minute is not a whole number from 1 to {_MOST_PER_MINUTE}", "correct it", field="per_minute"
    )


def _shown(token: KeptToken) -> dict[str, Any]:
    times = {"made": token.made_ms, "expires": token.expires_ms, "used": token.used_ms}
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "per_minute": token.per_minute,
        **{name: None if ms is None else format_ms(ms) for name, ms in times.items()},
        "configured": False,
    }

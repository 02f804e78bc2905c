"""Who may call: a program or person on this machine, or whoever brings a token with the scope.

No token is needed only from this machine itself: the peer is loopback, `Host` is a loopback name, nothing says that the
request was passed on (`Forwarded`, `X-Forwarded-*`) or comes from a web page of another origin, and neither `tokens`
nor `public_url` is set. A token that is sent always narrows: a wrong one is refused from anywhere.

A token is sent as `Authorization: Bearer TOKEN`, or as others' clients do: `Authorization: TOKEN` (Moesif's),
`X-AUTH-TOKEN` or `API-Key` (API Analytics').
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web

from bridge.analytics.admin import AdminFile
from bridge.analytics.admin.tokens import digest_of, find, note_uses
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.opened import workspace_rights
from bridge.analytics.server.rates import TokenRates
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rights import EVERYTHING, Rights
from bridge.contracts import Clock
from bridge.settings.analytics import TokenSettings

RIGHTS: Final = web.RequestKey("rights", Rights)
_CURE: Final = (
    "send Authorization: Bearer TOKEN, with a token of `apim-bridge token create` "
    "or of [bridge.analytics.tokens]"
)
_HEADERS: Final = ("X-AUTH-TOKEN", "API-Key")

TokenReader = Callable[[str], Rights | None]
"""Says what a token allows; None: it is none of its kind. Raises RequestRefused for one that has ended."""


def rights_of(request: web.Request) -> Rights:
    """Return what the caller of an endpoint may do."""
    return request[RIGHTS]


class Access:
    """Says which requests may do what."""

    def __init__(
        self,
        tokens: Mapping[str, TokenSettings],
        admin: AdminFile,
        clock: Clock,
        *,
        public: bool,
        zone: ZoneInfo,
    ) -> None:
        """`tokens`: those of the configuration; `public`: other machines call, under `public_url`.

        `zone`: of workspaces that name none.
        """
        self._configured = {
            token.sha256: Rights(name, frozenset(token.scopes)) for name, token in tokens.items()
        }
        self._open = not tokens and not public
        self._admin = admin
        self._clock = clock
        self._rates = TokenRates(clock)
        self._used: dict[str, int] = {}
        self.readers: list[TokenReader] = [
            self._configured_rights,
            self._kept_rights,
            workspace_rights(admin, clock, zone),
        ]

    def admit(self, request: web.Request, endpoint: ApiEndpoint) -> None:
        """Let a request to an endpoint through, and keep with it what its caller may do; raises RequestRefused."""
        if endpoint.scope is None:
            return
        rights = self.rights(request)
        self._rates.take(rights)
        if endpoint.of_keys and rights.key is not None:
            request[RIGHTS] = rights
            return
        rights.require(endpoint.scope)
        if rights.sandbox is not None and not endpoint.sandboxed:
            raise RequestRefused(
                403, "this token sees a part of the events, and this is not about it", "use another token"
            )
        request[RIGHTS] = rights

    async def note_uses(self) -> None:
        """Keep when tokens were used last."""
        used, self._used = self._used, {}
        if used:
            await self._admin.write(lambda connection: note_uses(connection, used))

    def rights(self, request: web.Request) -> Rights:
        """Return what a request's caller may do; raises RequestRefused."""
        token = token_sent(request)
        if token is None:
            if not self._open:
                raise _unknown("this needs a token")
            _require_local(request)
            return EVERYTHING
        for read in self.readers:
            rights = read(token)
            if rights is not None:
                return rights
        raise _unknown("the token is wrong")

    def _configured_rights(self, token: str) -> Rights | None:
        return self._configured.get(digest_of(token))

    def _kept_rights(self, token: str) -> Rights | None:
        kept = find(self._admin.looking, digest_of(token))
        if kept is None:
            return None
        now_ms = int(self._clock.time() * 1000)
        if kept.expires_ms is not None and kept.expires_ms <= now_ms:
            raise _unknown(f"the token {kept.name} has expired")
        self._used[kept.id] = now_ms
        return Rights(kept.name, kept.scopes, per_minute=kept.per_minute)


def token_sent(request: web.BaseRequest) -> str | None:
    """Return the token that a request brings, None if it brings none; raises RequestRefused."""
    given = [request.headers[name].strip() for name in _HEADERS if name in request.headers]
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        scheme, _, rest = authorization.strip().partition(" ")
        if rest and scheme.lower() != "bearer":
            raise _unknown("the token is wrong")
        given.append(rest.strip() or scheme)
    if len({*given}) > 1:
        raise _unknown("there are several tokens, which differ")
    return given[0] if given else None


def _unknown(error: str) -> RequestRefused:
    return RequestRefused(401, error, _CURE, headers={"WWW-Authenticate": 'Bearer realm="apim-bridge"'})


def _require_local(request: web.BaseRequest) -> None:
    """Return if a request comes from this machine, as far as it can be known; raises RequestRefused."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if not peer or not _is_loopback(peer[0]):
        raise _unknown("this needs a token, because it comes from another machine")
    if not _is_loopback(_name(request.headers.get(hdrs.HOST, ""))):
        raise _unknown("this needs a token, because Host is not a name of this machine alone")
    passed = [
        name
        for name in request.headers
        if name.lower() == "forwarded" or name.lower().startswith("x-forwarded-")
    ]
    if passed:
        raise _unknown(f"this needs a token, because {passed[0]} says that it was passed on")
    origin = request.headers.get(hdrs.ORIGIN)
    foreign = (
        origin is not None
        and origin.partition("://")[2].lower() != request.headers.get(hdrs.HOST, "").lower()
    )
    if foreign or request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        raise _unknown("this needs a token, because a web page of another origin asks")


def _name(host: str) -> str:
    """Return the name or address in a Host header."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    name = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)

"""Who may call: a program or person on this machine, or whoever brings a token with the scope.

No token is needed only from this machine itself: the peer is loopback, `Host` is a loopback name, nothing says that the
request was passed on (`Forwarded`, `X-Forwarded-*`) or comes from a web page of another origin, and neither `tokens`
nor `public_url` is set. A token that is sent always narrows: a wrong one is refused from anywhere.

Tokens are kept as SHA-256. They are long and random, so that a digest of one is no way to it.
"""

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from bridge.analytics.server.refusals import RequestRefused
from bridge.settings.analytics import Scope, TokenSettings

_CURE: Final = "send Authorization: Bearer TOKEN, with a token of [bridge.analytics.tokens]"


def scope_of(method: str, path: str) -> Scope | None:
    """Return the scope that a request needs; None: the page's files and health are for everybody."""
    if path in {"/ingest", "/account"}:
        return "ingest"
    if path == "/metrics":
        return "read:data"
    if not path.startswith("/api/"):
        return None
    if path == "/api/events" or path.startswith("/api/events/"):
        return "read:events"
    return "read:data" if method in {"GET", "HEAD"} or path == "/api/query" else "admin"


class Access:
    """Says which requests may do what."""

    def __init__(self, tokens: Mapping[str, TokenSettings], *, public: bool) -> None:
        """`public`: other machines call, under `public_url`."""
        self._scopes = {token.sha256: frozenset(token.scopes) for token in tokens.values()}
        self._open = not tokens and not public

    def admit(self, request: web.BaseRequest, scope: Scope | None) -> None:
        """Return if a request may do what a scope allows; raises RequestRefused."""
        if scope is None:
            return
        given = request.headers.get(hdrs.AUTHORIZATION)
        if given is None:
            if not self._open:
                raise _unknown("this needs a token")
            _require_local(request)
            return
        scheme, _, token = given.partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
        scopes = self._scopes.get(digest) if scheme.lower() == "bearer" else None
        if scopes is None:
            raise _unknown("the token is wrong")
        if scope not in scopes and "admin" not in scopes:
            raise RequestRefused(
                403,
                f"this token may not do that: it lacks the scope {scope}",
                f"add {scope} to its scopes, or use another",
            )


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

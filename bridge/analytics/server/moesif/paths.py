"""Where Moesif's calls are: `https://api.moesif.com` with and without `/v1`, or a secure proxy's `/api`."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.analytics.server.describing import gives
from bridge.analytics.server.endpoint import ApiAnswering, ApiEndpoint
from bridge.settings.analytics import Scope

_BASES: Final = ("/v1", "", "/api")
_OBJECT: Final = gives({"type": "object"})


def at_every_base(
    method: str,
    path: str,
    answer: ApiAnswering,
    scope: Scope,
    summary: str,
    described: Mapping[str, Any] = _OBJECT,
    *,
    sandboxed: bool = False,
    described_at: str = "/v1",
) -> list[ApiEndpoint]:
    """Return a call of Moesif's at each of its bases; it is described at one of them."""
    return [
        ApiEndpoint(
            method,
            f"{base}{path}",
            answer,
            scope,
            summary if base == described_at else "",
            described,
            sandboxed=sandboxed,
        )
        for base in _BASES
    ]

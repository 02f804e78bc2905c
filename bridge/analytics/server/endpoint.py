"""One endpoint of the analytics server: where it is, who may call it, what answers, and how it is described."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bridge.analytics.server.refusals import RequestRefused
from bridge.settings.analytics import Scope

ApiAnswering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ApiEndpoint:
    """A method of a path."""

    method: str
    path: str
    answer: ApiAnswering
    scope: Scope | None
    """What a caller's token has to allow; None: it is for everybody."""
    summary: str = ""
    """One line; empty: it is no part of the API, and not described."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """Its parameters, body and answer in OpenAPI 3.1 (`describing`)."""
    sandboxed: bool = False
    """Whether who sees a part of the events alone may call it: it then answers within that part."""
    of_keys: bool = False
    """Whether an API Analytics key may call it without that scope: for what is its own."""
    worded: Callable[[RequestRefused], RequestRefused] | None = None
    """Puts a refusal into the words that its callers know; None: those of this server."""
    streamed: bool = False
    """Whether its answer has no end that could be told beforehand: there is no HEAD of it."""

"""All endpoints of the server, and their description."""

from typing import Any, Final

from aiohttp import web

from bridge.analytics.server import (
    alerts,
    annotations,
    boards,
    channels,
    client_data,
    data,
    erasures,
    events,
    export,
    ingest,
    monitors,
    page,
    reports,
    state,
    status,
    stream,
    tokens,
    viewing,
    workspaces,
)
from bridge.analytics.server.describing import gives
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.moesif import calls as moesif_calls
from bridge.analytics.server.openapi import document
from bridge.analytics.server.served import Served
from bridge.web.answers import json_response

PARTS: Final = (
    ingest,
    state,
    data,
    client_data,
    stream,
    events,
    export,
    annotations,
    boards,
    tokens,
    viewing,
    workspaces,
    moesif_calls,
    monitors,
    status,
    alerts,
    channels,
    reports,
    erasures,
)
"""Each brings its endpoints."""


def endpoints_of(served: Served) -> list[ApiEndpoint]:
    """Return all endpoints; the dashboard's is the last one, because it takes every path that is left."""
    made: dict[str, Any] = {}

    async def openapi(_request: web.Request) -> web.Response:
        return json_response(made)

    described = [one for part in PARTS for one in part.endpoints(served)]
    itself = ApiEndpoint(
        "GET", "/api/openapi.json", openapi, "read:data", "Describe this API", gives({"type": "object"})
    )
    described.append(itself)
    made |= document(described, served.settings.public_url)
    return [*described, *page.endpoints(served)]

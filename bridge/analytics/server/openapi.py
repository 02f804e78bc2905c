"""The data API, described in OpenAPI 3.1 at /api/openapi.json."""

from collections.abc import Iterable
from typing import Any

from bridge import __version__
from bridge.analytics.server.describing import ref
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.monitor_schemas import monitor_schemas
from bridge.analytics.server.openapi_schemas import lists, schemas
from bridge.analytics.server.sharing_schemas import sharing_schemas


def document(endpoints: Iterable[ApiEndpoint], public_url: str | None = None) -> dict[str, Any]:
    """Return the description of these endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        if one.summary:
            paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "apim-bridge analytics",
            "version": __version__,
            "description": "Calls of a WSO2 gateway: figures, events, exports. From the machine itself no token is "
            "needed unless `tokens` or `public_url` is set.",
        },
        "servers": [{"url": public_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas() | sharing_schemas() | monitor_schemas() | lists(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token with the scope that is named: of [bridge.analytics.tokens], or made by "
                    "`apim-bridge token create`.",
                }
            },
        },
    }


def _operation(one: ApiEndpoint) -> dict[str, Any]:
    problem = {"application/json": {"schema": ref("Problem")}}
    refusals = {"default": {"description": "What is wrong, and its cure", "content": problem}}
    tag = "ways in" if one.scope == "ingest" else "the process" if not one.scope else "data"
    return {
        "summary": one.summary,
        **one.described,
        "responses": {**one.described.get("responses", {}), **refusals},
        "security": [{"token": [one.scope]}] if one.scope else [],
        "tags": [tag],
    }

"""The data API, described in OpenAPI 3.1 at /api/openapi.json."""

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from bridge import __version__
from bridge.analytics.questions.exports import FORMATS
from bridge.analytics.server.access import scope_of
from bridge.analytics.server.boards import BOARD_ID
from bridge.analytics.server.openapi_schemas import ApiSchema, lists, schemas, text
from bridge.analytics.server.served import Served
from bridge.web.answers import json_response

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "calls of each API in the last week, compared with the week before": {
        "measures": ["calls", "error_rate", "latency_p95"],
        "by": ["api"],
        "from": "-7d",
        "compare": "previous",
        "limit": 10,
    },
    "server errors by hour and by API since yesterday morning": {
        "measures": ["errors"],
        "by": ["api"],
        "filters": [{"field": "status_class", "is": ["5xx"]}],
        "from": "-1d/d",
        "interval": "1h",
        "time_zone": "Europe/Berlin",
    },
    "slowest resources of one API, without robots": {
        "measures": ["latency_p95", "backend_latency_p95", "calls"],
        "by": ["method", "resource"],
        "filters": [{"field": "api", "is": ["Orders"]}, {"field": "bot", "is_not": [True]}],
        "order": "-latency_p95",
    },
    "tokens by model in March": {
        "measures": ["ai_prompt_tokens", "ai_completion_tokens"],
        "by": ["ai_vendor", "ai_model"],
        "filters": [{"field": "ai_model", "is_not": [None]}],
        "from": "2026-03-01",
        "to": "2026-04-01",
    },
    "who is throttled, by hour of the day": {
        "measures": ["throttled"],
        "by": ["application", "hour"],
        "filters": [
            {"field": "error_type", "is": ["THROTTLED"]},
            {"field": "user", "matches": "@acme[.]com$"},
        ],
    },
}

BOARDS: Final[dict[str, dict[str, Any]]] = {
    "what one team looks at": {
        "name": "Orders team",
        "filters": [{"field": "api", "is": ["Orders"]}],
        "views": [
            {
                "title": "Errors by application",
                "form": "time",
                "width": 3,
                "question": {"measures": ["errors"], "by": ["application"]},
            },
            {
                "title": "Slowest resources",
                "form": "table",
                "width": 2,
                "question": {"measures": ["latency_p95", "calls"], "by": ["method", "resource"], "limit": 10},
            },
            {"title": "Where from", "form": "map", "question": {"measures": ["calls"], "by": ["country"]}},
        ],
    },
}


def routes(served: Served) -> Sequence[web.RouteDef]:
    """Return the route of the description."""
    body = document(served.settings.public_url)

    async def openapi(_request: web.Request) -> web.Response:
        return json_response(body)

    return [web.get("/api/openapi.json", openapi)]


def document(public_url: str | None) -> dict[str, Any]:
    """Return the description."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, summary, more in _operations():
        operation = {"summary": summary, **more}
        operation["responses"] = operation.get("responses", {}) | _refusals()
        scope = scope_of(method.upper(), path)
        operation["security"] = [{"token": [scope]}] if scope else []
        operation["tags"] = ["ways in" if scope == "ingest" else "the process" if not scope else "data"]
        paths.setdefault(path, {})[method] = operation
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
            "schemas": schemas() | lists(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of [bridge.analytics.tokens] with the scope that is named.",
                }
            },
        },
    }


def _operations() -> list[tuple[str, str, str, dict[str, Any]]]:
    period = [_parameter("from", text()), _parameter("to", text()), _parameter("time_zone", text())]
    filters = _parameter("filters", text("A JSON array of filters, as in a question."))
    limit = _parameter("limit", {"type": "integer", "minimum": 1})
    events = {"events": {"type": "array", "items": _ref("Event")}, "next": {"type": ["string", "null"]}}
    annotation = {"time": text("In the forms of `from`; now, if there is none."), "text": text(maxLength=500)}
    return [
        (
            "post",
            "/api/query",
            "Answer a question",
            _body(_ref("Question"), examples=EXAMPLES) | _gives(_ref("Answer")),
        ),
        (
            "get",
            "/api/values",
            "Suggest values of a field, those of most calls first",
            _takes(
                _parameter("field", _ref("Dimension"), required=True),
                _parameter("contains", text()),
                filters,
                *period,
                limit,
            )
            | _gives(_named("values", {"type": "array", "items": {"type": "object"}})),
        ),
        ("get", "/api/fields", "Tell what questions may be made of", _gives({"type": "object"})),
        (
            "get",
            "/api/events",
            "List events, the newest first",
            _takes(filters, *period, limit, _parameter("cursor", text("`next` of the page before.")))
            | _gives({"type": "object", "properties": events}),
        ),
        (
            "get",
            "/api/events/{id}",
            "Show one event with all that it said",
            _takes(_in_path("id"), period[2])
            | _gives(_named("fields", _ref("Event")) | {"required": ["fields", "event"]}),
        ),
        (
            "get",
            "/api/events/stream",
            "Send events as they come in: a line of JSON each, an empty line as a sign of life",
            _takes(filters, period[2])
            | _gives({"anyOf": [_ref("Event"), _ref("Missed")]}, "application/x-ndjson"),
        ),
        (
            "get",
            "/api/export",
            "Export the rows of a question, or events where it has no measures (this needs read:events)",
            _takes(
                _parameter("question", text("A question as JSON, with measures or without.")),
                _parameter("format", {"enum": [*FORMATS], "default": "csv"}),
            )
            | _gives({}, *FORMATS.values()),
        ),
        (
            "get",
            "/api/annotations",
            "List the markers of a period",
            _takes(*period) | _gives(_named("annotations", {"type": "array", "items": _ref("Annotation")})),
        ),
        (
            "post",
            "/api/annotations",
            "Set a marker, such as a deployment",
            _body({"type": "object", "properties": annotation, "required": ["text"]})
            | _gives(_ref("Annotation"), status="201"),
        ),
        (
            "delete",
            "/api/annotations/{id}",
            "Remove a marker",
            _takes(_in_path("id")) | _gives({"type": "object"}),
        ),
        (
            "get",
            "/api/boards",
            "List the boards: id, name, and how many views each has",
            _gives(_named("boards", {"type": "array", "items": {"type": "object"}})),
        ),
        ("get", "/api/boards/{id}", "Show a board", _takes(_in_path("id")) | _gives(_ref("Board"))),
        (
            "put",
            "/api/boards/{id}",
            "Keep a board under an id of your choice; with `version` only if that is the one that is kept, 0 for none",
            _takes(_in_path("id", pattern=f"^{BOARD_ID}$"))
            | _body(_ref("Board"), examples=BOARDS)
            | _gives(_ref("Board")),
        ),
        ("delete", "/api/boards/{id}", "Remove a board", _takes(_in_path("id")) | _gives({"type": "object"})),
        ("get", "/api/state", "Tell senders, freshness and the books", _gives({"type": "object"})),
        ("get", "/api/openapi.json", "Describe this API", _gives({"type": "object"})),
        (
            "post",
            "/ingest",
            "Take canonical events, each once by its id, as the `http` sink sends them",
            _body({"type": "array", "items": {"type": "object"}}, "application/x-ndjson")
            | _gives({"type": "object"}),
        ),
        (
            "post",
            "/account",
            "Take what a bridge says of itself",
            _body({"type": "object"}) | _gives({"type": "object"}),
        ),
        ("get", "/metrics", "Show the process's own metrics for Prometheus", _gives(text(), "text/plain")),
        ("get", "/health", "Tell whether it runs", _gives({"type": "object"})),
    ]


def _refusals() -> dict[str, Any]:
    problem = {"application/json": {"schema": _ref("Problem")}}
    return {"default": {"description": "What is wrong, and its cure", "content": problem}}


def _takes(*parameters: ApiSchema) -> dict[str, Any]:
    return {"parameters": [*parameters]}


def _body(schema: ApiSchema, *types: str, examples: dict[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {
        "requestBody": {"required": True, "content": dict.fromkeys(("application/json", *types), content)}
    }


def _gives(schema: ApiSchema, *types: str, status: str = "200") -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind in types or ("application/json",)}
    return {"responses": {status: {"description": "The answer", "content": content}}}


def _parameter(name: str, schema: ApiSchema, *, required: bool = False) -> ApiSchema:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _in_path(name: str, **more: Any) -> ApiSchema:
    return {"name": name, "in": "path", "required": True, "schema": text(**more)}


def _named(name: str, schema: ApiSchema) -> ApiSchema:
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def _ref(name: str) -> ApiSchema:
    return {"$ref": f"#/components/schemas/{name}"}

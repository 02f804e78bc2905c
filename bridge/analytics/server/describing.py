"""How an endpoint is described in OpenAPI 3.1: parameters, body and answer."""

from collections.abc import Mapping
from typing import Any, Final

ApiSchema = dict[str, Any]


def text(about: str = "", **more: Any) -> ApiSchema:
    """Return the schema of a text."""
    return {"type": "string"} | ({"description": about} if about else {}) | more


def takes(*parameters: ApiSchema) -> dict[str, Any]:
    """Describe parameters."""
    return {"parameters": [*parameters]}


def body(schema: ApiSchema, *types: str, examples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Describe the body of a request; `types`: media types beside JSON."""
    content: dict[str, Any] = {"schema": schema}
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {
        "requestBody": {"required": True, "content": dict.fromkeys(("application/json", *types), content)}
    }


def gives(schema: ApiSchema, *types: str, status: str = "200") -> dict[str, Any]:
    """Describe the answer; `types`: its media types, JSON unless said."""
    content = {kind: {"schema": schema} for kind in types or ("application/json",)}
    return {"responses": {status: {"description": "The answer", "content": content}}}


def parameter(name: str, schema: ApiSchema, *, required: bool = False) -> ApiSchema:
    """Describe a parameter of the address."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


def in_path(name: str, **more: Any) -> ApiSchema:
    """Describe a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": text(**more)}


def named(name: str, schema: ApiSchema) -> ApiSchema:
    """Return the schema of an object with one member."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def ref(name: str) -> ApiSchema:
    """Return a reference to a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(name: str, schema: ApiSchema) -> ApiSchema:
    """Return the schema of an object with one list."""
    return named(name, {"type": "array", "items": schema})


FILTERS: Final = parameter("filters", text("A JSON array of filters, as in a question."))
TIME_ZONE: Final = parameter("time_zone", text())
PERIOD: Final = (parameter("from", text()), parameter("to", text()), TIME_ZONE)
LIMIT: Final = parameter("limit", {"type": "integer", "minimum": 1})

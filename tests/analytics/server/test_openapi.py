"""The description of the data API is what the server does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it ships without types
from rigs.analytics_server import served

from bridge.analytics.server.access import Access
from bridge.analytics.server.data import fixed_lists
from bridge.analytics.server.openapi import EXAMPLES, document
from bridge.analytics.server.served import Served
from bridge.analytics.server.serving import PARTS
from bridge.analytics.store import Store
from bridge.settings import AnalyticsSettings

_MADE = document(None)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


async def test_every_route_is_described(tmp_path: Path) -> None:
    """Nothing is served that is not described, and nothing described that is not served."""
    async with Store.opened(tmp_path) as store:
        settings = AnalyticsSettings()
        every = [
            route
            for part in PARTS
            for route in part.routes(Served(store, settings, Access({}, public=False)))
        ]
    of_the_api = {(route.method.lower(), route.path) for route in every if not route.path.startswith("/{")}
    described = {(method, path) for path, methods in _MADE["paths"].items() for method in methods}
    assert of_the_api == described


def test_every_reference_leads_somewhere() -> None:
    """Schemas that are named are there."""
    for reference in _references(_MADE):
        assert reference.removeprefix("#/components/schemas/") in _MADE["components"]["schemas"]


def test_schemas_are_schemas_and_examples_fit() -> None:
    """Each schema is valid JSON Schema 2020-12, which OpenAPI 3.1 uses, and the examples are questions."""
    components = _MADE["components"]["schemas"]
    for schema in components.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/Question", "components": {"schemas": components}}
    )
    for example in EXAMPLES.values():
        validator.validate(example)
    assert not validator.is_valid({"measures": ["call"]})
    assert not validator.is_valid({"measures": ["calls"], "filters": [{"field": "api"}]})


def test_the_lists_are_the_lists_of_questions() -> None:
    """What the description names is what /api/fields names."""
    components, lists = _MADE["components"]["schemas"], fixed_lists()
    assert components["Measure"]["enum"] == [one["name"] for one in lists["measures"]]
    assert components["Dimension"]["enum"] == [one["name"] for one in lists["dimensions"]]
    assert {*components["Filter"]["properties"]} == {"field", *lists["tests"]}


async def test_examples_are_answered(tmp_path: Path) -> None:
    """Whoever copies an example gets an answer; the answer is what the description says."""
    answer_schema = {"$ref": "#/components/schemas/Answer", "components": _MADE["components"]}
    async with served(tmp_path, []) as client:
        async with client.get("/api/openapi.json") as answer:
            assert await answer.json() == json.loads(json.dumps(_MADE))
        for example in EXAMPLES.values():
            async with client.post("/api/query", json=example) as answer:
                assert answer.status == 200, await answer.text()
                jsonschema.validate(await answer.json(), answer_schema)

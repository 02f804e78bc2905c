"""The description of the data API is what the server does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it ships without types
from rigs.analytics_parts import endpoints
from rigs.analytics_server import served

from bridge.analytics.server.data import fixed_lists
from bridge.analytics.server.examples import EXAMPLES
from bridge.analytics.server.openapi import document
from bridge.analytics.server.page import STATUS

_MADE = document(endpoints())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_every_endpoint_is_described() -> None:
    """Nothing is served that is not described but the page's files, and each description names what it gives."""
    described = [one.answer for one in endpoints() if one.summary]
    for one in endpoints():
        # Moesif's calls are served at several bases, and described at one.
        known = bool(one.summary) or one.answer in described
        assert known != (one.path.startswith(("/{", "/public/")) or one.path in STATUS), one.path
        assert not one.summary or "responses" in one.described, one.path
        named = {part["name"] for part in one.described.get("parameters", ()) if part["in"] == "path"}
        assert named == {*re.findall(r"\{(\w+)\}", one.path)} or not one.summary, one.path


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

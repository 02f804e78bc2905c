"""The configuration as a JSON schema, made from the models: for editors, and for programs that write such files."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from bridge.settings.model import BridgeSettings, SinkSettings, SourceSettings, WSO2Settings
from bridge.settings.wso2 import TABLE

Schema = dict[str, Any]

_PLACEHOLDER: Final[Schema] = {
    "type": "string",
    "pattern": r"\$(env|secret|ref|sys)\{[^{}]+\}",
    "description": "A value from the environment, a secret's file, another key of this file or [bridge.sys].",
}
_NAMES: Final[Schema] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class _Written(GenerateJsonSchema):
    """What may be written: for values with a reader of their own that is a text, too."""

    def function_plain_schema(self, schema: Any) -> Schema:  # noqa: ARG002 - pydantic's signature
        """An address."""
        return {"type": "string"}

    def function_before_schema(self, schema: Any) -> Schema:
        """Durations, sizes, lists that may be one text."""
        inner = super().function_before_schema(schema)
        if inner.get("type") == "object" and "properties" not in inner:
            # Dotted names may be tables inside it, and every value is taken as a text.
            return {"type": "object"}
        return (
            inner
            if "properties" in inner
            else {"anyOf": [inner, {"type": ["string", "number", "boolean", "array"]}]}
        )


def schema(*, sinks: Mapping[str, type[SinkSettings]], sources: Mapping[str, type[SourceSettings]]) -> Schema:
    """Return the schema of a whole file, for the known kinds by name."""
    definitions: Schema = {"placeholder": _PLACEHOLDER}
    bridge = _table(BridgeSettings, definitions)
    bridge["properties"] |= {
        "type": {**_NAMES, "description": "Which sinks are on; overrides type in [apim.analytics]."},
        "sources": _kinds("source", sources, definitions),
        "sinks": _kinds("sink", sinks, definitions),
    }
    analytics = _table(WSO2Settings, definitions)
    analytics["additionalProperties"] = True
    for row in TABLE:
        for key in row.keys:
            table, dot, name = key.partition(".")
            if not dot:
                analytics["properties"].setdefault(key, {"description": row.meaning})
            elif "*" not in key:
                known = analytics["properties"][table].setdefault("properties", {})
                known[name] = {"description": row.meaning}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of apim-bridge",
        "type": "object",
        "properties": {
            "apim": {"type": "object", "properties": {"analytics": analytics}},
            "bridge": bridge,
        },
        "definitions": definitions,
    }


def _kinds(what: str, kinds: Mapping[str, type[BaseModel]], definitions: Schema) -> Schema:
    """Return what may stand below [bridge.sinks] or [bridge.sources]: a table of any name that says its type."""
    for name, model in kinds.items():
        table = _table(model, definitions)
        table["properties"]["type"] = {
            "const": name,
            "description": f"The kind of {what}; needed only where the table's name is not one.",
        }
        # What is missing here may stand in WSO2's keys.
        required = set(table.pop("required", ())) - {"type"}
        required -= set(getattr(model, "WSO2_KEYS", {}).values())
        if required:
            table["required"] = sorted(required)
        definitions[f"{what} {name}"] = table
    references = {name: {"$ref": f"#/definitions/{what} {name}"} for name in kinds}
    typed = [{"allOf": [one, {"required": ["type"]}]} for one in references.values()]
    return {
        "type": "object",
        "properties": {name: {"anyOf": [references[name], *typed]} for name in kinds},
        "additionalProperties": {"anyOf": typed},
    }


def _table(model: type[BaseModel], definitions: Schema) -> Schema:
    """Return the schema of a table; tables inside it are added to the definitions."""
    table = model.model_json_schema(
        ref_template="#/definitions/{model}", schema_generator=_Written, mode="validation"
    )
    for name, inner in table.pop("$defs", {}).items():
        definitions[name] = _open(inner)
    return _open(table)


def _open(table: Schema) -> Schema:
    """Allow a placeholder wherever a value may stand; leave out what no editor needs."""
    table.pop("title", None)
    for key, value in table.get("properties", {}).items():
        kept = {word: value[word] for word in ("description", "default") if word in value}
        plain = {
            word: one
            for word, one in value.items()
            if word not in {"title", "description", "default", "sample", "writeOnly", "format"}
        }
        if (
            "$ref" in plain
            or "type" not in str(plain)
            or (plain.get("type") == "string" and "pattern" not in plain)
        ):
            table["properties"][key] = plain | kept
        else:
            table["properties"][key] = {"anyOf": [plain, {"$ref": "#/definitions/placeholder"}], **kept}
    return table

"""What a field of a model says of itself, in the words of the sample: its form, its default, a value as TOML."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from bridge.document.units import format_duration, format_size, parse_duration, parse_size


def form_in_words(field: FieldInfo) -> str:
    """Return what may stand there, in a few words."""
    unit = _unit(field)
    least = next((one for one in field.metadata if isinstance(one, Ge | Gt)), None)
    most = next((one.le for one in field.metadata if isinstance(one, Le)), None)
    if unit:
        return {parse_duration: "duration", parse_size: "size"}[unit] + (
            f" up to {as_toml(most, field)}" if most is not None else ""
        )
    choices = [json.dumps(one) for part in _parts(field.annotation) for one in _words(part)]
    if choices:
        return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
    if isinstance(least, Ge) and most is not None:
        return f"{least.ge} to {most}"
    if isinstance(least, Ge):
        return f"{least.ge} or more"
    if isinstance(least, Gt):
        return f"more than {least.gt}" + (f", up to {most}" if most is not None else "")
    return ""


def default_in_words(field: FieldInfo, wso2_key: str | None) -> str:
    """Return what holds where the setting is not written down; `wso2_key` has its value in WSO2's keys."""
    if wso2_key:
        return f"default: {wso2_key} in [apim.analytics.properties]"
    extra = _extra(field).get("default")
    if extra is not None:
        return f"default: {extra}"
    if field.is_required():
        return "required"
    return "not set by default" if has_no_value(field) else f"default {as_toml(field.get_default(), field)}"


def has_no_value(field: FieldInfo) -> bool:
    """Return whether the setting has no value of its own that could be written down."""
    if field.default_factory is not None:
        return True
    return not field.is_required() and field.default in (None, (), [], {}, "", frozenset())


def value_to_show(key: str, field: FieldInfo) -> Any:
    """Return the value that stands in the sample: the default, or an example."""
    extra = _extra(field).get("sample")
    if extra is not None:
        return extra
    if not has_no_value(field) and not field.is_required():
        return field.default
    fallbacks: dict[Any, Any] = {
        SecretStr: f"$secret{{{key}}}",
        Path: f"/path/to/{key}",
        int: 1,
        float: 1,
        bool: True,
        list: [],
        tuple: [],
        dict: {},
    }
    kinds = (get_origin(part) or part for part in _parts(field.annotation))
    return next((fallbacks[kind] for kind in kinds if kind in fallbacks), key)


def as_toml(value: Any, field: FieldInfo) -> str:
    """Return a value of the field as TOML, durations and sizes with their units."""
    unit = _unit(field)
    if unit is parse_duration and isinstance(value, int | float):
        value = format_duration(value)
    elif unit is parse_size and isinstance(value, int):
        value = format_size(value)
    return _toml(value)


def _toml(value: Any) -> str:
    match value:
        case bool() | int() | float():
            return json.dumps(value)
        case list() | tuple():
            return f"[{', '.join(_toml(item) for item in value)}]"
        case dict():
            pairs = ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case SecretStr():
            return _toml(value.get_secret_value())
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _unit(field: FieldInfo) -> Any:
    """Return the function that reads the field's unit, None where it has none."""
    marks = [*field.metadata]
    for part in _parts(field.annotation):
        marks += getattr(part, "__metadata__", ())
    return next(
        (
            mark.func
            for mark in marks
            if isinstance(mark, BeforeValidator) and mark.func in (parse_duration, parse_size)
        ),
        None,
    )


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the one type that it is."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _words(annotation: Any) -> tuple[str, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of the table that the field is, None for a single setting."""
    for part in _parts(field.annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None

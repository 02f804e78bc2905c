"""Lists and tables in the several forms in which an operator may write them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

from bridge.document.placeholders import as_text


def _flatten(value: Any) -> Any:
    """Return nested tables as one, with dotted keys: TOML reads an unquoted `queue.size = 1` as two tables."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= {f"{key}.{inner}": deep for inner, deep in _flatten(item).items()}
        else:
            flat[str(key)] = item
    return flat


def _texts(value: Any) -> Any:
    flat = _flatten(value)
    return {key: as_text(item) for key, item in flat.items()} if isinstance(flat, dict) else flat


def _choices(value: Any) -> Any:
    flat = _flatten(value)
    if not isinstance(flat, dict):
        raise ValueError('not a table; write it like { eventType = ["fault"] }')  # noqa: TRY004 - for pydantic
    choices = {
        key: [as_text(one) for one in (item if isinstance(item, list | tuple) else [item])]
        for key, item in flat.items()
    }
    for key, values in choices.items():
        if not values:
            raise ValueError(f'"{key}" names no value; name one or leave it out')
    return choices


def split_names(value: Any) -> tuple[str, ...]:
    """Return the names in a `type`: one word, a comma string (WSO2 also takes it in brackets) or a list.

    Raises ValueError with the cure.
    """
    if isinstance(value, str):
        value = value.strip().removeprefix("[").removesuffix("]").split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError('not a name or a list of names; write it like "moesif" or ["moesif", "archive"]')
    names = (name.strip().strip("\"'") for name in value)
    return tuple(dict.fromkeys(name for name in names if name))


def _truth(value: Any) -> Any:
    # WSO2 takes every other word for false (Boolean.parseBoolean), pydantic some of them for true.
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in {"true", "false"}:
            raise ValueError('neither true nor false; write it like true, or "true" as WSO2 passes it')
        return word == "true"
    return value


Choices = Annotated[dict[str, list[str]], BeforeValidator(_choices)]
"""Event field, or dotted `properties.x`, to the values that count."""

NameList = Annotated[tuple[str, ...], BeforeValidator(split_names)]
"""One name or several, each once, in their order."""

Secrets = Annotated[dict[str, SecretStr], BeforeValidator(_flatten)]
"""Name to secret; a name may have dots, in quotes or not."""

Truth = Annotated[bool, BeforeValidator(_truth)]
"""True or false, also as a text; WSO2 and the bridge might read other words differently."""

Texts = Annotated[dict[str, str], BeforeValidator(_texts)]
"""Dotted key to text: WSO2 hands every property to its reporters as a string."""

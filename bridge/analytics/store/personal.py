"""Tells what is left of an event, and may name a person, from what is harmless."""

import re
from functools import lru_cache
from types import NoneType
from typing import Any, Final

from bridge.analytics.store.columns import (
    HARMLESS,
    HARMLESS_OBJECTS,
    HARMLESS_PROPERTIES,
    NUMBERS,
    PROPERTY_NUMBERS,
    PROPERTY_TEXTS,
    TEXTS,
    TWINS,
)
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.events.sentinels import SENTINELS

NONE: Final = SENTINELS | {"anonymous", "dummy_endpoint_address"}
"""Texts that mean that there is none: WSO2's, and what it calls callers and backends that are none."""
NO_AGENT: Final = NONE | {"Other"}
_OPEN: Final = (dict, list)
"""What may hold anything."""
LONGEST_WORD: Final = 40
"""A code of WSO2's, or the name of a browser, is no longer."""
_MAPPED: Final = frozenset((*TEXTS, *NUMBERS))
_MAPPED_PROPERTIES: Final = frozenset((*PROPERTY_TEXTS, *PROPERTY_NUMBERS, *TWINS))


def part(rest: dict[str, Any], personal: dict[str, Any]) -> None:
    """Move what may name a person from `rest`, members of an event without its properties, to `personal`."""
    for key in [key for key, value in rest.items() if key not in HARMLESS or type(value) in _OPEN]:
        value = rest[key]
        if key == "bridge" and type(value) is dict:
            # How many calls it stands for, and that nobody is known to have called.
            if not {type(inner) for inner in value.values()} <= {int, float, NoneType}:
                personal[key] = rest.pop(key)
        elif key == "errorMessage" and type(value) is str and _is_code(value):
            continue
        elif key not in NAMES.known or not _says_nothing(value, known=key in _MAPPED):
            # The name of a member that nobody knows may say something, too.
            personal[key] = rest.pop(key)


def part_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """Take what may name a person out of an event's properties, and return it as a part of the event."""
    doubtful = [
        key
        for key, value in properties.items()
        if key not in HARMLESS_PROPERTIES or (type(value) in _OPEN and key not in HARMLESS_OBJECTS)
    ]
    personal: dict[str, Any] = {}
    for key in doubtful:
        known = key in PROPERTIES_NAMES.known or key in _MAPPED_PROPERTIES
        if not (known and _says_nothing(properties[key], known=key in _MAPPED_PROPERTIES)):
            personal.setdefault("properties", {})[key] = properties.pop(key)
    return personal


@lru_cache(maxsize=1024)
def _is_code(text: str) -> bool:
    """Tell whether an error's message is one of WSO2's words (`RESOURCE_NOT_FOUND`); a sentence may name somebody."""
    return len(text) <= LONGEST_WORD and re.fullmatch(r"[A-Z][A-Z0-9_]*", text) is not None


def _says_nothing(value: Any, *, known: bool) -> bool:
    """Tell whether nobody can be named by this value: one of WSO2's words for none, a flag, nothing."""
    if value is None or type(value) is bool:
        return True
    if type(value) is str:
        return value in NO_AGENT or known
    return known and type(value) in {int, float}

"""Hiding: which fields and headers of an event are replaced or removed before it is written to disk.

Masks, credentials and the client's address are all tables of this form; intake applies their union. They look
everywhere an event can have a fact: at its root, in `properties`, in captured headers (as an object or as JSON
text), and at any depth of what came beside the flat event, `origin` and `bridge`. A field is hidden under every
spelling of its name (`userIp`, `userIP`, `user_ip`), whatever the event says under the others.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from bridge.events.event import NAMES, PROPERTIES_NAMES, encode
from bridge.events.names import folded
from bridge.events.sentinels import real

HIDDEN: Final = "*****"
GONE: Final = object()
"""What a shape returns for a value that is to be removed."""

Shape = Callable[[Any], Any]
"""From a value, never None, to what is shown of it: another value, the same one, or GONE."""
Shapes = Mapping[str, Shape]

_OWNERS: Final = ("properties", "customProperties")
_BESIDE: Final = ("origin", "bridge")
_CAPTURED: Final = frozenset({"requestHeaders", "responseHeaders"})
_CANONICAL: Final = frozenset({*NAMES.known, *PROPERTIES_NAMES.known})
# Shorter texts occur in others by chance.
_SHORTEST_PART: Final = 5


def remove(_value: Any) -> Any:
    """Show nothing of a value."""
    return GONE


def remove_credential(value: Any) -> Any:
    """Show nothing of a value that may be read, but not kept; a value that was already hidden says nothing."""
    return value if isinstance(value, str) and not value.strip("*") else GONE


def header_name(name: str) -> str:
    """Return the one form of a header's name."""
    return name.strip().lower().replace("_", "-")


@dataclass(slots=True)
class Hidden:
    """What was hidden in one event, so that it does not come back by another way."""

    facts: dict[str, str | None] = field(default_factory=dict)
    """Text of a fact to what is shown of it; None: nothing."""
    credentials: set[str] = field(default_factory=set)
    touched: bool = False

    def note(self, shape: Shape, value: Any, shown: Any) -> None:
        """Remember a value that is shown as another."""
        self.touched = True
        for text in _texts(value):
            if real(text) is None:
                continue
            if shape is remove_credential:
                self.credentials.add(text)
            else:
                self.facts[text] = shown if isinstance(shown, str) else None

    def shown(self, text: str, source: str) -> str | None:
        """Return what may be shown of a text that was read from `source`; None: nothing.

        Of a fact that is hidden, no part may be shown; of a credential, a part: a token's claims. What was
        read from nowhere (`source` is empty) is the operator's own word.
        """
        if not source:
            return text
        for fact in (source, text):
            if fact in self.facts:
                return self.facts[fact]
        if any(_tells(text, credential) for credential in self.credentials):
            return None
        if any(_tells(text, fact) for fact in self.facts):
            return HIDDEN
        return text

    def repeated(self, text: str) -> bool:
        """Tell whether a text has a hidden fact inside, one that is too long to be there by chance."""
        return any(len(fact) >= _SHORTEST_PART and _tells(text, fact) for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Hiding:
    """Fields by their names, in any spelling, and headers by theirs in the form of `header_name`."""

    fields: Shapes = field(default_factory=dict)
    """At the root and in `properties`."""
    beside: Shapes = field(default_factory=dict)
    """At any depth of `origin` and `bridge`, beside those of `fields`."""
    request_headers: Shapes = field(default_factory=dict)
    response_headers: Shapes = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", _by_form(self.fields))
        object.__setattr__(self, "beside", _by_form(self.beside))

    def __or__(self, other: "Hiding") -> "Hiding":
        """Return both; for the same name the other one wins."""
        return Hiding(
            {**self.fields, **other.fields},
            {**self.beside, **other.beside},
            {**self.request_headers, **other.request_headers},
            {**self.response_headers, **other.response_headers},
        )

    def __bool__(self) -> bool:
        return bool(self.fields or self.beside or self.request_headers or self.response_headers)

    def apply(self, data: dict[str, Any]) -> Hidden:
        """Hide in this event's dict what is to be hidden; applying it again changes nothing more."""
        hidden = Hidden()
        containers = {"requestHeaders": self.request_headers, "responseHeaders": self.response_headers}
        for owner in owners(data):
            _shape(owner, self.fields, hidden)
            _shape_headers(owner, containers, hidden)
        if any(key in data for key in _BESIDE):
            fields = {**self.fields, **self.beside}
            containers["headers"] = {**self.request_headers, **self.response_headers}
            for owner in beside(data):
                _shape(owner, fields, hidden)
                _shape_headers(owner, containers, hidden)
        if hidden.facts:
            _hide_repeated(data, hidden)
        return hidden


def owners(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects that hold the fields of the flat event."""
    yield data
    for key in _OWNERS:
        if isinstance(owner := data.get(key), dict):
            yield owner


def beside(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every object of what came beside the flat event."""
    waiting = [data[key] for key in _BESIDE if key in data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def read_headers(headers: Any) -> dict[str, Any] | None:
    """Return captured headers as an object; API Platform's gateway sends them as JSON text. None: neither."""
    if isinstance(headers, str):
        try:
            headers = json.loads(headers)
        except (ValueError, RecursionError):
            return None
    return headers if isinstance(headers, dict) else None


def _by_form(shapes: Shapes) -> Shapes:
    """Return these by the one form of their names, and by the canonical name where a field has one."""
    forms = {_form(name): shape for name, shape in shapes.items()}
    return forms | {name: forms[_form(name)] for name in _CANONICAL if _form(name) in forms}


def _form(name: str) -> str:
    """Return the one form of all spellings of a field's name, and of its other names."""
    return folded(NAMES.canonical(name))


def _shape(owner: dict[str, Any], shapes: Shapes, hidden: Hidden) -> None:
    names = owner.keys() & shapes.keys()
    # As a rule all names are canonical.
    if not owner.keys() <= _CANONICAL:
        names |= {name for name in owner.keys() - _CANONICAL if _form(name) in shapes}
    for name in names:
        value, shape = owner[name], shapes.get(name) or shapes[_form(name)]
        if value is None:
            continue
        shown = shape(value)
        if shown is GONE:
            del owner[name]
        elif shown != value:
            owner[name] = shown
        else:
            continue
        hidden.note(shape, value, shown)


def _shape_headers(owner: dict[str, Any], containers: Mapping[str, Shapes], hidden: Hidden) -> None:
    for name, shapes in containers.items():
        captured = owner.get(name)
        if not shapes or not captured or captured == HIDDEN:
            continue
        headers = read_headers(captured)
        if headers is None:
            # What cannot be read cannot be shown safely.
            if not isinstance(captured, str) or real(captured) is not None:
                owner[name] = HIDDEN
                hidden.note(remove, captured, HIDDEN)
            continue
        shown = {}
        changed = False
        for header, value in headers.items():
            shape = shapes.get(header_name(header))
            new = value if shape is None or value is None else shape(value)
            if new is not GONE:
                shown[header] = new
            if shape is not None and new != value:
                changed = True
                hidden.note(shape, value, new)
        if changed:
            owner[name] = shown


def _hide_repeated(data: dict[str, Any], hidden: Hidden) -> None:
    """Hide captured headers that repeat a hidden fact under names that nobody can know."""
    for owner in chain(owners(data), beside(data)):
        for name in _CAPTURED.intersection(owner):
            headers = read_headers(owner[name]) or {}
            repeating = {key for key, value in headers.items() if any(map(hidden.repeated, _texts(value)))}
            if repeating:
                owner[name] = {key: HIDDEN if key in repeating else headers[key] for key in headers}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif value is not None:
        yield value if isinstance(value, str) else encode(value).decode()


def _tells(text: str, secret: str) -> bool:
    """Tell whether a text is this secret or has it inside, however it is written."""
    text, secret = text.casefold(), secret.removesuffix("@carbon.super").casefold()
    return text == secret or (len(secret) >= _SHORTEST_PART and secret in text)

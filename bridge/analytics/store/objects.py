"""Takes the objects inside of events into columns; what a column does not give back stays in them."""

from collections.abc import Sequence
from typing import Any, Final

from bridge.analytics.store.columns import (
    CLIENT,
    CLIENT_TEXTS,
    FACTS,
    INNER_NUMBERS,
    INNER_TEXTS,
    MARK,
    MOST,
    PROPERTY_NUMBERS,
    PROPERTY_TEXTS,
    TWINS,
)
from bridge.analytics.store.members import LONGEST, Lefts, Objects, names, take_numbers, take_texts
from bridge.events.uri import host_and_path

_URL: Final = "x-original-gw-url"
_SELDOM: Final = frozenset((_URL, *INNER_TEXTS, *INNER_NUMBERS))


def _take(
    objects: Objects, texts: dict[str, str], numbers: dict[str, str], columns: dict[str, list[Any]]
) -> None:
    present = names(objects)
    for key, column in texts.items():
        if key in present:
            columns[column] = take_texts(objects, key)
    for key, column in numbers.items():
        if key in present:
            columns[column] = take_numbers(objects, key, MOST[FACTS[column]])


def take_properties(properties: Objects, columns: dict[str, list[Any]], shapes: list[int]) -> None:
    """Take what columns hold of these, which may be empty."""
    present = names(properties)
    for key in present.intersection(TWINS):
        _take_twin(properties, key, columns, shapes)
    _take(properties, PROPERTY_TEXTS, PROPERTY_NUMBERS, columns)
    for key in present & _SELDOM:
        places = [place for place, one in enumerate(properties) if key in one]
        some: dict[str, list[Any]] = {}
        _take_seldom(key, [properties[place][key] for place in places], some)
        for name, values in some.items():
            column = columns.setdefault(name, [None] * len(properties))
            for place, value in zip(places, values, strict=True):
                column[place] = value


def _take_seldom(key: str, values: Sequence[Any], columns: dict[str, list[Any]]) -> None:
    """Take what columns hold of members that few events have; they stay whole."""
    if key == _URL:
        urls = [host_and_path(value) if type(value) is str else (None, None) for value in values]
        columns["hostname"] = [host and host[:LONGEST] for host, _ in urls]
        columns["path"] = [path and path[:LONGEST] for _, path in urls]
    else:
        copies = [value.copy() if type(value) is dict else {} for value in values]
        _take(copies, INNER_TEXTS.get(key, {}), INNER_NUMBERS.get(key, {}), columns)


def _take_twin(properties: Objects, key: str, columns: dict[str, list[Any]], shapes: list[int]) -> None:
    """Take a member that says what a member of the event says, too; alone, it stands for that one."""
    own = columns.setdefault(TWINS[key], [None] * len(properties))
    for place, text in enumerate(take_texts(properties, key)):
        if text is None:
            continue
        if own[place] is None:
            own[place] = text
            shapes[place] |= MARK[f"no {key}"]
        if own[place] != text:
            properties[place].setdefault(key, text)
        elif key not in properties[place]:
            shapes[place] |= MARK[f"properties.{key}"]


def take_clients(
    origins: Sequence[dict[str, Any] | None], columns: dict[str, list[Any]], lefts: Lefts
) -> None:
    """Take which client sent them; objects of which nothing is left go with it, because the columns bring them back."""
    clients = []
    for origin in origins:
        client = None if origin is None else origin.get(CLIENT)
        if origin is not None and type(client) is dict:
            origin[CLIENT] = client = client.copy()
        clients.append(client if type(client) is dict else {})
    said = [len(client) for client in clients]
    _take(clients, CLIENT_TEXTS, {}, columns)
    for place, (origin, client, before) in enumerate(zip(origins, clients, said, strict=True)):
        if origin is None:
            continue
        if before and not client:
            del origin[CLIENT]
        if origin or not before:
            lefts[place]["origin"] = origin

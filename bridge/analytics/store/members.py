"""Takes one member out of many events or objects: what a column gives back is gone, all else stays."""

from collections.abc import Sequence
from typing import Any, Final

from bridge.analytics.store.personal import NONE
from bridge.analytics.store.usual import NO_NUMBER

Objects = Sequence[dict[str, Any]]

LONGEST: Final = 500
"""Characters; a longer text is cut in its column, and stays whole where it was."""
# Texts that were met before; beyond that all are forgotten (P8).
_REMEMBERED: Final = 20_000
_ABSENT: Final = object()
_ODD: Final = "\0odd"


class _Texts(dict[Any, Any]):
    """Texts that say something, each with itself: to look one up takes a third of the time of judging it again."""

    def __init__(self, missing: object) -> None:
        """`missing`: what stands where there is none."""
        super().__init__({missing: None})
        self._none = missing

    def __missing__(self, value: Any) -> str | None:
        if type(value) is not str or value in NONE or len(value) > LONGEST:
            return _ODD
        if len(self) > _REMEMBERED:
            self.clear()
            self[self._none] = None
        self[value] = value
        return value


_texts: Final = _Texts(None)
_inner_texts: Final = _Texts(_ABSENT)


class Lefts(dict[int, dict[str, Any]]):
    """What is left of events that are not plain: place to members."""

    def __missing__(self, place: int) -> dict[str, Any]:
        left: dict[str, Any] = {}
        self[place] = left
        return left


def texts_of(values: Sequence[str | None], name: str, lefts: Lefts) -> list[str | None]:
    """Return the texts that say something; others, and those that have to be cut, are left of their events."""
    texts = [*map(_texts.__getitem__, values)]
    if _ODD in texts:
        for place, value in enumerate(values):
            if texts[place] == _ODD and value is not None:
                lefts[place][name] = value
                texts[place] = value[:LONGEST] if value not in NONE else None
    return texts


def numbers_of(values: Sequence[int | None], name: str, lefts: Lefts) -> list[int | None]:
    """Return the numbers; those that stand for none are left of their events."""
    numbers = [*values]
    if NO_NUMBER in numbers:
        for place, value in enumerate(values):
            if value == NO_NUMBER:
                lefts[place][name], numbers[place] = value, None
    return numbers


def take_texts(objects: Objects, key: str) -> list[str | None]:
    """Return the member's text in each object, where it says something."""
    values = [one.pop(key, _ABSENT) for one in objects]
    try:
        texts = [*map(_inner_texts.__getitem__, values)]
    except TypeError:
        # There is an object or an array among them.
        texts = [_inner_texts[one] if type(one) is str or one is _ABSENT else _ODD for one in values]
    if _ODD in texts:
        for place, (one, value) in enumerate(zip(objects, values, strict=True)):
            if texts[place] == _ODD:
                one[key] = value
                texts[place] = value[:LONGEST] if type(value) is str and value not in NONE else None
    return texts


def take_numbers(objects: Objects, key: str, most: int) -> list[int | None]:
    """Return the member's whole number in each object, where it is from 0 to `most`."""
    numbers: list[int | None] = []
    for one in objects:
        value = one.get(key)
        if type(value) is int and 0 <= value <= most:
            del one[key]
            numbers.append(value)
        else:
            numbers.append(None if value is None else whole(value, most))
    return numbers


def names(objects: Objects) -> set[str]:
    """Return the names of all members that any of the objects has."""
    return set().union(*objects)


def whole(value: Any, most: int) -> int | None:
    """Return the number that a text or a fraction stands for, as WSO2's older publishers write some; it stays, too."""
    is_whole = value.is_integer() and value >= 0 if type(value) is float else False
    if type(value) is str:
        is_whole = value.isdecimal() and value.isascii() and len(value) < 19
    return number if is_whole and (number := int(value)) <= most else None

"""Whose data can be erased, how they are written, and how a text is searched for them."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bridge.analytics.store.columns import PERSONS
from bridge.events.users import SUPER_TENANT, user_name

ERASABLE: Final[dict[str, tuple[str, ...]]] = {
    "user": PERSONS,
    "ip": ("ip",),
    "application": ("application",),
    "company": ("company",),
    "key": ("key",),
}
"""What a subject may be, and the columns of `facts` that may hold it; the first one is whose call it was."""
SPOKEN_OF: Final = ("user", "ip")
"""Those that other texts may speak of: a name of an application is a word like others."""
_WORD: Final = re.compile(r"\w+")
ERASED_WORD: Final = "[erased]"
"""What stands in place of the subject in what people have written."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased."""

    field: str
    """One of `ERASABLE`."""
    value: str
    before_ms: int
    """Of calls from before this time, or received before it; later ones stay."""
    keeps_counts: bool = False
    """Whether the calls stay, without anything that says whose they were."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """How the store may have written the subject."""
        plain = canonical(self.field, self.value)
        if self.field == "user":
            return plain, plain + SUPER_TENANT
        if self.field == "ip" and ":" in plain:
            return (*dict.fromkeys((plain, self.value, _address(plain).exploded, plain.upper())),)
        return (plain,)

    @property
    def spoken_of(self) -> "SpokenOf | None":
        """What finds the subject in other texts; None: nothing may."""
        plain = canonical(self.field, self.value)
        return SpokenOf(plain) if self.field in SPOKEN_OF and _WORD.search(plain) else None


class SpokenOf:
    """Finds a subject in texts, where it stands as a word or as several: `ann` is not in `joanna`."""

    def __init__(self, plain: str) -> None:
        self.core = core(plain)
        """The subject from its first letter or digit to its last."""
        self._found = re.compile(rf"(?<!\w){re.escape(self.core)}(?!\w)")

    def is_in(self, text: str) -> bool:
        """Tell whether a text speaks of the subject."""
        return self._found.search(text) is not None

    def blotted(self, text: str) -> str:
        """Return a text that people have written without the subject."""
        return self._found.sub(ERASED_WORD, text)


def canonical(field: str, value: str) -> str:
    """Return one spelling for all that mean the same to the store."""
    if field == "user":
        return user_name(value)
    if field == "ip" and ":" in value:
        try:
            return _address(value).compressed
        except ValueError:
            return value
    return value


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


def core(text: str) -> str:
    """Return a text from its first word to its last; empty if there is none."""
    words = [*_WORD.finditer(text)]
    return text[words[0].start() : words[-1].end()] if words else ""


def count_words(text: str) -> int:
    """Return how many words a text has."""
    return sum(1 for _ in _WORD.finditer(text))


def windows(text: str, words: int) -> list[str]:
    """Return each part of a text that has so many words, from the first letter to the last."""
    places = [match.span() for match in _WORD.finditer(text)]
    ends = places[words - 1 :]
    return [text[start:end] for (start, _), (_, end) in zip(places, ends, strict=False)]


def without(value: Any, speaks: Callable[[str], bool]) -> Any:
    """Return a JSON value with null in place of every text that speaks of somebody, and without such names."""
    if isinstance(value, str):
        return None if speaks(value) else value
    if isinstance(value, dict):
        return {key: without(inner, speaks) for key, inner in value.items() if not speaks(key)}
    return [without(inner, speaks) for inner in value] if isinstance(value, list) else value

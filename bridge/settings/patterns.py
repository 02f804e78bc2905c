"""Whether two patterns of files, as `glob` reads them, can match the same file."""

import functools
import re
from fnmatch import fnmatchcase
from typing import Final

_PARTS: Final = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_CHARACTERS: Final = tuple(map(chr, range(32, 127)))


def meet(one: str, other: str) -> bool:
    """Tell whether there is a path that both match."""
    if "**" in one or "**" in other:
        # Any number of folders: only what one of them names outright can be told.
        return one == other or fnmatchcase(one, other) or fnmatchcase(other, one)
    folders = one.split("/"), other.split("/")
    return len(folders[0]) == len(folders[1]) and all(
        _names_meet(left, right) for left, right in zip(*folders, strict=True)
    )


def _names_meet(one: str, other: str) -> bool:
    left, right = _PARTS.findall(one), _PARTS.findall(other)

    @functools.cache
    def rest_meets(at: int, beside: int) -> bool:
        if at == len(left) or beside == len(right):
            return all(part == "*" for part in (*left[at:], *right[beside:]))
        if "*" in (left[at], right[beside]):
            # It stands for nothing more, or for what the other has next.
            return rest_meets(at + 1, beside) or rest_meets(at, beside + 1)
        return _share(left[at], right[beside]) and rest_meets(at + 1, beside + 1)

    return rest_meets(0, 0)


def _share(one: str, other: str) -> bool:
    """Tell whether two parts, each a character, `?` or `[…]`, match the same character."""
    some = (part for part in (one, other) if len(part) == 1 and part != "?")
    return any(fnmatchcase(it, one) and fnmatchcase(it, other) for it in (*some, *_CHARACTERS))

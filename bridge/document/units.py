"""Durations and sizes as an operator writes them, and the way back to text."""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

_SECONDS: Final = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
}
_BYTES: Final = {
    "TiB": 2**40,
    "TB": 10**12,
    "GiB": 2**30,
    "GB": 10**9,
    "MiB": 2**20,
    "MB": 10**6,
    "KiB": 2**10,
    "KB": 10**3,
    "B": 1,
}
_BYTES_BY_LOWER_CASE: Final = {unit.lower(): factor for unit, factor in _BYTES.items()}

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_PLAIN: Final = re.compile(_NUMBER)
# Each unit once, the largest first: "1h30m" is a duration, "30m1h" is a slip.
_DURATION: Final = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in _SECONDS))
_SIZE: Final = re.compile(rf"({_NUMBER})\s*([A-Za-z]*)")

_DURATION_CURE: Final = (
    'write it like "250ms", "20s", "10m", "24h", "30d", "1h30m", or as a number of seconds'
)
_SIZE_CURE: Final = 'write it like "512KiB", "16MiB", "4MB", "2GiB", or as a number of bytes'


def parse_duration(value: Any) -> float:
    """Return the seconds that a text such as "1h30m" or a number stands for.

    Raises ValueError with the cure.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"not a duration; {_DURATION_CURE}")  # noqa: TRY004 - what is wrong with a value is a ValueError here
    try:
        seconds = _duration_from_text(value.strip()) if isinstance(value, str) else float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"a duration is finite and not negative; {_DURATION_CURE}")
    return seconds


def _duration_from_text(text: str) -> float:
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f'"{text}" is not a duration; {_DURATION_CURE}')
    parts = zip(match.groups(), _SECONDS.values(), strict=True)
    return float(sum((Fraction(count) * unit for count, unit in parts if count), Fraction(0)))


def format_duration(seconds: float) -> str:
    """Return the shortest text that `parse_duration` reads as these seconds: 5400 is "90m", 0.25 is "250ms".

    Days begin at two, because "24h" says more than "1d".
    """
    written = Decimal(repr(float(seconds)))
    exact = Fraction(written)
    for unit, factor in _SECONDS.items():
        whole = exact >= factor * (2 if unit == "d" else 1) and exact % factor == 0
        if whole and (unit != "ms" or exact < 1):
            return f"{exact // factor}{unit}"
    return "0s" if exact == 0 else f"{written:f}s"


def parse_size(value: Any) -> int:
    """Return the bytes that a text such as "16MiB" or a whole number stands for.

    KB, MB, … are powers of 1000, KiB, MiB, … of 1024. Raises ValueError with the cure.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"not a size; {_SIZE_CURE}")  # noqa: TRY004 - what is wrong with a value is a ValueError here
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        factor = _BYTES_BY_LOWER_CASE.get((match[2] or "b").lower()) if match else None
        if match is None or factor is None:
            raise ValueError(f'"{value}" is not a size; {_SIZE_CURE}')
        size = Fraction(match[1]) * factor
        if size.denominator != 1:
            raise ValueError(f'"{value}" is not a whole number of bytes; {_SIZE_CURE}')
        return size.numerator
    if value < 0:
        raise ValueError(f"a size is not negative; {_SIZE_CURE}")
    return value


def format_size(size: int) -> str:
    """Return the shortest text that `parse_size` reads as this number of bytes: 4194304 is "4MiB"."""
    texts = (f"{size // factor}{unit}" for unit, factor in _BYTES.items() if size and size % factor == 0)
    return min(texts, key=len, default="0B")

"""Durations, sizes, addresses and URLs as an operator writes them, and the way back to text."""

import ipaddress
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

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
        raise ValueError(f"not a duration; {_DURATION_CURE}")  # noqa: TRY004 - pydantic collects ValueError
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
        raise ValueError(f"not a size; {_SIZE_CURE}")  # noqa: TRY004 - pydantic collects ValueError
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


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError('not a URL; write it like "https://host:8243"')
    return value.rstrip("/")


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, never negative."""

Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes, never negative."""

Url = Annotated[str, AfterValidator(_check_url)]
"""An http or https URL, without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener listens; with port 0 the system chooses one."""

    host: str
    port: int

    @classmethod
    def parse(cls, value: Any) -> "Address":
        """Return the address that "127.0.0.1:9880" or "[::1]:9880" stands for.

        Raises ValueError with the cure.
        """
        if isinstance(value, Address):
            return value
        match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:\s]+)):([0-9]{1,5})", str(value).strip())
        if match is None or int(match[3]) > 65535:
            raise ValueError(f'"{value}" is not an address; write it like "127.0.0.1:9880" or "[::1]:9880"')
        if match[1] and not _is_ipv6(match[1]):
            raise ValueError(f'"{match[1]}" is not an IPv6 address; write it like "[::1]:9880"')
        return cls(match[1] or match[2], int(match[3]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)

    def answers(self, host: str, port: int) -> bool:
        """Return whether a connection to that host and port would reach this listener.

        All loopback names count as one, and a listener on every interface listens on loopback too.
        """
        if not self.port or port != self.port:
            return False
        ours, theirs = self.host.lower(), host.lower().strip("[]")
        here = _is_loopback(theirs) or _is_wildcard(theirs)
        return ours == theirs or (here and (self.is_loopback or _is_wildcard(ours)))

    def clashes(self, other: "Address") -> bool:
        """Return whether only one of them can be had."""
        if not self.port or self.port != other.port:
            return False
        ours, theirs = self.host.lower(), other.host.lower()
        of_one_family = (":" in ours) == (":" in theirs)
        return ours == theirs or (of_one_family and (_is_wildcard(ours) or _is_wildcard(theirs)))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False

"""What the journal may keep: `[bridge.journal]`, read without its model, which takes long to import.

The model decides about everything that this does not understand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from bridge.document.units import parse_duration, parse_size


class JournalLimits(Protocol):
    """What the journal may keep. `JournalSettings` says what each of them means."""

    @property
    def max_bytes(self) -> int:
        """Bytes of undelivered events and dead letters."""
        ...

    @property
    def retain(self) -> float:
        """Seconds for which delivered events are kept."""
        ...

    @property
    def min_free_bytes(self) -> int:
        """Bytes that stay free on the disk."""
        ...


@dataclass(frozen=True, slots=True)
class _Limits:
    max_bytes: int
    retain: float
    min_free_bytes: int


DEFAULT_LIMITS: Final = _Limits(max_bytes=2 * 2**30, retain=24 * 3600, min_free_bytes=64 * 2**20)

_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "max_bytes": parse_size,
    "retain": parse_duration,
    "min_free_bytes": parse_size,
}


def limits_of(table: Mapping[str, Any]) -> JournalLimits | None:
    """Return the limits that a table has; None if something in it is not as it should be."""
    try:
        limits = replace(DEFAULT_LIMITS, **{key: _READERS[key](value) for key, value in table.items()})
    except (KeyError, ValueError):
        return None
    return limits if limits.max_bytes > 0 else None

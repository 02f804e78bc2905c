"""Times as WSO2 writes them, as milliseconds since the epoch, and back.

WSO2 writes `OffsetDateTime.toString()` in UTC, which leaves out what is zero: `…T00:46:24.099Z`,
`…T00:46:07Z`, and `…T00:46Z` once in 60,000 events (seen; it is what kills whole batches in WSO2's own
Moesif publisher). Other ways in bring epoch milliseconds or times without a zone, which are UTC.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_MILLISECONDS: Final = {f"{number:03d}": number for number in range(1000)}
_ENDS: Final = tuple(f".{number:03d}Z" for number in range(1000))
# Epoch numbers below this are seconds, above it milliseconds (1e11 s is the year 5138).
_SECONDS_BELOW: Final = 100_000_000_000


def parse_ms(text: str | int | None) -> int | None:
    """Return milliseconds since the epoch, or None for what is no time."""
    if text is None:
        return None
    if isinstance(text, int):
        return _epoch_ms(text)
    # The usual form: the second is looked up, because many events share it, and so are the milliseconds.
    if len(text) == 24 and text[19] == "." and text[23] == "Z":
        second = _second_ms(text[:19])
        milliseconds = _MILLISECONDS.get(text[20:23])
        if second is not None and milliseconds is not None:
            return second + milliseconds
    return _parse_slowly(text)


def format_ms(ms: int) -> str:
    """Return an ISO 8601 time in UTC with milliseconds: `2026-11-21T00:46:24.099Z`.

    Raises ValueError or OverflowError for years that the calendar does not have.
    """
    seconds, milliseconds = divmod(ms, 1000)
    return _second_text(seconds) + _ENDS[milliseconds]


@lru_cache(maxsize=1024)
def _second_ms(text: str) -> int | None:
    try:
        return (datetime.fromisoformat(f"{text}+00:00") - _EPOCH) // _MILLISECOND
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def _parse_slowly(text: str) -> int | None:
    text = text.strip()
    if text.isdecimal() and text.isascii() and len(text) < 18:
        return _epoch_ms(int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Rounded down, as Java's `Instant.toEpochMilli` does.
    return (moment - _EPOCH) // _MILLISECOND


def _epoch_ms(number: int) -> int | None:
    if number <= 0:
        return None
    ms = number * 1000 if number < _SECONDS_BELOW else number
    return ms if ms <= _LAST_MS else None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999

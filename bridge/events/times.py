"""Times as WSO2 writes them, as milliseconds since the epoch, and back.

WSO2 writes `OffsetDateTime.toString()` in UTC, which leaves out what is zero: `…T00:46:24.099Z`,
`…T00:46:07Z`, and `…T00:46Z` once in 60,000 events (seen; it is what kills whole batches in WSO2's own
Moesif publisher). Other ways in bring epoch milliseconds or times without a zone, which are UTC.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

# How the usual form ends, after its 20 characters to the second: `099Z`.
_ENDS: Final = tuple(f"{number:03d}Z" for number in range(1000))
_MILLISECONDS: Final = {end: number for number, end in enumerate(_ENDS)}
# A longer latency (34 years) is not credible.
_LATENCIES_BELOW: Final = 2**40
# Epoch numbers below this are seconds, above it milliseconds (1e11 s is the year 5138).
_SECONDS_BELOW: Final = 100_000_000_000


def parse_ms(text: str | int | None) -> int | None:
    """Return milliseconds since the epoch, or None for what is not a time."""
    if text is None:
        return None
    if isinstance(text, int):
        return _epoch_ms(text)
    # The usual form: the second is looked up, because many events share it, and so are the milliseconds.
    milliseconds = _MILLISECONDS.get(text[20:])
    if milliseconds is not None and (second_ms := _second_ms(text[:20])) is not None:
        return second_ms + milliseconds
    return _parse_slowly(text)


def format_ms(ms: int) -> str:
    """Return an ISO 8601 time in UTC with milliseconds: `2026-11-21T00:46:24.099Z`.

    Raises ValueError or OverflowError for years that the calendar does not have.
    """
    seconds, milliseconds = divmod(ms, 1000)
    return _second_text(seconds) + _ENDS[milliseconds]


def is_usual(time: object) -> bool:
    """Tell whether what `parse_ms` takes as a time is written as `format_ms` writes it: in WSO2's usual form."""
    return (
        type(time) is str
        and len(time) == 24
        and time[10] == "T"
        and time[19] == "."
        and time[23] == "Z"
        and time[7] == "-"
    )


def call_times(asked: str | int | None, latency_ms: int | None, received_ms: int) -> tuple[str, str]:
    """Return when a call was asked and when it was answered, both as `format_ms` writes them.

    `received_ms` stands in for an `asked` that is not a time; an impossible latency adds nothing.
    Raises what `format_ms` raises.
    """
    # WSO2's text is nearly always the first of the two, unchanged, and usually the beginning of the second.
    if (
        type(asked) is str
        and (ms := _MILLISECONDS.get(asked[20:])) is not None
        and (second_ms := _second_ms(second := asked[:20])) is not None
    ):
        if latency_ms is None or not 0 <= latency_ms < _LATENCIES_BELOW:
            return asked, asked
        ms += latency_ms
        return asked, second + _ENDS[ms] if ms < 1000 else format_ms(second_ms + ms)
    asked_ms = parse_ms(asked)
    if asked_ms is None:
        asked_ms = received_ms
    asked = format_ms(asked_ms)
    if latency_ms is None or not 0 <= latency_ms < _LATENCIES_BELOW:
        return asked, asked
    return asked, format_ms(asked_ms + latency_ms)


@lru_cache(maxsize=1024)
def _second_ms(text: str) -> int | None:
    """Return when the second of the usual form began, `2026-11-21T00:46:24.`; None for any other text."""
    # ISO 8601 has more forms of the same length, with a space, a comma or a week.
    if not (text[4:8:3] == "--" and text[10:11] == "T" and text[13:17:3] == "::" and text[19:] == "."):
        return None
    try:
        return (datetime.fromisoformat(f"{text}000+00:00") - _EPOCH) // _MILLISECOND
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0")


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

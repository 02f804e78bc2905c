"""Times between Python and DuckDB's TIMESTAMP, which is UTC without saying so."""

from datetime import datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - as DuckDB has it
_MICROSECOND: Final = timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """Return microseconds since the epoch as a TIMESTAMP; what Python's calendar does not have is its end."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return datetime.min if micros < 0 else datetime.max  # noqa: DTZ901 - as DuckDB has it


def micros_of(at: datetime) -> int:
    """Return a TIMESTAMP as microseconds since the epoch."""
    return (at - _EPOCH) // _MICROSECOND

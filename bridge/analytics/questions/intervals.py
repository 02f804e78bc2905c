"""Buckets of time in a zone's local time, across changes of the clock.

Local time is UTC plus an offset that changes a few times a year. `Stretch`s are the stretches of a period in which it
does not; SQL adds the offset of the right one, so that both engines need no time zone data, and the answer is
`zoneinfo`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local time has no zone of its own
_MONDAY: Final = 4 * DAY  # 1970-01-05


@dataclass(frozen=True, slots=True)
class Interval:
    """A length of buckets; 0: months."""

    name: str
    microseconds: int

    @property
    def by_instant(self) -> bool:
        """Whether a bucket is told by when it begins, not by what the clock shows then."""
        return 0 < self.microseconds <= HOUR


INTERVALS: Final = {
    interval.name: interval
    for interval in (
        *(Interval(f"{minutes}m", minutes * 60 * SECOND) for minutes in (1, 5, 10, 15, 30)),
        *(Interval(f"{hours}h", hours * HOUR) for hours in (1, 2, 3, 4, 6, 8, 12)),
        Interval("1d", DAY),
        Interval("1w", 7 * DAY),
        Interval("1M", 0),
    )
}


def microseconds(instant: datetime) -> int:
    """Return the microseconds since the epoch of a time with a zone."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant(microseconds_: int, zone: ZoneInfo) -> datetime:
    """Return a time in its zone."""
    return (_EPOCH + timedelta(microseconds=microseconds_)).astimezone(zone)


def local(microseconds_: int, zone: ZoneInfo) -> int:
    """Return what the clock of a zone shows at a time, as if it were UTC."""
    shown = instant(microseconds_, zone).replace(tzinfo=None)
    return (shown - _NAIVE_EPOCH) // timedelta(microseconds=1)


def of_local(shown: int, zone: ZoneInfo) -> int:
    """Return when the clock of a zone first shows this; in a gap, as much after the gap as it is after its start."""
    return microseconds((_NAIVE_EPOCH + timedelta(microseconds=shown)).replace(tzinfo=zone))


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` on, up to the next piece, `shift` is what is added to a time."""

    start: int
    shift: int


@lru_cache(maxsize=64)
def offsets(start: int, end: int, zone: ZoneInfo) -> tuple[Stretch, ...]:
    """Return the zone's offsets from `start` to before `end`."""
    pieces = [Stretch(start, local(start, zone) - start)]
    # No zone changes its clock twice within so short a time.
    for at in range(start, end, 7 * DAY):
        later = min(at + 7 * DAY, end - 1)
        if local(later, zone) - later != pieces[-1].shift:
            change = _change(at, later, zone)
            pieces.append(Stretch(change, local(change, zone) - change))
    return tuple(pieces)


def _change(before: int, after: int, zone: ZoneInfo) -> int:
    """Return the first microsecond of the new offset."""
    old = local(before, zone) - before
    while after - before > 1:
        middle = (before + after) // 2
        if local(middle, zone) - middle == old:
            before = middle
        else:
            after = middle
    return after


def moved(start: int, end: int, by: int, zone: ZoneInfo) -> tuple[Stretch, ...]:
    """Return by how much times from `start` to before `end` move when their clocks go on by `by`, whole days."""

    def shift(at: int) -> int:
        return of_local(local(at, zone) + by, zone) - at

    here = offsets(start, end, zone)
    there = offsets(start + by - 2 * DAY, end + by + 2 * DAY, zone)
    borders = {piece.start for piece in here}
    # What the clock shows at the changes after the move, seen from before it.
    for old, new in pairwise(there):
        for shown in (new.start + old.shift, new.start + new.shift):
            borders |= {shown - by - piece.shift for piece in here}
    pieces: list[Stretch] = []
    for border in sorted(at for at in borders if start <= at < end):
        if not pieces or shift(border) != pieces[-1].shift:
            pieces.append(Stretch(border, shift(border)))
    return tuple(pieces)


def piecewise(time: str, pieces: Sequence[Stretch]) -> str:
    """Return SQL for what is added to `time`, an expression in microseconds."""
    return _cases(time, [(piece.start, piece.shift) for piece in pieces])


def bucket(time: str, interval: Interval, pieces: Sequence[Stretch]) -> str:
    """Return SQL for the bucket of `time`: when it begins, or what the clock shows then (`by_instant`)."""
    shown = f"({time} + {piecewise(time, pieces)})"
    if not interval.microseconds:
        return f"epoch_us(date_trunc('month', make_timestamp({shown})))"
    monday = f" - {_MONDAY}" if interval.microseconds == 7 * DAY else ""
    into = f"(({shown}{monday}) % {interval.microseconds})"
    if not interval.by_instant:
        return f"{shown} - {into}"
    begins = f"{time} - {into}"
    # A change of less than the interval (Lord Howe Island's half hour) begins a bucket of its own.
    return (
        begins
        if len(pieces) == 1
        else f"greatest({begins}, {_cases(time, [(p.start, p.start) for p in (Stretch(0, 0), *pieces[1:])])})"
    )


def _cases(time: str, values: Sequence[tuple[int, int]]) -> str:
    if len(values) == 1:
        return f"({values[0][1]})"
    whens = (f"WHEN {time} < {later} THEN {value}" for (_, value), (later, _) in pairwise(values))
    return f"(CASE {' '.join(whens)} ELSE {values[-1][1]} END)"


def bucket_start(key: int, interval: Interval, zone: ZoneInfo) -> int:
    """Return when a bucket begins that SQL told by `bucket`."""
    return key if interval.by_instant else of_local(key, zone)


def starts(start: int, end: int, interval: Interval, zone: ZoneInfo, *, most: int) -> list[int] | None:
    """Return when each bucket from `start` to before `end` begins; None: there are more than `most`."""
    if interval.microseconds and (end - start) // interval.microseconds > most:
        return None
    if interval.by_instant:
        return _instants(start, end, interval.microseconds, zone)
    key, begins = floor(local(start, zone), interval), []
    while (at := of_local(key, zone)) < end:
        # A day that a zone leaves out has no bucket.
        if floor(local(at, zone), interval) == key:
            begins.append(at)
        key = following(key, interval)
    return begins


def _instants(start: int, end: int, step: int, zone: ZoneInfo) -> list[int]:
    pieces = offsets(start, end, zone)
    begins: list[int] = []
    for index, piece in enumerate(pieces):
        stop = pieces[index + 1].start if index + 1 < len(pieces) else end
        first = piece.start - (piece.start + piece.shift) % step
        if index and first < piece.start:
            begins.append(piece.start)
            first += step
        begins.extend(range(first, stop, step))
    return begins


def floor(shown: int, interval: Interval) -> int:
    """Return what the clock shows when the bucket of this clock time begins."""
    if interval.microseconds:
        into = shown - (_MONDAY if interval.microseconds == 7 * DAY else 0)
        return shown - into % interval.microseconds
    month = (_NAIVE_EPOCH + timedelta(microseconds=shown)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    return (month - _NAIVE_EPOCH) // timedelta(microseconds=1)


def following(key: int, interval: Interval) -> int:
    """Return what the clock shows when the next bucket begins."""
    return floor(key + 32 * DAY, interval) if not interval.microseconds else key + interval.microseconds

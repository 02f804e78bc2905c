"""From when to when a question asks: relative or absolute, in the local time of a zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.intervals import DAY, Stretch, instant, local, microseconds, moved, of_local
from bridge.errors import Unanswerable

_RELATIVE: Final = re.compile(r"(?:now)?((?:[+-]\d{1,6}[smhdwMy])*)(?:/([mhdwMy]))?", re.ASCII)
_STEP: Final = re.compile(r"([+-]\d+)([smhdwMy])")
_ELAPSED: Final = {"s": 1, "m": 60, "h": 3600}
_DAYS: Final = {"d": 1, "w": 7}
_CURE: Final = (
    'write it like "-7d", "now", "-1d/d" (the start of yesterday), "2026-03-29", "2026-03-29T12:00" or '
    '"2026-03-29T12:00:00Z"'
)
# Before and after these no gateway was, and offsets of zones are unknown.
_FIRST: Final = datetime(1971, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`, in microseconds since the epoch."""

    start: int
    end: int
    zone: ZoneInfo

    @property
    def whole_days(self) -> int:
        """The period's length as the clock shows it, if that is whole days; else 0."""
        length = local(self.end, self.zone) - local(self.start, self.zone)
        return 0 if length % DAY else length

    def before(self) -> "Period":
        """Return the period before, as long as this one: in days of the clock, or in elapsed time."""
        if days := self.whole_days:
            return Period(of_local(local(self.start, self.zone) - days, self.zone), self.start, self.zone)
        return Period(2 * self.start - self.end, self.start, self.zone)

    def way_to(self, now: "Period") -> tuple[Stretch, ...]:
        """Return by how much times of this period, the one before, move to lie in `now`."""
        if not now.whole_days:
            return (Stretch(self.start, now.start - self.start),)
        return moved(self.start, self.end, now.whole_days, now.zone)

    def shown(self) -> dict[str, str]:
        """Return it as answers show it."""
        return {
            "from": shown(self.start, self.zone),
            "to": shown(self.end, self.zone),
            "time_zone": self.zone.key,
        }


def shown(at: int, zone: ZoneInfo) -> str:
    """Return a time in ISO 8601, as the clock of its zone shows it, with the offset."""
    return instant(at, zone).isoformat(timespec="milliseconds" if at % 1_000_000 else "seconds")


def read_period(start: str, end: str, zone: ZoneInfo, now: datetime) -> Period:
    """Return the period between two times as a caller writes them.

    Raises Unanswerable.
    """
    begins, ends = read_time(start, zone, now, "from"), read_time(end, zone, now, "to")
    if begins >= ends:
        raise Unanswerable(
            f"the period ends ({shown(ends, zone)}) before it begins ({shown(begins, zone)})"
            if begins > ends
            else f"the period is empty: it begins and ends at {shown(begins, zone)}",
            "let from be earlier than to",
            field="from",
        )
    return Period(begins, ends, zone)


def read_time(text: str, zone: ZoneInfo, now: datetime, field: str) -> int:
    """Return the time that a text such as "-7d", "now/d" or "2026-03-29T12:00" stands for.

    Raises Unanswerable.
    """
    try:
        at = _relative(text, zone, now) if (_RELATIVE.fullmatch(text) and text) else _absolute(text, zone)
        if not _FIRST <= at <= _LAST:
            raise OverflowError
    except (ValueError, OverflowError):
        raise Unanswerable(f'{field}: "{text[:60]}" is not a time', _CURE, field=field) from None
    return microseconds(at)


def _absolute(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=zone) if at.tzinfo is None else at


def _relative(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    match = _RELATIVE.fullmatch(text)
    assert match is not None  # noqa: S101 - the caller has looked
    at = now.astimezone(zone)
    for count, unit in _STEP.findall(match[1]):
        at = _moved(at, int(count), unit)
    return _rounded(at, match[2]) if match[2] else at


def _moved(at: datetime, count: int, unit: str) -> datetime:
    """Return a time some units on: elapsed ones up to hours, the calendar's from days on."""
    if unit in _ELAPSED:
        return (at.astimezone(UTC) + timedelta(seconds=count * _ELAPSED[unit])).astimezone(at.tzinfo)
    if unit in _DAYS:
        return _existing(at + timedelta(days=count * _DAYS[unit]))
    months = at.year * 12 + at.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    # The 31st of a month that has no such day is its last one.
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return _existing(at.replace(year=year, month=month + 1, day=min(at.day, last)))


def _existing(at: datetime) -> datetime:
    """Return a local time that the clock really shows: one in a gap is as much after it."""
    return at.replace(fold=0).astimezone(UTC).astimezone(at.tzinfo)


def _rounded(at: datetime, unit: str) -> datetime:
    match unit:
        case "m" | "h":
            past = timedelta(
                minutes=at.minute if unit == "h" else 0, seconds=at.second, microseconds=at.microsecond
            )
            return (at.astimezone(UTC) - past).astimezone(at.tzinfo)
        case "w":
            at -= timedelta(days=at.weekday())
        case "M":
            at = at.replace(day=1)
        case "y":
            at = at.replace(month=1, day=1)
        case _:
            pass
    return _existing(at.replace(hour=0, minute=0, second=0, microsecond=0))

"""Weeks and months of a zone's calendar: "2026-W48" begins on its Monday (ISO 8601), "2026-11" on its first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.intervals import instant, microseconds
from bridge.analytics.questions.periods import Period
from bridge.errors import Unanswerable

_WEEK: Final = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)
_MONTH: Final = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_FIRST_YEAR: Final = 1971
_LAST_YEAR: Final = 2199


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """A week or a month."""

    kind: str
    """week or month."""
    first: date
    after: date
    """The first day that is not in it."""

    @property
    def id(self) -> str:
        """What it is called in addresses."""
        if self.kind == "month":
            return f"{self.first:%Y-%m}"
        year, week, _ = self.first.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def words(self) -> str:
        """What people call it: "November 2026", "Week 48 of 2026, 23 to 29 November"."""
        if self.kind == "month":
            return f"{_MONTHS[self.first.month - 1]} {self.first.year}"
        year, week, _ = self.first.isocalendar()
        last = self.after - timedelta(days=1)
        begins = f"{self.first.day}"
        if last.month != self.first.month:
            begins += f" {_MONTHS[self.first.month - 1]}"
        return f"Week {week} of {year}, {begins} to {last.day} {_MONTHS[last.month - 1]}"

    def period(self, zone: ZoneInfo) -> Period:
        """Return it as a period in a zone."""
        return Period(_midnight(self.first, zone), _midnight(self.after, zone), zone)

    def before(self) -> "CalendarPart":
        """Return the week or month before."""
        return _part(self.kind, self.first - timedelta(days=1))


def _midnight(day: date, zone: ZoneInfo) -> int:
    at = datetime(day.year, day.month, day.day, tzinfo=zone)
    # A zone may skip midnight: the day begins with what its clock shows first.
    return microseconds(at.astimezone(UTC))


def _part(kind: str, day: date) -> CalendarPart:
    """Return the week or month that a day is in."""
    if kind == "week":
        first = day - timedelta(days=day.weekday())
        return CalendarPart(kind, first, first + timedelta(days=7))
    first = day.replace(day=1)
    return CalendarPart(kind, first, (first + timedelta(days=32)).replace(day=1))


def read_part(text: str) -> CalendarPart:
    """Return the week or month of a name; raises Unanswerable."""
    try:
        if match := _WEEK.fullmatch(text):
            part = _part("week", date.fromisocalendar(int(match[1]), int(match[2]), 1))
        elif match := _MONTH.fullmatch(text):
            part = _part("month", date(int(match[1]), int(match[2]), 1))
        else:
            raise ValueError
        if not _FIRST_YEAR <= part.first.year <= _LAST_YEAR:
            raise ValueError
    except (ValueError, OverflowError):
        raise Unanswerable(
            f'"{text[:20]}" is neither a week nor a month',
            'write it like "2026-W48" or "2026-11"',
            field="id",
        ) from None
    return part


def parts_until(kind: str, oldest: int, now: int, zone: ZoneInfo, most: int) -> Iterator[CalendarPart]:
    """Yield the weeks or months from that of now back to that of the oldest call (µs), so many at most."""
    part = _part(kind, instant(now, zone).date())
    first = instant(oldest, zone).date()
    for _ in range(most):
        yield part
        if part.first <= first:
            return
        part = part.before()

"""Periods as people write them, in local time, and the buckets that they are cut into."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from rigs.analytics_counts import bucket

from bridge.analytics.questions.intervals import INTERVALS, instant, microseconds, starts
from bridge.analytics.questions.periods import read_period, read_time, shown
from bridge.errors import Unanswerable

_BERLIN: Final = ZoneInfo("Europe/Berlin")
_UTC: Final = ZoneInfo("UTC")
# A Tuesday, two days after the clock went forward.
_NOW: Final = datetime(2026, 3, 31, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-03-31T12:20:30+02:00"),
        ("-24h", "2026-03-30T12:20:30+02:00"),
        ("-72h", "2026-03-28T11:20:30+01:00"),
        ("-3d", "2026-03-28T12:20:30+01:00"),
        ("now-3d", "2026-03-28T12:20:30+01:00"),
        ("-90s", "2026-03-31T12:19:00+02:00"),
        ("now/h", "2026-03-31T12:00:00+02:00"),
        ("now/d", "2026-03-31T00:00:00+02:00"),
        ("-1d/d", "2026-03-30T00:00:00+02:00"),
        ("-2d/d", "2026-03-29T00:00:00+01:00"),
        ("now/w", "2026-03-30T00:00:00+02:00"),
        ("-1w/w", "2026-03-23T00:00:00+01:00"),
        ("now/M", "2026-03-01T00:00:00+01:00"),
        ("-1M", "2026-02-28T12:20:30+01:00"),
        ("-1M/M", "2026-02-01T00:00:00+01:00"),
        ("-13M", "2025-02-28T12:20:30+01:00"),
        ("-3M", "2025-12-31T12:20:30+01:00"),
        ("-1y/y", "2025-01-01T00:00:00+01:00"),
        ("-1d+2h", "2026-03-30T14:20:30+02:00"),
        ("2026-03-29", "2026-03-29T00:00:00+01:00"),
        ("2026-03-29T02:30", "2026-03-29T03:30:00+02:00"),
        ("2025-10-26T02:30", "2025-10-26T02:30:00+02:00"),
        ("2026-03-29T12:00:00Z", "2026-03-29T14:00:00+02:00"),
        ("2026-03-29T12:00:00.250-05:00", "2026-03-29T19:00:00.250+02:00"),
    ],
)
def test_times_mean_what_the_clock_shows(text: str, meant: str) -> None:
    """Days and months go by the local calendar, hours are elapsed, rounding is down."""
    assert shown(read_time(text, _BERLIN, _NOW, "from"), _BERLIN) == meant


@pytest.mark.parametrize(
    "text", ["", "-7", "7d ago", "now/s", "-1d/x", "--1d", "1970-01-01", "-9999999d", "-3000y"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """It is named, with the forms that there are."""
    with pytest.raises(Unanswerable, match="from: ") as refusal:
        read_time(text, _BERLIN, _NOW, "from")
    assert "-7d" in refusal.value.cure


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2026-03-29", "2026-03-30", "2026-03-28T00:00:00+01:00"),
        ("2026-03-30", "2026-03-31", "2026-03-29T00:00:00+01:00"),
        ("2026-03-30T00:00", "2026-03-30T06:00", "2026-03-29T18:00:00+02:00"),
        ("2026-03-29T00:00", "2026-03-29T06:00", "2026-03-28T19:00:00+01:00"),
        ("-7d", "now", "2026-03-17T12:20:30+01:00"),
    ],
)
def test_the_period_before_is_as_long(start: str, end: str, before: str) -> None:
    """By days of the clock where the period is whole days, else by elapsed time."""
    period = read_period(start, end, _BERLIN, _NOW)
    assert shown(period.before().start, _BERLIN) == before
    assert period.before().end == period.start


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"])
@pytest.mark.parametrize("interval", ["15m", "1h", "2h", "6h", "1d", "1w", "1M"])
def test_buckets_are_those_that_the_minutes_of_a_period_fall_into(zone: str, interval: str) -> None:
    """Every quarter of an hour of a period is in a bucket that is named, and no other bucket is."""
    chance, clock = random.Random(f"{zone} {interval}"), ZoneInfo(zone)
    for _ in range(2):
        # Cairo changes its clock at midnight on Fridays in April, Lord Howe by half an hour.
        first = datetime(
            2026, chance.choice([3, 4, 10]), chance.randint(1, 24), chance.randrange(24), tzinfo=UTC
        )
        last = first + timedelta(days=chance.randint(2, 9))
        quarters = (last - first) // timedelta(minutes=15)
        expected = {
            bucket((first + number * timedelta(minutes=15)).astimezone(clock), interval).astimezone(UTC)
            for number in range(quarters)
        }
        found = starts(microseconds(first), microseconds(last), INTERVALS[interval], clock, most=10_000)
        assert found is not None
        assert [instant(at, _UTC) for at in found] == sorted(expected)


def test_too_many_buckets_are_none() -> None:
    """A year by the minute is refused before it is counted."""
    year = microseconds(_NOW), microseconds(_NOW + timedelta(days=365))
    assert starts(*year, INTERVALS["1m"], _BERLIN, most=10_000) is None

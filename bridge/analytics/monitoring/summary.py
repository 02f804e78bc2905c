"""What is told of a monitor: uptime and response times over windows, by the day, and for a chart."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from bridge.analytics.admin.probes import DAY_MS, HOUR_MS, ProbeHour, measured, rolled, rolled_until, watches
from bridge.analytics.monitoring.sketch import TimesSketch, quantiles

WINDOWS: Final = {"24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "60d": 60 * DAY_MS, "90d": 90 * DAY_MS}
DAYS: Final = 90
_STEPS: Final = {
    "24h": HOUR_MS // 4,
    "7d": HOUR_MS,
    "30d": 6 * HOUR_MS,
    "60d": 12 * HOUR_MS,
    "90d": DAY_MS,
}
"""How long each point of a chart stands for."""
_QUANTILES: Final = (0.5, 0.95, 0.99)


class Days(NamedTuple):
    """The last days of a time zone, today being the last."""

    dates: Sequence[str]
    begin_ms: Sequence[int]
    end_ms: int
    """The end of today."""

    @classmethod
    def until(cls, now_ms: int, zone: ZoneInfo, count: int = DAYS) -> "Days":
        """Return so many days."""
        today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
        dates = [today - timedelta(days=ago) for ago in reversed(range(-1, count))]
        begin = [
            round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000) for day in dates
        ]
        return cls([str(day) for day in dates[:-1]], begin[:-1], begin[-1])


def hours_of(connection: Connection, monitor: int, now_ms: int, *, of_a_day: bool = False) -> list[ProbeHour]:
    """Return the hours of the longest window: those rolled up, and those that the probes themselves still tell.

    `of_a_day`: response times of the last day are enough, which is much quicker.
    """
    known = rolled_until(connection, monitor)
    first = (now_ms - WINDOWS["90d"]) // HOUR_MS * HOUR_MS
    hours = rolled(connection, monitor, first, now_ms, now_ms - DAY_MS if of_a_day else 0)
    # Before the first look nothing is rolled up; probes are that new then.
    hour = max(known, now_ms // HOUR_MS * HOUR_MS - 7 * DAY_MS)
    row = connection.execute(
        "SELECT max(time_ms) FROM probes WHERE monitor = ? AND time_ms < ?", (monitor, hour)
    ).fetchone()
    if row[0] is None:
        row = connection.execute("SELECT min(time_ms) FROM probes WHERE monitor = ?", (monitor,)).fetchone()
        hour = max(hour, (row[0] or now_ms) // HOUR_MS * HOUR_MS)
    watched = watches(connection, hour, now_ms)
    while hour < now_ms:
        hours.append(measured(connection, monitor, hour, min(hour + HOUR_MS, now_ms), watched))
        hour += HOUR_MS
    return hours


def windows(hours: Sequence[ProbeHour], now_ms: int) -> dict[str, dict[str, Any]]:
    """Return the figures of each window, of the whole hours that lie in it and of the present one."""
    begins = {name: -((length - now_ms) // HOUR_MS) * HOUR_MS for name, length in WINDOWS.items()}
    found, total, place = {}, _Total(), len(hours)
    # Each window holds the one before it: every hour is added once.
    for name, begin in begins.items():
        while place and hours[place - 1].start_ms >= begin:
            place -= 1
            total.add(hours[place])
        found[name] = total.figures(now_ms - begin)
    return found


class _Total:
    """Hours, added up."""

    def __init__(self) -> None:
        self._up = self._down = self._probes = self._failed = 0
        self._sketch = TimesSketch()

    def add(self, hour: ProbeHour) -> None:
        self._up += hour.up_ms
        self._down += hour.down_ms
        self._probes += hour.probes
        self._failed += hour.failed
        if hour.sketch:
            self._sketch.update(hour.sketch)

    def figures(self, length_ms: int) -> dict[str, Any]:
        """Return uptime (None where nothing was measured), how much was measured, and quantiles of times."""
        known = self._up + self._down
        times = quantiles(self._sketch, _QUANTILES)
        return {
            "uptime": self._up / known if known else None,
            "measured": min(1.0, known / length_ms),
            "down_seconds": round(self._down / 1000),
            "probes": self._probes,
            "failed": self._failed,
            **dict(zip(("p50_ms", "p95_ms", "p99_ms"), times, strict=True)),
        }


def figures(hours: Iterable[ProbeHour], length_ms: int) -> dict[str, Any]:
    """Return the figures of some hours, of a time that is so long."""
    total = _Total()
    for hour in hours:
        total.add(hour)
    return total.figures(length_ms)


def uptimes(hours: Sequence[ProbeHour], now_ms: int) -> dict[str, dict[str, Any]]:
    """Return the windows of hours whose response times are known of the last day alone."""
    found = windows(hours, now_ms)
    for name, window in found.items():
        if name != "24h":
            for key in ("p50_ms", "p95_ms", "p99_ms"):
                del window[key]
    return found


def by_day(hours: Sequence[ProbeHour], days: Days) -> list[dict[str, Any]]:
    """Return uptime, and seconds down and measured, of each day; an hour belongs to the day in which it begins."""
    up, down = [0] * len(days.dates), [0] * len(days.dates)
    for hour in hours:
        place = bisect_right(days.begin_ms, hour.start_ms) - 1
        if place >= 0:
            up[place] += hour.up_ms
            down[place] += hour.down_ms
    return [
        {
            "date": date,
            "uptime": up[place] / known if (known := up[place] + down[place]) else None,
            "down_seconds": round(down[place] / 1000),
            "measured_seconds": round(known / 1000),
        }
        for place, date in enumerate(days.dates)
    ]


def medians(hours: Sequence[ProbeHour], now_ms: int) -> list[int | None]:
    """Return the median response time of each of the last 24 hours, in milliseconds."""
    last = now_ms // HOUR_MS * HOUR_MS
    found = {
        hour.start_ms: quantiles(hour.sketch, (0.5,))[0] for hour in hours if hour.start_ms > last - DAY_MS
    }
    return [found.get(last - ago * HOUR_MS) for ago in reversed(range(24))]


def chart(
    connection: Connection, monitor: int, hours: Sequence[ProbeHour], window: str, now_ms: int
) -> list[dict[str, Any]]:
    """Return quantiles and uptime at each step of a window, from the oldest on; `time` is where a step begins."""
    step, length = _STEPS[window], WINDOWS[window]
    first = (now_ms - length) // step * step + step
    begins = range(first, now_ms, step)
    if step < HOUR_MS:
        watched = watches(connection, first, now_ms)
        parts = [
            [measured(connection, monitor, begin, min(begin + step, now_ms), watched)] for begin in begins
        ]
    else:
        parts = [[] for _ in begins]
        for hour in hours:
            if hour.start_ms >= first:
                parts[(hour.start_ms - first) // step].append(hour)
    return [
        {"time_ms": begin, **figures(part, min(step, now_ms - begin))}
        for begin, part in zip(begins, parts, strict=True)
    ]

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


def hours_of(connection: Connection, monitor: int, now_ms: int) -> list[ProbeHour]:
    """Return the hours of the longest window: those rolled up, and those that the probes themselves still tell."""
    known = rolled_until(connection, monitor)
    first = (now_ms - WINDOWS["90d"]) // HOUR_MS * HOUR_MS
    hours = rolled(connection, monitor, first, now_ms)
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


def windows(hours: Sequence[ProbeHour], now_ms: int, *, times: bool = True) -> dict[str, dict[str, Any]]:
    """Return the figures of each window, of the whole hours that lie in it and of the present one."""
    begins = {name: -((length - now_ms) // HOUR_MS) * HOUR_MS for name, length in WINDOWS.items()}
    return {
        name: figures([hour for hour in hours if hour.start_ms >= begin], now_ms - begin, times=times)
        for name, begin in begins.items()
    }


def figures(hours: Iterable[ProbeHour], length_ms: int, *, times: bool = True) -> dict[str, Any]:
    """Return uptime (None where nothing was measured), how much was measured, and quantiles of response times."""
    up = down = probes = failed = 0
    sketch = TimesSketch()
    for hour in hours:
        up, down = up + hour.up_ms, down + hour.down_ms
        probes, failed = probes + hour.probes, failed + hour.failed
        if times:
            sketch.update(hour.sketch)
    found: dict[str, Any] = {
        "uptime": up / (up + down) if up + down else None,
        "measured": min(1.0, (up + down) / length_ms),
        "down_seconds": round(down / 1000),
        "probes": probes,
        "failed": failed,
    }
    if times:
        found |= dict(zip(("p50_ms", "p95_ms", "p99_ms"), quantiles(sketch, _QUANTILES), strict=True))
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

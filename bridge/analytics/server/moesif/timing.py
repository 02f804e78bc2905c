"""From when to when Moesif's searches ask."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.periods import Period, read_period, read_time
from bridge.analytics.questions.question import read_zone
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.formats.moesif.bounds import ClauseBounds, read_edge


def searched_period(given: Mapping[str, str], served: Served) -> Period:
    """Return the period of `from` and `to`, both of which Moesif's searches must have; raises Unanswerable."""
    for name in ("from", "to"):
        if not given.get(name):
            raise Unanswerable(f"{name} is missing", "add from=-24h&to=now", field=name)
    zone = read_zone(given.get("time_zone"), served.zone)
    start, end = (read_edge(given[name], name) for name in ("from", "to"))
    return read_period(start, end, zone, served.now())


def cut(period: Period, bounds: ClauseBounds, now: datetime | None = None) -> Period:
    """Return what of a period is within the bounds of clauses; it may be empty."""
    if not bounds.since and not bounds.until:
        return period
    at = now if now is not None else datetime.now(period.zone)
    since = [read_time(one, period.zone, at, "range.request.time") for one in bounds.since]
    until = [read_time(one, period.zone, at, "range.request.time") for one in bounds.until]
    start, end = max(period.start, *since, period.start), min(period.end, *until, period.end)
    return replace(period, start=min(start, end), end=end)


def milliseconds(shown: str) -> int:
    """Return when a time was that an answer shows, in milliseconds since the epoch."""
    return microseconds(datetime.fromisoformat(shown)) // 1000

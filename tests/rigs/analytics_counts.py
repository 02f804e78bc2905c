"""Counts the answer to a question in plain Python, one call after the other: nothing of it is the product's."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rigs.analytics_calls import EPOCH, Values

_STEPS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}


def counted(question: dict[str, Any], calls: Sequence[Values]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the figures of each group: its dimensions and, with `interval`, when its bucket begins."""
    zone = ZoneInfo(question["time_zone"])
    start, end = (_read(question[key], zone) for key in ("from", "to"))
    rows = _groups(question, calls, zone, start, end, lambda at: at)
    figures = {key: {"now": group} for key, group in rows.items()}
    if question.get("compare"):
        before, onward = _before(start, end, zone)
        for key, group in _groups(question, calls, zone, before, start, onward).items():
            figures.setdefault(key, {})["before"] = group
    measures = question["measures"]
    answer = {}
    for key, sides in figures.items():
        answer[key] = {name: measured(name, sides.get("now", []), zone) for name in measures}
        if question.get("compare"):
            answer[key]["previous"] = {
                name: measured(name, sides.get("before", []), zone) for name in measures
            }
    if not answer and not question.get("by") and not question.get("interval"):
        answer[()] = {name: measured(name, [], zone) for name in measures}
        if question.get("compare"):
            answer[()]["previous"] = {name: measured(name, [], zone) for name in measures}
    return answer


def _groups(
    question: dict[str, Any],
    calls: Sequence[Values],
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
    onward: Callable[[datetime], datetime],
) -> dict[tuple[Any, ...], list[Values]]:
    groups: dict[tuple[Any, ...], list[Values]] = {}
    first, last = (-(-(edge - EPOCH) // timedelta(milliseconds=1)) for edge in (start, end))
    for call in calls:
        if not first <= call["time_ms"] < last or not passes(call, question.get("filters", ()), zone):
            continue
        key = tuple(value_of(call, name, zone) for name in question.get("by", ()))
        if interval := question.get("interval"):
            moved = onward(EPOCH + timedelta(milliseconds=call["time_ms"]))
            key = (*key, _bucket_of(moved.replace(second=0, microsecond=0), interval, zone))
        groups.setdefault(key, []).append(call)
    return groups


def _read(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _before(
    start: datetime, end: datetime, zone: ZoneInfo
) -> tuple[datetime, Callable[[datetime], datetime]]:
    shown = end.astimezone(zone).replace(tzinfo=None) - start.astimezone(zone).replace(tzinfo=None)
    if shown % timedelta(days=1):
        return start - (end - start), lambda at: at + (end - start)

    def later(at: datetime) -> datetime:
        wall = at.astimezone(zone).replace(tzinfo=None) + shown
        moved = wall.replace(tzinfo=zone).astimezone(UTC)
        return min(max(moved, start), end - timedelta(microseconds=1))

    wall = start.astimezone(zone).replace(tzinfo=None) - shown
    return wall.replace(tzinfo=zone).astimezone(UTC), later


@lru_cache(maxsize=100_000)
def _bucket_of(minute: datetime, interval: str, zone: ZoneInfo) -> str:
    return bucket(minute.astimezone(zone), interval).isoformat()


def bucket(at: datetime, interval: str) -> datetime:
    """Return when the bucket of a local time begins."""
    zone, wall = at.tzinfo, at.replace(tzinfo=None, fold=0)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "1M":
        begins = midnight.replace(day=1)
    elif interval == "1w":
        begins = midnight - timedelta(days=wall.weekday())
    elif interval == "1d":
        begins = midnight
    else:
        step = int(interval[:-1]) * _STEPS[interval[-1]]
        begins = midnight + (wall - midnight) // step * step
        if step <= timedelta(hours=1):
            # Back from the call itself, so that the second of two equal hours stays the second.
            begun = (at.astimezone(UTC) - (wall - begins)).astimezone(zone)
            return begun if begun.utcoffset() == at.utcoffset() else _change(at)
    return begins.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)


def _change(at: datetime) -> datetime:
    """Return when the clock that shows this was last changed."""
    minute = at.replace(second=0, microsecond=0)
    while (
        before := (minute.astimezone(UTC) - timedelta(minutes=1)).astimezone(at.tzinfo)
    ).utcoffset() == at.utcoffset():
        minute = before
    return minute


@lru_cache(maxsize=100_000)
def _local(time_ms: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)


def value_of(call: Values, name: str, zone: ZoneInfo) -> Any:
    """Return what a call has of a dimension."""
    at = _local(call["time_ms"], zone)
    match name:
        case "status_class":
            return None if call["status"] is None else f"{call['status'] // 100}xx"
        case "kind":
            return "fault" if call["faulty"] else "response"
        case "hour":
            return at.hour
        case "weekday":
            return at.isoweekday()
        case _:
            return call.get(name)


def passes(call: Values, filters: Iterable[dict[str, Any]], zone: ZoneInfo) -> bool:
    """Return whether a call passes all filters."""
    return all(
        _passes(value_of(call, one["field"], zone), test, wanted)
        for one in filters
        for test, wanted in one.items()
        if test != "field"
    )


def _passes(value: Any, test: str, wanted: Any) -> bool:  # noqa: PLR0911 - a case a line
    if test in {"is", "is_not"}:
        return (value in wanted) == (test == "is")
    if test.endswith("_not"):
        return not _passes(value, test.removesuffix("_not"), wanted)
    if value is None:
        return False
    match test:
        case "contains":
            return wanted.lower() in value.lower()
        case "matches":
            return re.search(wanted, value) is not None
        case "at_least":
            return bool(value >= wanted)
        case "above":
            return bool(value > wanted)
        case "at_most":
            return bool(value <= wanted)
        case _:
            return bool(value < wanted)


def measured(name: str, calls: Sequence[Values], zone: ZoneInfo) -> Any:  # noqa: PLR0911 - a case a line
    """Return a measure of some calls."""
    errors = sum(call["faulty"] or (call["status"] or 0) >= 400 for call in calls)
    match name:
        case "calls":
            return len(calls)
        case "errors":
            return errors
        case "error_rate":
            return errors / len(calls) if calls else None
        case "throttled":
            return sum(call["error_type"] == "THROTTLED" for call in calls)
        case "users":
            who = {("user", call["user"]) if call["user"] else ("ip", call["ip"]) for call in calls}
            return len(who - {("ip", None)})
        case "applications":
            return len({call["application"] for call in calls} - {None})
        case "cache_hit_rate":
            hits = [call["cache_hit"] for call in calls if call["cache_hit"] is not None]
            return sum(hits) / len(hits) if hits else None
        case "first_seen" | "last_seen":
            times = [call["time_ms"] for call in calls]
            if not times:
                return None
            at = EPOCH + timedelta(milliseconds=min(times) if name == "first_seen" else max(times))
            return at.astimezone(zone).isoformat(timespec="milliseconds" if at.microsecond else "seconds")
        case "response_bytes" | "ai_prompt_tokens" | "ai_completion_tokens" | "ai_total_tokens":
            known = [call[name] for call in calls if call[name] is not None]
            return sum(known) if known else None
        case _:
            quantity, _, what = name.rpartition("_")
            return _spread(what, sorted(call[quantity] for call in calls if call[quantity] is not None))


def _spread(what: str, values: list[int]) -> Any:
    if not values:
        return None
    if what == "avg":
        return sum(values) / len(values)
    if what == "max":
        return values[-1]
    if what == "histogram":
        return Counter(values)
    place = int(what[1:]) / 100 * (len(values) - 1)
    low, high = math.floor(place), math.ceil(place)
    return values[low] + (values[high] - values[low]) * (place - low)

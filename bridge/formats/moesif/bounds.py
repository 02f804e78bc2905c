"""`range` on `request.time`: from when to when, in Elasticsearch's words for times.

A bound stays as it was written (`now-1w`), because a workspace's period moves on with the clock. Bounds of several
clauses hold all: what they say together is known only when somebody looks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.errors import Unanswerable
from bridge.formats.moesif.names import TIME
from bridge.formats.moesif.refusals import unknown_option

_MATHS: Final = re.compile(r"((?:[+-]\d{0,6}[smhHdwMy])*)(?:/([mhHdwMy]))?", re.ASCII)
_STEP: Final = re.compile(r"([+-])(\d*)([smhHdwMy])")
_RELATIVE: Final = re.compile(r"[+-]?\d{1,6}[smhdwM]", re.ASCII)
_DAYS: Final = re.compile(r"[+-]\d+[dwM]", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURE: Final = 'write it like "now-1w", "now-1d/d", "2026-03-29T12:00:00Z" or milliseconds since 1970'
_BOUNDS: Final = ("gte", "gt", "lte", "lt")


@dataclass(frozen=True, slots=True)
class ClauseBounds:
    """From when on, and until before when; all of them hold. In the words that periods have here."""

    since: tuple[str, ...] = ()
    until: tuple[str, ...] = ()

    def within(self, other: "ClauseBounds") -> "ClauseBounds":
        """Return what both allow."""
        return ClauseBounds(
            tuple(dict.fromkeys(self.since + other.since)), tuple(dict.fromkeys(self.until + other.until))
        )


def read_bounds(body: Any, place: str) -> ClauseBounds:
    """Return the bounds of a range; raises Unanswerable."""
    if not isinstance(body, Mapping):
        raise Unanswerable(
            f"{place} is not an object", 'write it like {"gte": "now-1w", "lte": "now"}', field=place
        )
    since: list[str] = []
    until: list[str] = []
    for name, value in body.items():
        at = f"{place}.{name}"
        match name:
            case "gte" | "gt":
                since.append(_time(value, at, after=name == "gt"))
            case "lte" | "lt":
                until.append(_time(value, at, after=name == "lte"))
            case "boost":
                pass
            case _:
                raise unknown_option(name, place, (*_BOUNDS, "boost"))
    if not since and not until:
        raise Unanswerable(f"{place} has no bound", f"add one of {', '.join(_BOUNDS)}", field=place)
    return ClauseBounds(tuple(since), tuple(until))


def read_bound(value: Any, place: str) -> str:
    """Return a time of Moesif's, such as `-1w`, `now` or ISO 8601, in the words of periods; raises Unanswerable."""
    return _time(value, place, after=False)


def read_edge(value: str, place: str) -> str:
    """Return an edge of a search's period in the words of periods; raises Unanswerable.

    Moesif aligns relative days, weeks and months to the calendar: `-2d` is the start of the day before yesterday
    (Moesif/apidocs, _overview.md).
    """
    at = _time(value, place, after=False)
    return f"{at}/d" if _DAYS.fullmatch(at) else at


def _time(value: Any, place: str, *, after: bool) -> str:
    """Return a time; `after`: the first one that is later, in the next unit if the time is rounded."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _shown(_EPOCH + timedelta(milliseconds=_bounded(value, place)), after=after)
    if not isinstance(value, str) or not 0 < len(value) <= 60:
        raise _no_time(value, place)
    if value.isascii() and value.isdecimal() and len(value) > 4:
        return _time(int(value), place, after=after)
    start, anchored, maths = value.partition("||")
    if not anchored:
        start, maths = ("now", value.removeprefix("now")) if _is_relative(value) else (value, "")
    if start == "now":
        return _relative(maths, value, place, after=after)
    if maths:
        raise _no_time(value, place)
    try:
        return _shown(datetime.fromisoformat(start), after=after, whole=start)
    except ValueError:
        raise _no_time(value, place) from None


def _is_relative(value: str) -> bool:
    return value.startswith("now") or _RELATIVE.fullmatch(value) is not None


def _relative(maths: str, value: str, place: str, *, after: bool) -> str:
    if maths[:1].isdigit():
        # Moesif's own words: without a sign it is the future.
        maths = f"+{maths}"
    found = _MATHS.fullmatch(maths)
    if found is None:
        raise _no_time(value, place)
    steps = "".join(
        f"{sign}{count or '1'}{unit.replace('H', 'h')}" for sign, count, unit in _STEP.findall(found[1])
    )
    # The shortest of the words that periods have: pages compare them.
    begins = steps or "now"
    if not found[2]:
        return begins
    unit = found[2].replace("H", "h")
    # Elasticsearch rounds up what has to be included, or passed: to the unit's last millisecond.
    return f"{steps}+1{unit}/{unit}" if after else f"{begins}/{unit}"


def _shown(at: datetime, *, after: bool, whole: str = "") -> str:
    """Return a time as text; a day without a time, of which all is meant, ends with the next one."""
    if after:
        day = len(whole) == len("2026-03-29")
        at += timedelta(days=1) if day else timedelta(milliseconds=1)
    return at.isoformat()


def _bounded(milliseconds: int, place: str) -> int:
    if not 0 <= milliseconds < 2**43:
        raise _no_time(milliseconds, place)
    return milliseconds


def _no_time(value: Any, place: str) -> Unanswerable:
    return Unanswerable(f'{place}: "{str(value)[:60]}" is no time', _CURE, field=place or TIME)

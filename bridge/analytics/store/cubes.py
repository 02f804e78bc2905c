"""The rollup's cubes, as data: calls counted beforehand by a few columns of `facts` and a step of time.

Each call is in a row of every cube, whatever it lacks. A row's columns have the names that they have in `facts`; its
`time` is when its step begins. So the SQL of a dimension or of a filter means the same over a cube, as long as it looks
at the cube's columns only.

What cannot be added up is kept in a form that can:

- who was there (*members*): numbers as bits, 64 in a `mask`, the rest of the number in `block`. 700,000 rows (0.7 B an
  event) tell the different users of each five minutes of 10 million events; to count them by three hours takes 26 ms of
  CPU, over the facts 900.
- how a quantity is *spread*: calls in `bucket`s, 16 a doubling. What is said of a bucket's calls is wrong by 2.2 % at
  most (`SPREAD_ERROR`), and by nothing below 32.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from bridge.analytics.store.columns import FACTS

_MINUTE: Final = 60_000_000
HALF_HOUR: Final = 30 * _MINUTE
"""Some zones are half an hour off, none that is in use is so by less than a quarter; days begin with a half hour."""
DAY: Final = 48 * HALF_HOUR
LENGTHS: Final = (HALF_HOUR, DAY)
"""What is rolled up at once, in microseconds."""


class RolledSpan(NamedTuple):
    """From `start` to before `end`, in microseconds, the cubes of one length have all calls."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AdditiveFigure:
    """A figure of calls that is made of the same figure of their parts."""

    sql: str
    """Over `facts f`."""
    function: str
    """What makes one of many."""

    def of_parts(self, column: str) -> str:
        """Return SQL for the whole's figure, from a column that has the parts'."""
        return f"{self.function}({column})::BIGINT"


ERROR: Final = "(f.faulty OR coalesce(f.status >= 400, false))"
# WSO2's fixed word, an id like any other name.
_THROTTLED: Final = "f.error_type = (SELECT id FROM names WHERE field = 'error_type' AND value = 'THROTTLED')"
LATENCIES: Final = ("latency", "backend_latency", "request_mediation_latency", "response_mediation_latency")
_SUMMED: Final = (
    *LATENCIES,
    "response_bytes",
    "ai_prompt_tokens",
    "ai_completion_tokens",
    "ai_total_tokens",
)


def _additive() -> dict[str, AdditiveFigure]:
    figures = {
        "calls": AdditiveFigure("count(*)", "sum"),
        "errors": AdditiveFigure(f"count(*) FILTER (WHERE {ERROR})", "sum"),
        "throttled": AdditiveFigure(f"count(*) FILTER (WHERE {_THROTTLED})", "sum"),
        "cache_hits": AdditiveFigure("count(*) FILTER (WHERE f.cache_hit)", "sum"),
        "cache_known": AdditiveFigure("count(f.cache_hit)", "sum"),
        "first_seen": AdditiveFigure("min(epoch_us(f.time))", "min"),
        "last_seen": AdditiveFigure("max(epoch_us(f.time))", "max"),
    }
    for name in _SUMMED:
        figures[f"{name}_sum"] = AdditiveFigure(f"sum(f.{name})::BIGINT", "sum")
        figures[f"{name}_known"] = AdditiveFigure(f"count(f.{name})", "sum")
        figures[f"{name}_max"] = AdditiveFigure(f"max(f.{name})", "max")
    return figures


ADDITIVE: Final[Mapping[str, AdditiveFigure]] = _additive()

MEMBERS: Final = {
    # Ids of people are of one sequence, so that a user and an address never share one.
    "users": 'coalesce(f."user", f.ip)',
    "applications": "f.application",
}
"""What is counted once each: its number, over `facts f`."""


@dataclass(frozen=True, slots=True)
class Cube:
    """One table of the rollup."""

    name: str
    length: int
    """What is rolled up at once: one of `LENGTHS`."""
    step: int
    """How far apart the times of rows are, in microseconds; a part of `length`."""
    by: tuple[str, ...] = ()
    """Columns of `facts`."""
    figures: tuple[str, ...] = ("calls",)
    """Of `ADDITIVE`."""
    members: str = ""
    """Whose numbers it has as bits: one of `MEMBERS`."""
    spread: str = ""
    """Which quantity it has in buckets."""

    @property
    def table(self) -> str:
        """Its table."""
        return f"rollup_{self.name}"

    @property
    def parted(self) -> dict[str, str]:
        """What its rows have besides `by`: each column's SQL over `facts f`."""
        if self.members:
            return {"block": f"{MEMBERS[self.members]} // 64"}
        return {"bucket": bucket(f"f.{self.spread}")} if self.spread else {}


MASK: Final = "bit_or(1::UBIGINT << ({} % 64))"
"""The bits of numbers, over `facts f`; `mask` in a cube."""
SPREAD_ERROR: Final = 0.022
"""By how much what is said of a bucket's calls may be wrong: half a sixteenth of a doubling."""


def bucket(value: str) -> str:
    """Return SQL for the bucket of a whole number: itself below 32, from there on 16 a doubling."""
    return f"(CASE WHEN {value} < 32 THEN {value} ELSE 32 + floor(16 * (log2({value}) - 5)) END)::USMALLINT"


def value_of(bucket_: str) -> str:
    """Return SQL for what is said of the calls in a bucket: its middle, by ratio."""
    return f"(CASE WHEN {bucket_} < 32 THEN {bucket_} ELSE 32 * 2 ** (({bucket_} - 31.5) / 16) END)"


_ENDED: Final = ("calls", "errors", "throttled", "cache_hits", "cache_known", "response_bytes_sum")
_MEASURED: Final = tuple(f"{name}_{of}" for name in LATENCIES for of in ("sum", "known", "max"))

CUBES: Final = (
    Cube(
        "ended",
        HALF_HOUR,
        5 * _MINUTE,
        ("instance", "faulty", "status", "error_type", "error_code"),
        (*_ENDED, *_MEASURED),
    ),
    Cube("consumed", HALF_HOUR, HALF_HOUR, ("api", "version", "application", "application_owner"), _ENDED),
    *(Cube(name, HALF_HOUR, 5 * _MINUTE, figures=(), members=name) for name in MEMBERS),
    *(Cube(name, HALF_HOUR, HALF_HOUR, spread=name) for name in LATENCIES),
    Cube("api_latency", DAY, DAY, ("api", "version"), ("calls", "errors"), spread="latency"),
    Cube(
        "resource_latency",
        DAY,
        DAY,
        ("api", "version", "method", "resource"),
        ("calls", "errors"),
        spread="latency",
    ),
    Cube("callers", DAY, DAY, ("user",), _ENDED),
)
"""Where several can answer, the first does."""

PERSONAL: Final = ("user", "application_owner")
"""Columns of cubes that hold numbers of people.db, beside the bits of `users`."""


def table_of(cube: Cube) -> dict[str, str]:
    """Return the columns of a cube's table, with their types in DuckDB."""
    columns = {"time": "TIMESTAMP"} | {name: FACTS[name] for name in cube.by}
    if cube.members:
        columns |= {"block": "INTEGER", "mask": "UBIGINT"}
    if cube.spread:
        columns["bucket"] = "USMALLINT"
    return columns | dict.fromkeys(cube.figures, "BIGINT")


def differing(cube: Cube, span: RolledSpan) -> str:
    """Return the SELECT of a cube's rows that are wrong, and of those that should be there: none (S7)."""
    facts = counted(cube, *span)
    within = f"time >= make_timestamp({span.start}) AND time < make_timestamp({span.end})"
    there = f"SELECT * FROM {cube.table} WHERE {within}"  # noqa: S608 - our own names
    return f"({facts} EXCEPT ALL {there}) UNION ALL ({there} EXCEPT ALL {facts})"


def counted(cube: Cube, start: int, end: int) -> str:
    """Return the SELECT of a cube's rows for the calls from `start` to before `end` (µs), in the table's columns."""
    keys = [f"make_timestamp(epoch_us(f.time) // {cube.step} * {cube.step})"]
    keys += [f'f."{name}"' for name in cube.by]
    keys += cube.parted.values()
    figures = [MASK.format(MEMBERS[cube.members])] if cube.members else []
    figures += [ADDITIVE[name].sql for name in cube.figures]
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    return (
        f"SELECT {', '.join([*keys, *figures])} FROM facts f "  # noqa: S608 - our own names
        f"WHERE f.time >= make_timestamp({start}) AND f.time < make_timestamp({end}) GROUP BY {places}"
    )

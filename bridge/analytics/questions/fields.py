"""The fixed lists that every question is made from: dimensions, measures, intervals, and what SQL each stands for.

Nothing that a caller writes gets into SQL as text: a name is looked up here, and values are bound.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from bridge.analytics.store.cubes import ADDITIVE, MEMBERS

_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR


class FieldKind(Enum):
    """How the values of a field are kept, and with that what a filter may ask of them."""

    NAME = "name"  # an id of the table `names`
    PERSON = "person"  # an id of the store of people
    NUMBER = "number"
    TRUTH = "truth"
    TEXT = "text"  # worked out of other columns, or kept as it is


@dataclass(frozen=True, slots=True)
class Field:
    """Something that calls can be told apart by."""

    name: str
    kind: FieldKind
    about: str
    sql: str
    """What is grouped; `{local}` stands for the local time in microseconds."""
    shown: str = "{}"
    """What is made of it for people, after grouping: to group by texts takes four times as long."""
    codes: Mapping[str, Any] | None = None
    """All values that there are, where they are few and known, with what `sql` has for each."""
    groups: bool = True
    """Whether a question may ask `by` it; a quantity only filters."""
    unit: str = ""
    local_step: int = 0
    """Where it looks at local time: how many microseconds apart, at least, its values change."""

    @property
    def columns(self) -> frozenset[str]:
        """What it is worked out of, of the tables `facts` and `details`, but for the time."""
        return frozenset(_COLUMN.findall(self.sql))


_COLUMN: Final = re.compile(r'\b[fx]\."?(\w+)')


def _name(name: str, about: str) -> Field:
    return Field(name, FieldKind.NAME, about, f'f."{name}"')


def _number(name: str, about: str) -> Field:
    return Field(name, FieldKind.NUMBER, about, f"f.{name}")


def _quantity(name: str, about: str, unit: str) -> Field:
    return Field(name, FieldKind.NUMBER, about, f"f.{name}", groups=False, unit=unit)


_QUANTITIES: Final = (
    _quantity("latency", "From the request to the last byte of the answer", "ms"),
    _quantity("backend_latency", "What the backend took of it", "ms"),
    _quantity("request_mediation_latency", "What the gateway took of it before the backend", "ms"),
    _quantity("response_mediation_latency", "What the gateway took of it after the backend", "ms"),
    _quantity("response_bytes", "Size of the answer", "bytes"),
    _quantity("ai_prompt_tokens", "Tokens of the prompt", "tokens"),
    _quantity("ai_completion_tokens", "Tokens of the model's answer", "tokens"),
    _quantity("ai_total_tokens", "Tokens of both", "tokens"),
)

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        _name("api", "Name of the API"),
        _name("version", "Version of the API"),
        _name("api_type", "HTTP, GRAPHQL, WS, …"),
        _name("context", "Path at which the API is served"),
        _name("method", "HTTP method"),
        _name("resource", "Template of the resource, such as /order/{id}"),
        _number("status", "HTTP status that the caller got"),
        Field(
            "status_class",
            FieldKind.TEXT,
            "1xx to 5xx, of `status`",
            "CASE WHEN f.status BETWEEN 100 AND 599 THEN f.status // 100 END",
            shown="{} || 'xx'",
            codes={f"{number}xx": number for number in range(1, 6)},
        ),
        _number("target_status", "HTTP status that the backend gave"),
        Field(
            "kind",
            FieldKind.TEXT,
            "`fault`: the gateway answered with an error of its own; `response`: all others",
            "f.faulty",
            shown="CASE WHEN {} THEN 'fault' ELSE 'response' END",
            codes={"response": False, "fault": True},
        ),
        _name("error_type", "WSO2's class of a fault: AUTH, THROTTLED, TARGET_CONNECTIVITY, OTHER"),
        _number("error_code", "WSO2's code of a fault"),
        _name("application", "Application that called"),
        Field("application_owner", FieldKind.PERSON, "Who owns the application", "f.application_owner"),
        Field("user", FieldKind.PERSON, "User that called", 'f."user"'),
        _name("company", "Company that the call belongs to"),
        _name("tenant", "Tenant of the API's creator"),
        _name("key_type", "PRODUCTION or SANDBOX"),
        _name("gateway_type", "Kind of gateway, such as SYNAPSE"),
        _name("region", "Region of the gateway"),
        _name("environment", "Environment of the gateway"),
        _name("instance", "Bridge that took the event"),
        _name("backend", "Address of the backend"),
        _name("country", "Country of the caller's address"),
        _name("browser", "Browser, of the user agent"),
        _name("os", "System, of the user agent"),
        _name("device", "Device, of the user agent"),
        Field("bot", FieldKind.TRUTH, "Whether the user agent is a known robot's", "f.bot"),
        Field("cache_hit", FieldKind.TRUTH, "Whether the gateway answered from its cache", "f.cache_hit"),
        _name("ai_model", "AI model that answered"),
        _name("ai_vendor", "Vendor of the AI model"),
        _name("guardrail", "Guardrail that stepped in"),
        _name("mcp_tool", "MCP tool that was called"),
        _name("graphql_operation", "GraphQL operation"),
        _name("hostname", "Host name that was called"),
        _name("path", "Path that was called"),
        Field("ip", FieldKind.PERSON, "Address of the caller", "f.ip"),
        Field("user_agent", FieldKind.PERSON, "User agent, as it came", "f.user_agent"),
        Field("correlation_id", FieldKind.TEXT, "WSO2's id of the call", "x.correlation_id"),
        Field("api_creator", FieldKind.PERSON, "Who made the API", "f.api_creator"),
        _name("framework", "Web framework behind API Analytics' middleware"),
        _name("key", "Key that API Analytics' middleware sent"),
        Field(
            "hour",
            FieldKind.NUMBER,
            "Hour of the day, 0 to 23, in local time",
            f"({{local}} // {_HOUR}) % 24",
            local_step=_HOUR,
        ),
        # The epoch began on a Thursday.
        Field(
            "weekday",
            FieldKind.NUMBER,
            "Day of the week, 1 (Monday) to 7, in local time",
            f"1 + ({{local}} // {_DAY} + 3) % 7",
            local_step=_DAY,
        ),
        *_QUANTITIES,
    )
}
DIMENSIONS: Final[Mapping[str, Field]] = {name: field for name, field in FIELDS.items() if field.groups}


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure about calls; `sql` is what the outer SELECT shows, made of aggregates by their names."""

    name: str
    unit: str
    about: str
    sql: str
    """With `{NAME}` for each aggregate of `AGGREGATES`."""
    uses: tuple[str, ...]
    percent: int = 0
    """Of a quantile, whose aggregate has one for each that is asked for."""
    counts: bool = False
    """Whether none is 0: there is no unknown number of calls."""
    sorts: bool = True


BORDERS_MS: Final = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 60_000),
)
"""Where the buckets of a histogram of milliseconds begin, behind the first, which begins at 0."""
BORDERS_BYTES: Final = tuple(2**power for power in range(6, 31))
"""The same for bytes: 64 B to 1 GiB, doubling."""

PERCENT: Final = (25, 50, 75, 95, 99)

AGGREGATES: Final[dict[str, str]] = {name: figure.sql for name, figure in ADDITIVE.items()} | {
    name: f"count(DISTINCT {number})" for name, number in MEMBERS.items()
}
"""What measures are made of, over `facts f`."""
MEASURES: Final[dict[str, Measure]] = {
    measure.name: measure
    for measure in (
        Measure("calls", "calls", "All calls", "{calls}", ("calls",), counts=True),
        Measure(
            "errors",
            "calls",
            "Calls that ended in a fault of the gateway, or with a status of 400 and above",
            "{errors}",
            ("errors",),
            counts=True,
        ),
        Measure(
            "error_rate", "fraction", "Errors in calls", "{errors} / nullif({calls}, 0)", ("errors", "calls")
        ),
        Measure(
            "throttled",
            "calls",
            "Calls that the gateway throttled",
            "{throttled}",
            ("throttled",),
            counts=True,
        ),
        Measure(
            "users",
            "users",
            "Different users; where a call has none, its address counts",
            "{users}",
            ("users",),
            counts=True,
        ),
        Measure(
            "applications",
            "applications",
            "Different applications",
            "{applications}",
            ("applications",),
            counts=True,
        ),
        Measure(
            "cache_hit_rate",
            "fraction",
            "Answerer from the gateway's cache, in the calls of which that is known",
            "CASE WHEN {cache_known} > 0 THEN {cache_hits} / {cache_known} END",
            ("cache_hits", "cache_known"),
        ),
        Measure("first_seen", "time", "Time of the first call", "{first_seen}", ("first_seen",)),
        Measure("last_seen", "time", "Time of the last call", "{last_seen}", ("last_seen",)),
    )
}


def _add_sums() -> None:
    for name, unit in (
        ("response_bytes", "bytes"),
        ("ai_prompt_tokens", "tokens"),
        ("ai_completion_tokens", "tokens"),
        ("ai_total_tokens", "tokens"),
    ):
        about = f"{FIELDS[name].about}, of all calls together"
        MEASURES[name] = Measure(name, unit, about, f"{{{name}_sum}}", (f"{name}_sum",))


def _add_distributions() -> None:
    for field in _QUANTITIES[:5]:
        name, unit, of = field.name, field.unit, f"of {field.name}"
        borders = BORDERS_BYTES if unit == "bytes" else BORDERS_MS
        # DuckDB's bins have their upper border in them, and the quantities are whole numbers.
        bins = ", ".join(str(border - 1) for border in borders)
        AGGREGATES[f"{name}_histogram"] = f"histogram(f.{name}, [{bins}]::BIGINT[])"
        MEASURES[f"{name}_avg"] = Measure(
            f"{name}_avg",
            unit,
            f"Average {of}",
            f"{{{name}_sum}} / nullif({{{name}_known}}, 0)",
            (f"{name}_sum", f"{name}_known"),
        )
        for percent in PERCENT:
            MEASURES[f"{name}_p{percent}"] = Measure(
                f"{name}_p{percent}",
                unit,
                f"{percent} % quantile {of}, between two calls in proportion",
                f"{{{name}_quantiles}}",
                (f"{name}_quantiles",),
                percent=percent,
            )
        MEASURES[f"{name}_max"] = Measure(
            f"{name}_max", unit, f"Maximum {of}", f"{{{name}_max}}", (f"{name}_max",)
        )
        MEASURES[f"{name}_histogram"] = Measure(
            f"{name}_histogram",
            "calls",
            f"Calls by {name} in {unit}: counts[i] from borders[i] to below borders[i + 1], the last from there up",
            f"{{{name}_histogram}}",
            (f"{name}_histogram",),
            sorts=False,
        )


_add_sums()
_add_distributions()


def borders_of(measure: str) -> tuple[int, ...]:
    """Return where the buckets of a histogram begin."""
    return (0, *(BORDERS_BYTES if measure.startswith("response_bytes") else BORDERS_MS))

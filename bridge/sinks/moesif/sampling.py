"""Moesif's dynamic sampling: which rate applies to an event, whether it is kept, and for how many it then counts.

The draw is made of the event's id, so that a retry, a replay and another bridge decide the same. Weights are
rounded up or down by other bits of the same hash, so that the chance of staying times the expected weight is
exactly 1: totals are right for rates that do not divide 100, too (a fixed 100 // rate counts 10 % too few at 30).

Configuration: Moesif/apidocs, collector-api/_config-api.md.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Literal

from bridge.formats.moesif.mapping import MoesifEvent

Form = MoesifEvent | dict[str, Any]
"""An event in Moesif's schema, as `moesif_form` returns it."""

Precedence = Literal["lowest", "regex_first", "no_regex"]
"""Whose rate counts, where several are set; Moesif's documentation and its SDKs disagree.

`lowest`: the user's, else the company's, but no more than that of the first `regex_config` that matches
(documentation, Java SDK, WSO2); `regex_first`: the first that matches, else the user's, else the company's
(Python SDK, Firehose lambda); `no_regex`: the user's, else the company's (Node and Go SDKs). Without any of
them it is `sample_rate`.
"""

_ALL: Final = 100.0
_HALF_BITS: Final = 64
_ROUTE: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*([^?#]*)", re.IGNORECASE)
_PATHS: Final = frozenset({"request.verb", "request.route", "request.ip_address", "response.status"})

_Condition = tuple[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one key, in percent from 0 to 100."""

    everyone: float = _ALL
    users: Mapping[str, float] = field(default_factory=dict)
    companies: Mapping[str, float] = field(default_factory=dict)
    patterns: Sequence[tuple[Sequence[_Condition], float]] = ()
    """`regex_config`, in its order; all conditions of an entry must be found."""

    def of(self, form: Form, precedence: Precedence) -> float:
        """Return the rate that an event has."""
        own = self.users.get(_text(form, "user_id")) if self.users else None
        if own is None and self.companies:
            own = self.companies.get(_text(form, "company_id"))
        pattern = self._pattern(form) if self.patterns and precedence != "no_regex" else None
        if pattern is not None:
            return pattern if own is None or precedence == "regex_first" else min(own, pattern)
        return self.everyone if own is None else own

    def _pattern(self, form: Form) -> float | None:
        values: dict[str, str] = {}
        for conditions, rate in self.patterns:
            for path, pattern in conditions:
                if path not in values:
                    values[path] = _value(form, path)
                if not pattern.search(values[path]):
                    break
            else:
                return rate
        return None


def read_rates(config: object) -> Rates:
    """Return the rates in the answer to `GET /v1/config`; what cannot be read in it samples nothing out.

    Raises ValueError for what is no configuration at all.
    """
    if not isinstance(config, dict):
        raise ValueError(f"no sampling configuration but {type(config).__name__}")  # noqa: TRY004 - an input
    everyone = _rate(config.get("sample_rate"))
    return Rates(
        _ALL if everyone is None else everyone,
        _rates(config.get("user_sample_rate")),
        _rates(config.get("company_sample_rate")),
        tuple(entry for entry in map(_entry, _list(config.get("regex_config"))) if entry is not None),
    )


def draw(event_id: str, rate: float) -> int:
    """Return for how many events this one counts at a rate in percent; 0: it is left out."""
    if rate >= _ALL:
        return 1
    if rate <= 0:
        return 0
    digest = blake2b(event_id.encode(), digest_size=16).digest()
    if int.from_bytes(digest[:8]) * 100 >= rate * 2**_HALF_BITS:
        return 0
    whole, rest = divmod(100, rate)
    up = int.from_bytes(digest[8:]) * rate < rest * 2**_HALF_BITS
    return int(whole) + (1 if up else 0)


def sampled(
    forms: Iterable[Form], ids: Sequence[str], rates: Rates, precedence: Precedence
) -> list[Form | None]:
    """Return the events with their weights, those that they came with multiplied; None for each that is left out."""
    drawn: list[Form | None] = []
    for form, event_id in zip(forms, ids, strict=True):
        weight = draw(event_id, rates.of(form, precedence))
        drawn.append(form if weight else None)
        if weight > 1:
            if isinstance(form, dict):
                own = form.get("weight")
                form["weight"] = weight * own if isinstance(own, int) and own > 1 else weight
            else:
                form.weight *= weight
    return drawn


def _value(form: Form, path: str) -> str:
    side, _, name = path.partition(".")
    if name != "route":
        return _text(_part(form, side), name)
    uri = _text(_part(form, side), "uri")
    match = _ROUTE.match(uri)
    return (match[1] if match else re.split(r"[?#]", uri, maxsplit=1)[0]) or "/"


def _part(form: Any, name: str) -> Any:
    return form.get(name) if isinstance(form, dict) else getattr(form, name, None)


def _text(form: Any, name: str) -> str:
    value = _part(form, name)
    return "" if value is None else str(value)


def _rate(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(max(float(value), 0.0), _ALL)


def _rates(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {str(name): rate for name, given in value.items() if (rate := _rate(given)) is not None}


def _entry(value: object) -> tuple[Sequence[_Condition], float] | None:
    """Return an entry of `regex_config`; None for one that could match what it was not meant for."""
    if not isinstance(value, dict) or (rate := _rate(value.get("sample_rate"))) is None:
        return None
    conditions: list[_Condition] = []
    for condition in _list(value.get("conditions")):
        if not isinstance(condition, dict) or condition.get("path") not in _PATHS:
            return None
        try:
            # Like the Java SDK, which WSO2 uses: anywhere in the value, ignoring case.
            conditions.append((condition["path"], re.compile(str(condition.get("value")), re.IGNORECASE)))
        except re.error:
            return None
    return (conditions, rate) if conditions else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

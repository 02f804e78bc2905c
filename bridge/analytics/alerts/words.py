"""Rules and figures in plain words, as messages and the page say them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.analytics.alerts.rules import AlertRule
from bridge.analytics.alerts.states import Cause
from bridge.analytics.questions.filters import CallFilter, Test

_MOST_SHOWN: Final = 3
_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
# What a measure's name leaves unclear.
_MEASURES: Final = {
    "error_rate": "error rate",
    "cache_hit_rate": "share of answers from the cache",
    "ai_total_tokens": "tokens of AI",
    "ai_prompt_tokens": "tokens of prompts",
    "ai_completion_tokens": "tokens of models' answers",
    "response_bytes": "bytes of answers",
}
_FIELDS: Final = {
    "api": "API",
    "instance": "gateway",
    "ai_model": "AI model",
    "ai_vendor": "AI vendor",
    "mcp_tool": "MCP tool",
}
_TESTS: Final = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "contains_not": "does not contain",
    "matches": "matches",
    "matches_not": "does not match",
    "at_least": "is at least",
    "above": "is above",
    "at_most": "is at most",
    "below": "is below",
}


def condition_words(rule: AlertRule) -> str:
    """Return what is watched: "error rate above 5 % in 10 minutes; API is Orders"."""
    if rule.silence:
        said = f"no call in {rule.window.words}"
    else:
        side = "above" if rule.above else "below"
        measure = measure_words(rule)
        if rule.against_week:
            said = f"{measure} in {rule.window.words} {_change_words(rule)} on the week before"
        else:
            said = f"{measure} {side} {figure_words(rule, rule.threshold)} in {rule.window.words}"
    return "; ".join([said, *map(filter_words, rule.filters)])


def _change_words(rule: AlertRule) -> str:
    share = f"{abs(rule.threshold) * 100:g} %"
    if rule.above == (rule.threshold >= 0):
        return f"{'up' if rule.above else 'down'} by more than {share}"
    return f"not {'down' if rule.above else 'up'} by {share}"


def measure_words(rule: AlertRule) -> str:
    """Return what is measured."""
    name = rule.measure.name
    of, _, statistic = name.rpartition("_")
    if statistic in {"avg", "max"} or re.fullmatch(r"p\d+", statistic):
        plain = {"avg": "average", "max": "longest"}.get(statistic, statistic)
        words = f"{plain} {of.replace('_', ' ')}"
    else:
        words = _MEASURES.get(name) or name.replace("_", " ")
    return f"{words} a minute" if rule.per_minute else words


def field_words(name: str) -> str:
    """Return what people call a field."""
    return _FIELDS.get(name) or name.replace("_", " ")


def figure_words(rule: AlertRule, value: float | None) -> str:
    """Return a figure of the rule's measure with its unit."""
    if value is None:
        return "unknown"
    match rule.measure.unit:
        case "fraction":
            return f"{rounded(value * 100)} %"
        case "ms":
            return f"{rounded(value)} ms" if value < 10_000 else f"{rounded(value / 1000)} s"
        case "bytes":
            power = 0
            while abs(value) >= 1024 and power < len(_BYTES) - 1:
                value, power = value / 1024, power + 1
            return f"{rounded(value)} {_BYTES[power]}"
        case unit:
            one = unit.removesuffix("s") if value == 1 else unit
            return f"{rounded(value)} {one}{' a minute' if rule.per_minute else ''}"


def rounded(value: float) -> str:
    """Return a number with three digits that count, and its thousands apart."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):,.10g}"


def finding_words(rule: AlertRule, value: float | None, cause: Cause, gateways: str = "") -> str:
    """Return what was found of one group: its figure, or why there is none."""
    if cause is Cause.NO_DATA:
        return f"no data: {gateways or 'a bridge'} is not heard, or is behind"
    if cause is Cause.NO_TRAFFIC:
        return f"no traffic in {rule.window.words}"
    if rule.against_week and value is not None:
        return f"{rounded(abs(value) * 100)} % {'more' if value >= 0 else 'less'} than a week before"
    return figure_words(rule, value)


def group_words(group: Mapping[str, Any]) -> str:
    """Return the values of a group: "Orders"; with several fields "API Orders, application Shop"."""
    if len(group) == 1:
        ((name, value),) = group.items()
        return f"no {field_words(name)}" if value is None else _plain(value)
    return ", ".join(
        f"{field_words(name)} {'none' if value is None else _plain(value)}" for name, value in group.items()
    )


def filter_words(one: CallFilter) -> str:
    """Return a filter: "API is Orders or Payments"."""
    tests = " and ".join(_test_words(test) for test in one.tests)
    return f"{field_words(one.field.name)} {tests}"


def _test_words(test: Test) -> str:
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    shown = ["none" if value is None else _plain(value) for value in values[:_MOST_SHOWN]]
    if len(values) > _MOST_SHOWN:
        shown.append(f"{len(values) - _MOST_SHOWN} more")
    return f"{_TESTS[test.name]} {' or '.join(shown)}"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

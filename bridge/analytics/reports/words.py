"""Figures of reports in words: with their units, and what has changed."""

from typing import Any, Final

from bridge.analytics.alerts.words import rounded

NAMES: Final = {
    "calls": "Calls",
    "errors": "Errors",
    "error_rate": "Error rate",
    "throttled": "Throttled",
    "users": "Users",
    "applications": "Applications",
    "latency_p50": "Median latency",
    "latency_p95": "p95 latency",
    "backend_latency_p95": "p95 of the backend",
    "response_bytes": "Bytes sent",
    "ai_total_tokens": "AI tokens",
    "ai_prompt_tokens": "of prompts",
    "ai_completion_tokens": "of answers",
    "api": "API",
    "application": "Application",
    "user": "User",
    "status": "Status",
    "error_type": "Kind",
    "error_code": "Code",
    "method": "Method",
    "resource": "Resource",
    "ai_vendor": "Vendor",
    "ai_model": "Model",
    "previous": "before",
}
NONE: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"
_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def said(value: Any, unit: str) -> str:
    """Return a figure with its unit."""
    if value is None:
        return NONE
    if unit == "fraction":
        return f"{rounded(value * 100)} %"
    if unit == "ms":
        return f"{rounded(value)} ms" if value < 10_000 else f"{rounded(value / 1000)} s"
    if unit == "bytes":
        power = 0
        while value >= 1024 and power < len(_BYTES) - 1:
            value, power = value / 1024, power + 1
        return f"{rounded(value)} {_BYTES[power]}"
    return f"{value:,.0f}"


def changed(value: Any, before: Any, unit: str) -> str:
    """Return how a figure has changed: shares by points, all others by a share of what was before."""
    if value is None or before is None:
        if before is not None:
            return "gone"
        return NONE if value is None else "new"
    if unit == "fraction":
        return _signed((value - before) * 100, "points")
    if not before:
        return "new" if value else NONE
    return _signed((value - before) / before * 100, "%")


def _signed(change: float, unit: str) -> str:
    shown = f"{abs(change):,.1f}" if abs(change) < 100 else f"{abs(change):,.0f}"
    if not float(shown.replace(",", "")):
        return "no change"
    return f"{'+' if change > 0 else _MINUS}{shown} {unit}"

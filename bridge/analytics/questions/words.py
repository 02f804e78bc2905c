"""What was meant by a word of a question that is on none of the fixed lists."""

import difflib
from collections.abc import Collection, Mapping
from typing import Final, TypeVar

from bridge.errors import Unanswerable

_T = TypeVar("_T")
_MOST_SHOWN: Final = 60

# What others call it.
_OTHERS: Final = {
    "requests": "calls",
    "count": "calls",
    "hits": "calls",
    "failures": "errors",
    "endpoint": "resource",
    "route": "resource",
    "client": "application",
    "app": "application",
    "consumer": "application",
    "status_code": "status",
    "http_method": "method",
    "model": "ai_model",
    "bytes": "response_bytes",
    "traffic": "response_bytes",
    "tokens": "ai_total_tokens",
    "platform": "os",
    "organization": "company",
    "organisation": "company",
    "p95": "latency_p95",
    "latency": "latency_avg",
    "median": "latency_p50",
}


def known(name: object, among: Mapping[str, _T], what: str, field: str) -> _T:
    """Return what a name stands for; raises Unanswerable with the nearest one that is known."""
    return among[one_of(name, among, what, field)]


def one_of(name: object, among: Collection[str], what: str, field: str) -> str:
    """Return a name that is one of those known; raises Unanswerable with the nearest one."""
    if isinstance(name, str) and name in among:
        return name
    text = str(name)[:_MOST_SHOWN]
    close = nearest(text, among)
    cure = f'did you mean "{close}"?' if close else f"known are: {', '.join(among)}"
    raise Unanswerable(f'{field}: unknown {what} "{text}"', cure, field=field, nearest=close)


def nearest(text: str, among: Collection[str]) -> str:
    """Return the known name that is most like a text; empty if none is."""
    plain = text.lower().replace("-", "_").replace(" ", "_")
    if (other := _OTHERS.get(plain)) in among:
        return str(other)
    by_plain = {name.lower(): name for name in among}
    close = difflib.get_close_matches(plain, by_plain, n=1)
    return by_plain[close[0]] if close else ""

"""Bridges that are not heard, or that are behind: what they would have sent is no traffic that was not there."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.events.times import parse_ms

HEARD_MS: Final = 120_000
"""A bridge gives its account every ten seconds; after so long without, it is not heard."""
BEHIND_MS: Final = 60_000
"""So much of a window may be on its way."""
FORGOTTEN_MS: Final = 86_400_000
"""Who was not heard for so long is gone for good."""


def not_heard(
    accounts: Iterable[tuple[str, str, int, Mapping[str, Any]]], end_ms: int, now_ms: int
) -> dict[str, int]:
    """Return the bridges whose events of a window may be missing, with when they were heard last.

    `accounts`: name, machine, when it was heard and what it said, of each sender; one that has moved to another machine
    is heard from there.
    """
    last: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for name, _, seen_ms, account in accounts:
        if name not in last or last[name][0] < seen_ms:
            last[name] = (seen_ms, account)
    return {
        name: seen_ms
        for name, (seen_ms, account) in last.items()
        if now_ms - seen_ms < FORGOTTEN_MS
        and (now_ms - seen_ms > HEARD_MS or _settled_ms(account, end_ms) < end_ms - BEHIND_MS)
    }


def _settled_ms(account: Mapping[str, Any], unknown: int) -> int:
    """Return up to when a bridge has sent here what it received, in ms."""
    sinks, own = account.get("sinks"), account.get("sink")
    sink = sinks.get(own) if isinstance(sinks, dict) and isinstance(own, str) else None
    settled = sink.get("settled_before") if isinstance(sink, dict) else None
    settled_ms = parse_ms(settled) if isinstance(settled, str) else None
    return unknown if settled_ms is None else settled_ms

"""The sampling rates of each key, asked of Moesif and kept: `GET /v1/config`.

Asked before the first batch, when an answer to events names another configuration (X-Moesif-Config-ETag), and
after each interval. As long as Moesif does not tell, the last good rates hold, also across restarts: what was
told is the sink's state, committed with its cursor.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from bridge.contracts import Clock
from bridge.errors import SinkError
from bridge.sinks.moesif.happenings import MoesifHappenings
from bridge.sinks.moesif.sampling import Rates, read_rates
from bridge.transports.http.post import Reply

ETAG: Final = "X-Moesif-Config-ETag"

# Batches wait for the answer, and must not wait for long.
_ASK_SECONDS: Final = 5
# Never ask more often than this.
_SOONEST_SECONDS: Final = 5
_NOT_MODIFIED: Final = 304
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


Ask = Callable[[str, Mapping[str, str]], Awaitable[Reply]]
"""Asks Moesif for the configuration of a tenant's key, with further headers; raises SinkError."""


@dataclass(slots=True)
class _Known:
    """What is known for one key."""

    rates: Rates
    config: Any = None
    """As Moesif gave it; None if it never did."""
    etag: str = ""
    seen: str = ""
    """The configuration that the last answer to events named."""
    settled: str = ""
    """`seen` when Moesif was asked last: naming it again is nothing new."""
    asked_at: float = float("-inf")
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveRates:
    """The rates of every key, by the name of its tenant."""

    def __init__(
        self,
        ask: Ask,
        happenings: MoesifHappenings,
        clock: Clock,
        *,
        fallback_rate: float,
        refresh_seconds: float,
    ) -> None:
        """`fallback_rate`, in percent, applies until Moesif gives one."""
        self._ask = ask
        self._happenings = happenings
        self._fallback = Rates(fallback_rate)
        self._refresh_seconds = refresh_seconds
        self._soonest_seconds = min(_SOONEST_SECONDS, refresh_seconds)
        self._now = clock.monotonic
        self._tenants: dict[str, _Known] = {}
        self._state: bytes | None = None
        self._saved: bytes | None = None

    def restore(self, state: bytes | None) -> None:
        """Begin with what was committed last; newer answers of Moesif win, and are committed again."""
        self._saved = state
        if state is None or self._state is not None:
            return
        try:
            kept = msgspec.json.decode(state, type=dict[str, tuple[str, Any]])
            self._tenants |= {
                name: _Known(read_rates(config), config, etag) for name, (etag, config) in kept.items()
            }
        except _UNREADABLE:
            # Of another release: Moesif is asked anyhow.
            return
        self._state = state

    def unsaved(self) -> bytes | None:
        """Return the state if it is not the one that was saved last, and count it as saved."""
        if self._state == self._saved:
            return None
        self._saved = self._state
        return self._state

    def named(self, tenant: str, etag: str | None) -> None:
        """Note which configuration an answer to events named."""
        if etag and (known := self._tenants.get(tenant)) is not None:
            known.seen = etag

    async def of(self, tenant: str) -> Rates:
        """Return the rates of a key; asks Moesif first when that is due, and never raises for its answer."""
        known = self._tenants.setdefault(tenant, _Known(self._fallback))
        # A caller that comes while the answer is under way waits for it, too.
        if known.asking.locked() or self._is_due(known):
            async with known.asking:
                if self._is_due(known):
                    await self._refresh(tenant, known)
        return known.rates

    def _is_due(self, known: _Known) -> bool:
        age = self._now() - known.asked_at
        news = known.seen not in (known.etag, known.settled)
        return age >= (self._soonest_seconds if news else self._refresh_seconds)

    async def _refresh(self, tenant: str, known: _Known) -> None:
        # Whatever the outcome, the next question is an interval later.
        known.asked_at, known.settled = self._now(), known.seen
        headers = {"If-None-Match": known.etag} if known.etag else {}
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                answer = await self._ask(tenant, headers)
            config = msgspec.json.decode(answer.body)
            rates = read_rates(config)
        except (SinkError, TimeoutError, *_UNREADABLE) as error:
            if getattr(error, "status", None) != _NOT_MODIFIED:
                self._happenings.rates_kept(tenant, error)
            return
        known.etag = answer.headers.get(ETAG) or answer.headers.get("ETag") or ""
        if config != known.config:
            known.config, known.rates = config, rates
            special = len(rates.users) + len(rates.companies) + len(rates.patterns)
            self._happenings.rates_changed(tenant, rates.everyone, special)
            self._state = msgspec.json.encode(
                {
                    name: (one.etag, one.config)
                    for name, one in self._tenants.items()
                    if one.config is not None
                }
            )

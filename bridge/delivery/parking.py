"""Tenants whose key is refused: their events wait in the dead-letter table, and go out when it works again.

A refused tenant costs the lane only a small request now and then. All other events for its addresses are parked
without a request; the events of all other tenants go on (P6).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.contracts import Clock
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.replays import Replays
from bridge.errors import TenantRefused
from bridge.journal import Selection

_FIRST_PROBE_SECONDS: Final = 60.0
_LONGEST_PROBE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """What is wrong with a tenant's key: why its events are parked."""

    tenant: str
    status: int | None
    message: str
    """With the cure."""


@dataclass(slots=True)
class _Tenant:
    """A tenant with parked events, or whose key was refused a moment ago."""

    due: float
    """When it is tried again."""
    wait: float = _FIRST_PROBE_SECONDS
    """How long to wait before the next try, if it is refused then."""
    works: bool = False
    """Whether the destination has taken any of its events since it was last refused."""
    said: bool = False
    """Whether the log already says that the key is refused."""
    parked: int = 0
    """Commits that parked events of it."""
    addresses: set[str] = field(default_factory=set)


class Parking:
    """Knows which tenants of one lane are refused, and tries each of them at its own time."""

    def __init__(self, clock: Clock, happenings: DeliveryHappenings) -> None:
        self._clock = clock
        self._happenings = happenings
        self._tenants: dict[str, _Tenant] = {}
        self._troubles: dict[str, KeyTrouble] = {}
        """By address."""
        self._changed = asyncio.Event()

    def begin(self, tenants: Iterable[str]) -> None:
        """Start again with the tenants that have parked events; try them at once, because their key may be new."""
        self._troubles.clear()
        self._tenants = {tenant: _Tenant(self._clock.monotonic()) for tenant in tenants}

    def trouble(self, address: str) -> KeyTrouble | None:
        """Return why nothing is sent to an address, None when it may be tried."""
        return self._troubles.get(address)

    def refused(self, error: TenantRefused, address: str | None = None) -> KeyTrouble:
        """Note that a tenant's key was refused for all of an address, or, None, for single events."""
        tenant = self._known(error.tenant)
        if tenant.works:
            tenant.works, tenant.wait = False, _FIRST_PROBE_SECONDS
        if not tenant.said:
            tenant.said = True
            self._happenings.tenant_parked(error)
        trouble = KeyTrouble(error.tenant, error.status, str(error))
        if address is not None:
            tenant.addresses.add(address)
            self._troubles[address] = trouble
        return trouble

    def parked(self, tenants: Iterable[str]) -> None:
        """Note that events of these tenants are in the table now."""
        for tenant in tenants:
            self._known(tenant).parked += 1

    def wake(self) -> None:
        """Try every tenant now."""
        for tenant in self._tenants.values():
            tenant.due = self._clock.monotonic()
        self._changed.set()

    async def run(self, replays: Replays) -> None:
        """Try tenants when they are due, and send what is parked of those whose key works, until cancelled."""
        while True:
            # The tenant that has waited longest comes first, so that no backlog blocks the others.
            name = min(self._tenants, key=lambda name: self._tenants[name].due, default=None)
            due = self._tenants[name].due if name is not None else float("inf")
            if name is None or due > self._clock.monotonic():
                await self._wait_until(due)
            else:
                await self._try(name, replays)

    async def _try(self, name: str, replays: Replays) -> None:
        tenant = self._tenants[name]
        parked = tenant.parked
        selection = Selection(tenant=name)
        sent = await (replays.page(selection) if tenant.works else replays.page(selection, most=1))
        tenant.due = self._clock.monotonic()
        if sent is None:
            # Unless new ones were parked while the table was read.
            if tenant.parked == parked:
                self._open(tenant)
                del self._tenants[name]
            return
        _, result = sent
        if result.parked:
            tenant.due += tenant.wait
            tenant.wait = min(2 * tenant.wait, _LONGEST_PROBE_SECONDS)
        elif result.delivered > result.sampled_out and not tenant.works:
            tenant.works, tenant.said = True, False
            self._open(tenant)
            self._happenings.tenant_works(name)

    async def _wait_until(self, due: float) -> None:
        self._changed.clear()
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._changed.wait())}
        if due != float("inf"):
            waits.add(asyncio.create_task(self._clock.sleep(due - self._clock.monotonic())))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _known(self, name: str) -> _Tenant:
        tenant = self._tenants.get(name)
        if tenant is None:
            due = self._clock.monotonic() + _FIRST_PROBE_SECONDS
            tenant = self._tenants[name] = _Tenant(due, wait=2 * _FIRST_PROBE_SECONDS)
            self._changed.set()
        return tenant

    def _open(self, tenant: _Tenant) -> None:
        for address in tenant.addresses:
            self._troubles.pop(address, None)
        tenant.addresses.clear()

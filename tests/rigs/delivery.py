"""Sinks for a rig's lanes: to the Moesif look-alike, with one key or one for each tenant."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fakes.destinations import fittings
from pydantic import SecretStr
from rigs.rig import Rig

from bridge.batches import Batch
from bridge.contracts import Payload, Traits
from bridge.delivery.lane import Lane
from bridge.demo.moesif_lookalike import KEY, MoesifLookalike
from bridge.errors import NeedsOperator, TenantRefused
from bridge.events.event import Event
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink


def moesif_settings(moesif: MoesifLookalike, **changes: Any) -> MoesifSettings:
    """Return settings for a lane to the look-alike that does not wait for company."""
    defaults: dict[str, Any] = {"key": KEY, "base_url": moesif.url, "linger": 0, "request_timeout": 10}
    return MoesifSettings(type="moesif", **(defaults | changes))


def start_moesif(rig: Rig, moesif: MoesifLookalike, name: str = "moesif", **changes: Any) -> Lane:
    """Run a lane to the look-alike."""
    settings = moesif_settings(moesif, **changes)
    return rig.start(MoesifSink(name, settings, fittings()), settings)


def key_of(tenant: str) -> str:
    """Return a tenant's own Moesif key."""
    return f"key-of-{tenant}".ljust(60, "0")


class TenantsSink:
    """To the look-alike, with a key for each tenant: the event's `apiCreatorTenantDomain` is its address."""

    def __init__(self, moesif: MoesifLookalike, **changes: Any) -> None:
        self.name = "moesif"
        self.destination = moesif.url
        self.traits = Traits(addresses=self.addresses)
        self.settings = moesif_settings(moesif, **changes)
        self.keeps: Callable[[Event], bool] = lambda _event: True
        """Its sampling."""
        self.encoded: list[list[str]] = []
        """The addresses of each batch that it has encoded."""
        self.sent: list[str] = []
        """The address of each payload that it was given to send."""
        self._sinks: dict[str, MoesifSink] = {}

    async def start(self, _state: bytes | None) -> None:
        """Nothing to prepare."""

    def addresses(self, batch: Batch) -> list[str]:
        """Return the tenants; an event without one cannot be addressed."""
        return [_tenant(event) for event in batch.events()]

    async def encode(self, batch: Batch) -> Payload:
        """Map what its sampling keeps."""
        addresses = self.addresses(batch)
        self.encoded.append(addresses)
        kept = [index for index, event in enumerate(batch.events()) if self.keeps(event)]
        if not kept:
            return Payload(b"", 0, 0, range(len(batch)), addresses[0])
        chosen = Batch(
            [batch.ids[index] for index in kept],
            [batch.bodies[index] for index in kept],
            [batch.received_ms[index] for index in kept],
        )
        payload = await self._sink(addresses[0]).encode(chosen)
        left_out = [index for index in range(len(batch)) if index not in kept]
        return replace(payload, left_out=left_out, address=addresses[0])

    async def send(self, payload: Payload) -> None:
        """POST it with the tenant's key."""
        self.sent.append(payload.address)
        try:
            # Each of these sinks has one key, and knows of no address.
            await self._sink(payload.address).send(replace(payload, address=""))
        except NeedsOperator as error:
            message = f"the key of {payload.address} is refused; set it in [keys]"
            raise TenantRefused(
                message, tenant=payload.address, status=error.status, answer=error.answer
            ) from error

    async def probe(self) -> str:
        """Nobody asks."""
        return ""

    async def close(self) -> None:
        """Close all connections."""
        for sink in self._sinks.values():
            await sink.close()

    def _sink(self, tenant: str) -> MoesifSink:
        if tenant not in self._sinks:
            settings = self.settings.model_copy(update={"key": SecretStr(key_of(tenant))})
            self._sinks[tenant] = MoesifSink("moesif", settings, fittings())
        return self._sinks[tenant]


def _tenant(event: Event) -> str:
    if event.apiCreatorTenantDomain is None:
        raise LookupError("no tenant")
    return event.apiCreatorTenantDomain

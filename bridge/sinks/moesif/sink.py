"""The `moesif` sink: events in Moesif's schema, POSTed to its collector API in batches.

Limits and answers: Moesif/apidocs, collector-api/_events-api.md and _errors.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from yarl import URL

from bridge.batches import WARM_EVENTS, Batch
from bridge.contracts import Payload, Traits
from bridge.errors import NeedsOperator, TenantRefused
from bridge.events.event import Event
from bridge.events.origin import RECORD, RECORD_PATHS, any_record, is_record, origin_of
from bridge.events.sentinels import real
from bridge.formats.moesif.mapping import moesif_form
from bridge.sinks import SinkFittings
from bridge.sinks.moesif.happenings import MoesifHappenings
from bridge.sinks.moesif.profiles import Profiles
from bridge.sinks.moesif.rates import ETAG, LiveRates
from bridge.sinks.moesif.sampling import Form, Rates, sampled
from bridge.sinks.moesif.settings import DEFAULT_TENANT, MoesifSettings
from bridge.transports.gzipped_array import GzippedArray
from bridge.transports.http.post import Poster, Reply

__all__ = ["MoesifSettings", "MoesifSink"]

_EVENTS_PATH: Final = "/v1/events/batch"
_NO_PATH: Final = "/?"
_KEY_HEADER: Final = "X-Moesif-Application-Id"
# Who is meant where an event names no tenant, or the key is the one for all others.
_NAMELESS: Final = "default"
# 407 comes from a proxy, and no other key would get past it.
_OF_ONE_KEY: Final = frozenset({401, 402, 403})
# Older events are refused unless Moesif enables backfill (Moesif/apidocs, _errors.md, "Late Events").
_MOST_AGE_SECONDS: Final = 30 * 86400
# A configuration may name each user and company.
_CONFIG_BYTES: Final = 16 * 2**20


class MoesifSink:
    """POSTs events to `/v1/events/batch`, and records to where they would have gone without the bridge.

    An address is a tenant's name, DEFAULT_TENANT for all who have no key of their own; for records it is
    their path and the tenant's name.
    """

    def __init__(self, name: str, settings: MoesifSettings, fittings: SinkFittings) -> None:
        self.name = name
        self.destination = settings.base_url
        self._gateway = fittings.gateway
        self._keys = settings.keys_by_tenant
        self._has_tenants = bool(settings.keys)
        self._encode = msgspec.json.Encoder().encode
        self._array = GzippedArray()
        self._config_url = URL(f"{settings.base_url}/v1/config")
        paths = (_EVENTS_PATH, *(f"{path}/batch" for path in RECORD_PATHS))
        self._urls = {path: URL(settings.base_url + path) for path in paths}
        self._poster = Poster(
            f"{settings.base_url}{_EVENTS_PATH}",
            {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"},
            settings,
            sink=name,
            logger=fittings.logger,
            # Neither rates nor profiles take one from events.
            spare_connections=2,
            cure=f"moesifKey and moesif_base_url in [apim.analytics.properties], or [bridge.sinks.{name}]",
        )
        happenings = MoesifHappenings(fittings.metrics, fittings.logger, name, fittings.clock)
        self._precedence = settings.sampling_precedence
        self._rates: LiveRates | None = None
        if settings.sampling_enabled:
            self._rates = LiveRates(
                self._ask,
                happenings,
                fittings.clock,
                fallback_rate=settings.sampling_fallback_rate,
                refresh_seconds=settings.sampling_refresh_interval_ms / 1000,
            )
        self._profiles: Profiles | None = None
        if fittings.gateway.publishes_profiles:
            self._profiles = Profiles(self._post, happenings, fittings.clock)
        # Rates, profiles and tenants' keys go by more than the event.
        alone = not (self._rates or self._profiles or self._has_tenants)
        self.traits = Traits(
            max_event_age_seconds=_MOST_AGE_SECONDS,
            takes_records=True,
            mapper=self._elements if alone else None,
            addresses=self._addresses,
        )

    async def start(self, state: bytes | None) -> None:
        """Restore the last sampling rates; connections are made when they are needed."""
        if self._rates is not None:
            self._rates.restore(state)

    async def encode(self, batch: Batch) -> Payload:
        """Return the batch, whose events have one address, as a JSON array; that of events is gzipped."""
        (address, *_) = self._addresses(batch.part(0, 1)) or (DEFAULT_TENANT,)
        path, tenant = _place(address)
        if path != _EVENTS_PATH:
            if path == _NO_PATH:
                raise ValueError("a record of no collection that Moesif has")
            body = self._encode([_record(event) for event in batch.events()])
            return Payload(body, len(body), len(batch), address=address)
        if batch.mapped:
            elements, left_out = batch.mapped, list[int]()
        else:
            rates = await self._rates.of(tenant) if self._rates is not None and tenant in self._keys else None
            elements, left_out = self._map(batch, tenant, rates)
        body = await self._array.gzipped(elements)
        return Payload(body, len(body), len(batch) - len(left_out), left_out, address)

    def _addresses(self, batch: Batch) -> Sequence[str] | None:
        """Return where each event goes; None quickly for events of one key only."""
        # What is mapped holds no record.
        if not self._has_tenants and (batch.mapped or not any_record(batch.bodies)):
            return None
        return [self._address(*both) for both in zip(batch.bodies, batch.events(), strict=True)]

    def _elements(self, events: Sequence[Event], ids: Sequence[str], received_ms: int) -> bytes:
        """Return events in Moesif's schema as elements of an array, with commas between them."""
        return self._encode(self._forms(events, ids, [received_ms] * len(ids)))[1:-1]

    def _forms(self, events: Iterable[Event], ids: Sequence[str], received_ms: Sequence[int]) -> list[Form]:
        gateway = self._gateway
        return [
            moesif_form(event, name, ms, gateway)
            for event, name, ms in zip(events, ids, received_ms, strict=True)
        ]

    def _map(self, batch: Batch, tenant: str, rates: Rates | None) -> tuple[Sequence[bytes], list[int]]:
        """Return the events as `_elements` does, WARM_EVENTS at a time, and which of them sampling leaves out.

        A few at a time are decoded, mapped, encoded and let go of, so that they stay in the processor's cache.
        """
        profiles = self._profiles if tenant in self._keys else None
        elements: list[bytes] = []
        left_out: list[int] = []
        for start in range(0, len(batch), WARM_EVENTS):
            part = batch.part(start, start + WARM_EVENTS)
            forms = self._forms(part.events(), part.ids, part.received_ms)
            if profiles is not None:
                profiles.note(tenant, forms, part.events())
            if rates is not None:
                drawn = sampled(forms, part.ids, rates, self._precedence)
                left_out += [start + index for index, form in enumerate(drawn) if form is None]
                forms = [form for form in drawn if form is not None]
            if forms:
                elements.append(self._encode(forms)[1:-1])
        return elements, left_out

    async def send(self, payload: Payload) -> bytes | None:
        """POST it; any 2xx is success, Moesif has no answer for single events.

        Returns the sampling rates when they are not those that were committed last.
        """
        path, tenant = _place(payload.address)
        answer = await self._post(path, tenant, payload.body)
        if self._rates is None:
            return None
        self._rates.named(tenant, answer.headers.get(ETAG))
        return self._rates.unsaved()

    async def probe(self) -> str:
        """Ask for the sampling configuration of each key, which changes nothing."""
        refused: list[str] = []
        for tenant in self._keys:
            try:
                await self._ask(tenant, {})
            except TenantRefused as error:
                refused.append(str(error))
        if refused:
            raise NeedsOperator("; ".join(refused), reason="credentials")
        keys = len(self._keys)
        return "reachable, the key is accepted" if keys == 1 else f"reachable, all {keys} keys are accepted"

    async def close(self) -> None:
        """Stop publishing and close all connections."""
        if self._profiles is not None:
            await self._profiles.close()
        await self._poster.close()

    def _address(self, body: bytes, event: Event) -> str:
        if not is_record(body):
            return self._tenant(event) if self._has_tenants else DEFAULT_TENANT
        path = (origin_of(event) or {}).get("path")
        return f"{path}/batch {self._tenant(event)}" if path in RECORD_PATHS else _NO_PATH

    def _tenant(self, event: Event) -> str:
        """Return whose key this event goes out with.

        That of the organisation or tenant that the API belongs to, as WSO2's multi-tenant publisher has it
        (`MoesifKeyRetriever`); the caller's tenant may be another one. For what an SDK sent, that of the key
        that it came with. Without a key for any of them it is the default's, if there is one.
        """
        sent = (origin_of(event) or {}).get("tenant")
        names = [real(event.organizationId), real(event.apiCreatorTenantDomain), sent]
        # No tenant's name begins like the path in a record's address.
        known = [name for name in names if isinstance(name, str) and name and not name.startswith("/")]
        for name in known:
            if name in self._keys:
                return name
        return DEFAULT_TENANT if DEFAULT_TENANT in self._keys or not known else known[0]

    async def _ask(self, tenant: str, headers: Mapping[str, str]) -> Reply:
        with self._key_of(tenant) as key:
            return await self._poster.ask(
                "GET", self._config_url, {_KEY_HEADER: key, **headers}, most_bytes=_CONFIG_BYTES
            )

    async def _post(self, path: str, tenant: str, body: bytes) -> Reply:
        with self._key_of(tenant) as key:
            headers = {_KEY_HEADER: key}
            # Compression is documented for events alone.
            if path == _EVENTS_PATH:
                headers["Content-Encoding"] = "gzip"
            return await self._poster.post(body, self._urls[path], headers)

    @contextmanager
    def _key_of(self, tenant: str) -> Iterator[str]:
        """Yield a tenant's key; if there are several, its refusal does not hold up other tenants' events."""
        key = self._keys.get(tenant)
        if key is None:
            whose = f'tenant "{tenant}"' if tenant else "events that name no tenant"
            raise TenantRefused(
                f"there is no key for {whose}; {self._cure(tenant)}", tenant=tenant or _NAMELESS
            )
        try:
            yield key
        except NeedsOperator as error:
            if not self._has_tenants or error.status not in _OF_ONE_KEY:
                raise
            whose = f'of tenant "{tenant}"' if tenant else "of all tenants without one of their own"
            raise TenantRefused(
                f"the destination answered {error.status} to the key {whose}; {self._cure(tenant)}",
                tenant=tenant or _NAMELESS,
                status=error.status,
                answer=error.answer,
            ) from error

    def _cure(self, tenant: str) -> str:
        table = f"[bridge.sinks.{self.name}"
        if tenant:
            return f'set "{tenant}" in {table}.keys]'
        return f"set moesifKey in [apim.analytics.properties] or key in {table}]"


def _place(address: str) -> tuple[str, str]:
    """Return path and tenant of an address."""
    if not address.startswith("/"):
        return _EVENTS_PATH, address
    path, _, tenant = address.partition(" ")
    return path, tenant


def _record(event: Event) -> Any:
    return (origin_of(event) or {}).get(RECORD)

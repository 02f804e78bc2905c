"""The `moesif` sink: events in Moesif's schema, POSTed to its collector API in batches.

Limits and answers: Moesif/apidocs, collector-api/_events-api.md and _errors.md.
"""

import asyncio
from typing import ClassVar, Final

import msgspec
from isal import igzip
from pydantic import Field, SecretStr, field_validator
from yarl import URL

from bridge.contracts import Batch, Gateway, Payload
from bridge.settings import HttpSinkSettings, Size, Url
from bridge.shaping.to_moesif import moesif_form
from bridge.sinks.http_post import Poster

_GZIP_LEVEL: Final = 1
# Moesif takes 50 MB before compression; its own form of an event is up to a third larger than WSO2's.
_MAX_BATCH_BYTES: Final = 32 * 2**20


class MoesifSettings(HttpSinkSettings):
    """Settings of a `type = "moesif"` sink."""

    WSO2_KEYS: ClassVar[dict[str, str]] = {"moesifKey": "key", "moesif_base_url": "base_url"}

    key: SecretStr = Field(
        description="Moesif's Collector Application Id; usually moesifKey in [apim.analytics.properties].",
        json_schema_extra={"sample": "$env{MOESIF_KEY}"},
    )
    base_url: Url = Field(
        "https://api.moesif.net",
        description="Moesif's collector, or a proxy before it; overrides moesif_base_url.",
    )
    batch_max_bytes: Size = Field(
        4 * 2**20, gt=0, le=_MAX_BATCH_BYTES, description="Most bytes of events in a batch."
    )

    @field_validator("base_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if URL(value).raw_user is not None or URL(value).raw_password is not None:
            raise ValueError("base_url holds a user or password; Moesif knows only the key")
        return value.removesuffix("/v1").rstrip("/")


class MoesifSink:
    """POSTs batches to `/v1/events/batch`."""

    ordered = False
    # Older ones are refused unless Moesif enables backfill (Moesif/apidocs, _errors.md, "Late Events").
    max_event_age_seconds: float | None = 30 * 86400
    takes_records = True

    def __init__(self, name: str, settings: MoesifSettings, gateway: Gateway) -> None:
        self.name = name
        self.destination = settings.base_url
        self._gateway = gateway
        self._config_url = URL(f"{settings.base_url}/v1/config")
        self._encode = msgspec.json.Encoder().encode
        self._poster = Poster(
            f"{settings.base_url}/v1/events/batch",
            {
                "X-Moesif-Application-Id": settings.key.get_secret_value(),
                "Content-Type": "application/json; charset=utf-8",
                "Content-Encoding": "gzip",
                "Accept": "application/json",
            },
            settings,
            sink=name,
            cure=f"moesifKey and moesif_base_url in [apim.analytics.properties], or [bridge.sinks.{name}]",
        )

    async def start(self, state: bytes | None) -> None:
        """Nothing to prepare: connections are made when they are needed."""

    def addresses(self, batch: Batch) -> None:
        """One address for all."""

    async def encode(self, batch: Batch) -> Payload:
        """Return the batch as a gzipped JSON array."""
        gateway = self._gateway
        body = self._encode(
            [
                moesif_form(event, event_id, received_ms, gateway)
                for event, event_id, received_ms in zip(
                    batch.events, batch.ids, batch.received_ms, strict=True
                )
            ]
        )
        return Payload(await asyncio.to_thread(igzip.compress, body, _GZIP_LEVEL), len(batch))

    async def send(self, payload: Payload) -> None:
        """POST it; any 2xx is success, Moesif has no answer for single events."""
        await self._poster.post(payload.body)

    async def probe(self) -> str:
        """Ask for the sampling configuration, which needs a valid key and changes nothing."""
        await self._poster.ask("GET", self._config_url)
        return "reachable, the key is accepted"

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()

"""The `analytics` sink: every event into the store that the dashboard shows, on this machine or elsewhere."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec
from isal import igzip
from multidict import CIMultiDict
from pydantic import Field, SecretStr, model_validator
from yarl import URL

from bridge.batches import Batch
from bridge.contracts import Payload, Traits
from bridge.formats.canonical import tagged
from bridge.settings import HttpSinkSettings
from bridge.settings.analytics import missing_extra
from bridge.sinks import SinkFittings, SinkType
from bridge.transports.http.post import Poster

_GZIP_LEVEL: Final = 1


class AnalyticsSinkSettings(HttpSinkSettings):
    """Settings of a `type = "analytics"` sink."""

    url: str | None = Field(
        None,
        description="The analytics process that takes the events, if it runs elsewhere.",
        json_schema_extra={
            "sample": "http://analytics.example.com:9882",
            "default": "one that `run` starts, as [bridge.analytics] says",
        },
    )
    token: SecretStr | None = Field(
        None,
        description="Sent as `Authorization: Bearer …`; its scope is `ingest`.",
        json_schema_extra={"sample": "$secret{analytics_token}"},
    )

    @property
    def starts_analytics(self) -> bool:
        """Whether the daemon runs the analytics process for it."""
        return self.url is None

    @model_validator(mode="after")
    def _check(self) -> Self:
        url = URL(self.url or "http://localhost")
        if url.scheme not in {"http", "https"} or not url.host or url.query or url.path not in {"", "/"}:
            raise ValueError(
                'url is not the address of an analytics process; write it like "http://host:9882"'
            )
        if self.starts_analytics and (fault := missing_extra()):
            raise ValueError(f"{fault}, or set url")
        return self


class AnalyticsSink:
    """POSTs canonical events to an analytics process, which keeps each once, by its id (P5)."""

    # One batch at a time: the store commits one at a time, and events come in the order of their calls.
    traits = Traits(ordered=True, takes_records=True)

    def __init__(self, name: str, settings: AnalyticsSinkSettings, fittings: SinkFittings) -> None:
        self.name = name
        self._instance = fittings.gateway.instance
        self._url = URL(settings.url or fittings.analytics_url)
        self.destination = str(self._url)
        headers = CIMultiDict({"Content-Type": "application/json", "Content-Encoding": "gzip"})
        if settings.token is not None:
            headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        self._poster = Poster(
            str(self._url / "ingest"),
            headers,
            settings,
            sink=name,
            logger=fittings.logger,
            cure=f"url and token in [bridge.sinks.{name}]",
            spare_connections=1,
        )

    async def start(self, state: bytes | None) -> None:
        """Nothing to prepare: connections are made when they are needed."""

    async def encode(self, batch: Batch) -> Payload:
        """Return the batch as an array."""
        plain = b"[" + b",".join(tagged(batch, self._instance)) + b"]"
        body = await asyncio.to_thread(igzip.compress, plain, _GZIP_LEVEL)
        return Payload(body, len(body), len(batch))

    async def send(self, payload: Payload) -> None:
        """POST it; the answer comes when all of it is in the store."""
        await self._poster.post(payload.body)

    async def account(self, account: Mapping[str, Any]) -> None:
        """POST what the bridge says of itself."""
        body = igzip.compress(msgspec.json.encode(account), _GZIP_LEVEL)
        await self._poster.post(body, self._url / "account")

    async def probe(self) -> str:
        """Ask for its health."""
        await self._poster.ask("GET", self._url / "health")
        return "reachable"

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()


SINK: Final = SinkType(AnalyticsSinkSettings, AnalyticsSink)

"""The `http` sink: canonical events as a JSON array or newline-delimited JSON to any URL."""

import asyncio
import base64
from typing import Final, Literal, Self

from isal import igzip
from multidict import CIMultiDict
from pydantic import Field, SecretStr, model_validator
from yarl import URL

from bridge.batches import Batch
from bridge.contracts import Payload, Traits
from bridge.errors import SinkError
from bridge.formats.canonical import lines, tagged
from bridge.settings import HttpSinkSettings
from bridge.sinks import SinkFittings, SinkType
from bridge.transports.http.post import Poster

_GZIP_LEVEL: Final = 1


class HttpSettings(HttpSinkSettings):
    """Settings of a `type = "http"` sink."""

    # Some URLs hold a key in their query.
    url: SecretStr = Field(
        description="URL that batches are POSTed to.",
        json_schema_extra={"sample": "https://events.example.com/ingest"},
    )
    format: Literal["json", "ndjson"] = Field("json", description="A JSON array, or newline-delimited JSON.")
    compression: Literal["none", "gzip"] = Field("none", description="Content-Encoding of the body.")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="More request headers; values may be secrets."
    )
    bearer_token: SecretStr | None = Field(None, description="Sent as `Authorization: Bearer …`.")
    username: str | None = Field(None, description="User for basic authentication.")
    password: SecretStr | None = Field(None, description="Password for basic authentication.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        url = URL(self.url.get_secret_value())
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError('url is not a URL; write it like "https://host/path"')
        if url.raw_user is not None or url.raw_password is not None:
            raise ValueError("url holds a user or password; use the keys username and password")
        if self.bearer_token and self.username:
            raise ValueError("bearer_token and username exclude each other; leave one out")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; set both or none")
        return self


class HttpSink:
    """POSTs canonical events; see `bridge.events.envelope` for their form."""

    traits = Traits()

    def __init__(self, name: str, settings: HttpSettings, fittings: SinkFittings) -> None:
        self.name = name
        self._settings = settings
        self._instance = fittings.gateway.instance
        url = URL(settings.url.get_secret_value())
        self.destination = str(url.with_query(None).with_fragment(None))
        self._url = url
        headers = CIMultiDict(
            {"Content-Type": "application/json" if settings.format == "json" else "application/x-ndjson"}
        )
        if settings.compression == "gzip":
            headers["Content-Encoding"] = "gzip"
        if settings.bearer_token:
            headers["Authorization"] = f"Bearer {settings.bearer_token.get_secret_value()}"
        elif settings.username and settings.password:
            pair = f"{settings.username}:{settings.password.get_secret_value()}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        # The operator's headers come last: some destinations want a Content-Type of their own.
        headers.update({key: value.get_secret_value() for key, value in settings.headers.items()})
        self._poster = Poster(
            settings.url.get_secret_value(),
            headers,
            settings,
            sink=name,
            logger=fittings.logger,
            cure=f"url and credentials in [bridge.sinks.{name}]",
        )

    async def start(self, state: bytes | None) -> None:
        """Nothing to prepare: connections are made when they are needed."""

    async def encode(self, batch: Batch) -> Payload:
        """Return the batch as one body."""
        events = tagged(batch, self._instance)
        body = lines(events) if self._settings.format == "ndjson" else b"[" + b",".join(events) + b"]"
        if self._settings.compression == "gzip":
            body = await asyncio.to_thread(igzip.compress, body, _GZIP_LEVEL)
        return Payload(body, len(body), len(batch))

    async def send(self, payload: Payload) -> None:
        """POST it; any 2xx is success."""
        await self._poster.post(payload.body)

    async def probe(self) -> str:
        """Ask with HEAD, which harms nothing; only answers about access, address or trouble count."""
        try:
            await self._poster.ask("HEAD", self._url)
        except SinkError as error:
            # Some servers that take POST do not like HEAD.
            if error.status not in {400, 405, 411, 415, 422, 501}:
                raise
        return "reachable"

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()


SINK: Final = SinkType(HttpSettings, HttpSink)

"""The `http` sink: canonical events to any URL, as a JSON array, lines, or CloudEvents, signed as a webhook if asked.

Signed requests follow Standard Webhooks (standard-webhooks/standard-webhooks, spec/standard-webhooks.md): `webhook-id`
is made of the events' ids, so that a request that is sent again has the same one; `webhook-signature` has one for each
secret, so that a receiver can change to a new secret at its own time.
"""

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from isal import igzip
from multidict import CIMultiDict
from pydantic import BeforeValidator, Field, SecretStr, model_validator
from standardwebhooks import Webhook
from yarl import URL

from bridge.batches import Batch
from bridge.contracts import Payload, Traits
from bridge.errors import SinkError
from bridge.formats.canonical import lines, tagged
from bridge.formats.cloudevents import CONTENT_TYPE, cloud_events
from bridge.settings import HttpSinkSettings
from bridge.sinks import SinkFittings, SinkType
from bridge.transports.http.post import Poster

_GZIP_LEVEL: Final = 1
_CONTENT_TYPES: Final = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "cloudevents": CONTENT_TYPE,
}
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what all of them begin with
# In bytes; Standard Webhooks, "Signature scheme".
_LEAST_SECRET: Final = 24
_MOST_SECRET: Final = 64


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


SigningSecrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)]
"""One secret, or a list of them."""


class HttpSettings(HttpSinkSettings):
    """Settings of a `type = "http"` sink."""

    # Some URLs hold a key in their query.
    url: SecretStr = Field(
        description="URL that batches are POSTed to.",
        json_schema_extra={"sample": "https://events.example.com/ingest"},
    )
    format: Literal["json", "ndjson", "cloudevents"] = Field(
        "json", description="A JSON array, newline-delimited JSON, or a batch of CloudEvents 1.0."
    )
    compression: Literal["none", "gzip"] = Field("none", description="Content-Encoding of the body.")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="More request headers; values may be secrets."
    )
    bearer_token: SecretStr | None = Field(None, description="Sent as `Authorization: Bearer …`.")
    username: str | None = Field(None, description="User for basic authentication.")
    password: SecretStr | None = Field(None, description="Password for basic authentication.")
    signing_secret: SigningSecrets = Field(
        (),
        description="Signs each request as Standard Webhooks asks. Several, while a receiver changes to a new one.",
        json_schema_extra={"sample": "$secret{webhook_secret}", "default": "none"},
    )

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
        if self.signing_secret and self.compression != "none":
            raise ValueError(
                "signing_secret and compression exclude each other, because receivers check what they have unpacked; "
                "leave one out"
            )
        for secret in self.signing_secret:
            _check_signing_secret(secret.get_secret_value())
        return self


class _Signed(NamedTuple):
    """A body that is signed when it is sent: a receiver refuses a signature that is some minutes old."""

    number: str
    body: bytes


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
        self._signers = [Webhook(secret.get_secret_value()) for secret in settings.signing_secret]
        self._clock = fittings.clock
        headers = CIMultiDict({"Content-Type": _CONTENT_TYPES[settings.format]})
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
        match self._settings.format:
            case "ndjson":
                body = lines(tagged(batch, self._instance))
            case "cloudevents":
                body = b"[" + b",".join(cloud_events(batch, self._instance)) + b"]"
            case _:
                body = b"[" + b",".join(tagged(batch, self._instance)) + b"]"
        if self._signers:
            return Payload(_Signed(_message_id(batch), body), len(body), len(batch))
        if self._settings.compression == "gzip":
            body = await asyncio.to_thread(igzip.compress, body, _GZIP_LEVEL)
        return Payload(body, len(body), len(batch))

    async def send(self, payload: Payload) -> None:
        """POST it; any 2xx is success."""
        match payload.body:
            case _Signed(number, body):
                await self._poster.post(body, headers=self._signatures(number, body))
            case body:
                await self._poster.post(body)

    def _signatures(self, number: str, body: bytes) -> dict[str, str]:
        now, text = datetime.fromtimestamp(int(self._clock.time()), UTC), body.decode()
        return {
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(one.sign(number, now, text) for one in self._signers),
        }

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


def _message_id(batch: Batch) -> str:
    """Return what names these events to a receiver, the same whenever they are sent together."""
    return f"msg_{hashlib.sha256(' '.join(batch.ids).encode()).hexdigest()[:32]}"


def _check_signing_secret(secret: str) -> None:
    """Return if this is a secret as Standard Webhooks has them; raises ValueError."""
    try:
        size = len(base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith(_SECRET_PREFIX) or not _LEAST_SECRET <= size <= _MOST_SECRET:
        raise ValueError(
            f"signing_secret is not {_SECRET_PREFIX} and {_LEAST_SECRET} to {_MOST_SECRET} bytes in base64; "
            'make one with `echo "whsec_$(openssl rand -base64 32)"`'
        )


SINK: Final = SinkType(HttpSettings, HttpSink)

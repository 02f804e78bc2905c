"""The settings as frozen models: each field has its default, its unit and one sentence.

`Settings` is what the rest of the bridge sees: resolved, checked, and with the active sinks only. The
annotated sample in `config/` is written from these models, so a description is a text for operators.
"""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
    field_validator,
)

from bridge.settings.forms import Choices, Names, Texts
from bridge.settings.units import Address, Duration, Size, Url


class Table(BaseModel):
    """A table of the configuration: frozen, without unknown keys, its secrets never shown.

    A field's `json_schema_extra` may hold `sample` (the value that the sample shows) and `default` (a word
    for a default that is worked out at run time).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    @field_validator("*", mode="after")
    @classmethod
    def _refuse_empty_secrets(cls, value: Any) -> Any:
        held = list(value.values()) if isinstance(value, dict) else value
        for secret in held if isinstance(held, list | tuple) else (held,):
            if isinstance(secret, SecretStr) and not secret.get_secret_value().strip():
                raise ValueError("an empty secret; give it its value or leave the key out")
        return value


class DeliverySettings(Table):
    """How a sink's lane batches, sends and tries again."""

    batch_max_events: int = Field(default=500, ge=1, le=10000, description="Most events in one batch.")
    batch_max_bytes: Size = Field(
        default=4 * 2**20, gt=0, description="Most bytes of events in one batch, before compression."
    )
    linger: Duration = Field(
        default=1, description="How long an event may wait for others to fill its batch."
    )
    concurrency: int = Field(
        default=4, ge=1, le=64, description="Most batches on their way to a sink at a time."
    )
    request_timeout: Duration = Field(default=30, gt=0, description="How long one request may take.")
    retry_max: Duration = Field(default=60, gt=0, description="Longest wait between two tries.")
    poison_after: Duration = Field(
        default=600,
        gt=0,
        description=(
            "A batch that keeps failing with 5xx or time-outs for so long, while others pass, is split "
            "to find the event that causes it."
        ),
    )


class SinkSettings(DeliverySettings):
    """What every sink can be told; each destination adds its own.

    `WSO2_KEYS` maps a key of [apim.analytics.properties] to the field that takes its value.
    """

    WSO2_KEYS: ClassVar[Mapping[str, str]] = {}

    type: str = Field(
        description="The kind of sink; needed only where the table's name is not one.",
        json_schema_extra={"default": "the table's name"},
    )
    only: Choices = Field(
        default_factory=dict,
        description="Only events with one of these values in every field named here; the rest is counted.",
        json_schema_extra={"sample": {"eventType": ["fault"]}},
    )
    exclude: Choices = Field(
        default_factory=dict,
        description="No events with one of these values in any field named here; they are counted.",
        json_schema_extra={"sample": {"apiName": ["HealthCheck"], "properties.subtype": ["AIAPI"]}},
    )
    max_requests_per_second: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Most requests in a second.",
        json_schema_extra={"sample": 10, "default": "no limit"},
    )
    start_at: Literal["oldest", "newest"] | None = Field(
        default=None,
        description="Where a sink begins that the journal has not met yet.",
        json_schema_extra={"sample": "oldest", "default": "the newest event, the first sink ever the oldest"},
    )


class SourceSettings(Table):
    """The root of the sources' settings."""


class JournalSettings(Table):
    """The durable log of accepted events, in `state_dir`."""

    max_bytes: Size = Field(
        default=2 * 2**30, gt=0, description="Full at so many bytes of undelivered events and dead letters."
    )
    retain: Duration = Field(
        default=24 * 3600, description="How long delivered events are kept for rewinding, room permitting."
    )
    min_free_bytes: Size = Field(
        default=64 * 2**20, description="No event is taken while the file system has less room than this."
    )


class AdminSettings(Table):
    """The listener for Prometheus, probes and status."""

    listen: Address = Field(
        default=Address("127.0.0.1", 9881),
        description="Where /metrics, /healthz, /readyz and /status are served.",
    )


class IdentitySettings(Table):
    """Who called: how users and companies are told."""

    publish: bool = Field(
        default=False,
        description="Publish users (with company, application and tenant) and companies to Moesif, when new or "
        "changed.",
    )


class WSO2Settings(Table):
    """[apim.analytics] as WSO2 reads it; its keys that mean nothing here are left alone."""

    model_config = ConfigDict(extra="ignore")

    enable: bool = Field(default=False, description="WSO2's master switch.")
    type: Names = Field(default=(), description="Where events go: a sink, or several.")
    properties: Texts = Field(
        default_factory=dict, repr=False, description="WSO2's keys for its reporters, as texts."
    )
    mask: Texts = Field(default_factory=dict, description="Event field to the kind of mask, as written.")


class BridgeSettings(Table):
    """What stands under [bridge] itself, beside `type`, the sources and the sinks."""

    state_dir: Path = Field(
        default=Path("/var/lib/apim-bridge"),
        description="Folder of the journal, the lock and the control socket; one daemon for each.",
    )
    secrets_dir: Path = Field(
        default=Path("/run/secrets"), description="Folder of the files that $secret{name} stands for."
    )
    instance: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="What this gateway is called in every event.",
        json_schema_extra={"sample": "gateway-1", "default": "the host name"},
    )
    gateway_url: Url | None = Field(
        default=None,
        description="For full URIs, where an event does not bring its own.",
        json_schema_extra={"sample": "https://gw.example.com:8243"},
    )
    drain: Duration = Field(default=20, description="How long a stop may go on delivering what waits.")
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field(default="INFO", description="The least important line that is logged.")
    journal: JournalSettings = Field(default_factory=JournalSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    identity: IdentitySettings = Field(default_factory=IdentitySettings)


class Settings(BridgeSettings):
    """The whole configuration, resolved and checked."""

    file: Path = Field(description="Where it was read.")
    sources: dict[str, SerializeAsAny[SourceSettings]] = Field(description="By name; each of them is on.")
    sinks: dict[str, SerializeAsAny[SinkSettings]] = Field(
        description="The active sinks by name, in the order of `type`."
    )
    wso2: WSO2Settings = Field(
        default_factory=WSO2Settings, description="What stands under [apim.analytics]."
    )
    warnings: tuple[str, ...] = Field(
        default=(), description="What an operator should hear of, one line each."
    )
    fingerprint: str = Field(description="A short hash of the configuration, to compare instances.")

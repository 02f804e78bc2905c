"""The settings as frozen models: each field has its default, its unit and one sentence.

`Settings` is what the rest of the bridge sees: resolved, checked, and with the active sinks only. The
annotated sample in `config/` is written from these models, so a description is a text for operators.
"""

import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, SerializeAsAny

from bridge.document.limits import DEFAULT_LIMITS
from bridge.document.placeholders import DEFAULT_SECRETS_DIR
from bridge.document.reading import DEFAULT_STATE_DIR
from bridge.settings.analytics import AnalyticsSettings
from bridge.settings.api_metrics import ApiMetricsSettings
from bridge.settings.forms import Choices, NameList, Texts, Truth
from bridge.settings.intake import CaptureSettings, HeaderSettings, IdentitySettings, PrivacySettings
from bridge.settings.moesif_management import MoesifManagementSettings
from bridge.settings.table import Table
from bridge.settings.transport import ConnectionSettings, TlsSettings
from bridge.settings.units import Address, Duration, Size, Url


class DeliverySettings(Table):
    """How a sink batches, sends and retries."""

    batch_max_events: int = Field(default=1000, ge=1, le=10000, description="Most events in one batch.")
    batch_max_bytes: Size = Field(
        default=4 * 2**20, gt=0, description="Most bytes of events in one batch, before compression."
    )
    linger: Duration = Field(
        default=1, description="Longest time that an event waits for others to fill its batch."
    )
    concurrency: int = Field(
        default=8, ge=1, le=64, description="Most batches under way to a sink at a time."
    )
    request_timeout: Duration = Field(default=30, gt=0, description="How long one request may take.")
    retry_max: Duration = Field(default=60, gt=0, description="Longest pause between two tries.")
    poison_after: Duration = Field(
        default=600,
        gt=0,
        description=(
            "A batch that gets 5xx or time-outs for this long, while others pass, is split to find the event "
            "that causes it."
        ),
    )


class DeliveryDefaults(ConnectionSettings, DeliverySettings):
    """What `[bridge.delivery]` says for every sink: HTTP sinks take all of it."""


class SinkSettings(DeliverySettings):
    """The settings of every sink; each destination adds its own.

    `WSO2_KEYS` maps a key of [apim.analytics.properties] to the field that takes its value.
    """

    WSO2_KEYS: ClassVar[Mapping[str, str]] = {}

    type: str = Field(
        description="Type of the sink; needed only if the table has another name.",
        json_schema_extra={"default": "the table's name"},
    )
    only: Choices = Field(
        default_factory=dict,
        description="Only events that have one of these values in each field named here; others are counted.",
        json_schema_extra={"sample": {"eventType": ["fault"]}},
    )
    exclude: Choices = Field(
        default_factory=dict,
        description="No events that have one of these values in any field named here; they are counted.",
        json_schema_extra={"sample": {"apiName": ["HealthCheck"], "properties.subtype": ["AIAPI"]}},
    )
    max_requests_per_second: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Most requests a second.",
        json_schema_extra={"sample": 10, "default": "no limit"},
    )
    start_at: Literal["oldest", "newest"] | None = Field(
        default=None,
        description="Where in the journal a new sink begins.",
        json_schema_extra={"sample": "oldest", "default": "newest, but oldest for the very first sink"},
    )

    @property
    def sender_keys(self) -> Mapping[str, str]:
        """Return the keys of this sink that senders may use at a source: in clear, key to tenant.

        The tenant of the key for all others is the empty text.
        """
        return {}

    @property
    def starts_analytics(self) -> bool:
        """Whether the daemon runs the analytics process because of this sink."""
        return False

    def advice(self, root: "BridgeSettings") -> Iterable[str]:  # noqa: ARG002 - kinds look at it
        """Return what works, but deserves an operator's look, beside what stands under [bridge] itself."""
        return ()


class HttpSinkSettings(ConnectionSettings, SinkSettings):
    """The settings of every sink that speaks HTTP."""


class Dedupe(NamedTuple):
    """How long, and how many, ids of events are remembered."""

    window_seconds: float
    max_ids: int


class SourceSettings(Table):
    """The settings of every source; each kind adds its own."""

    type: str = Field(
        default="",
        description=(
            "The kind of source. With it the table may have any name, so that several logs or listeners stand beside "
            "each other."
        ),
        json_schema_extra={"default": "the table's name"},
    )

    @property
    def address(self) -> Address | None:
        """Return where it listens, None if it does not."""
        return None

    @property
    def files(self) -> Sequence[str]:
        """Return the paths or patterns of the files that it reads."""
        return ()

    @property
    def looks_up_countries(self) -> bool:
        """Whether it may have to look up the country of an address that is not kept."""
        return False

    @property
    def descriptors(self) -> int:
        """Return how many files and connections it would like to have open at a time."""
        return 0

    @property
    def dedupe(self) -> Dedupe | None:
        """Return how much to remember to recognise repeated events; None if it brings each event once."""
        return None

    def advice(self, root: "BridgeSettings") -> Iterable[str]:  # noqa: ARG002 - kinds look at it
        """Return what works, but deserves an operator's look, beside what stands under [bridge] itself."""
        return ()


class JournalSettings(Table):
    """The durable log of accepted events, in `state_dir`."""

    max_bytes: Size = Field(
        default=DEFAULT_LIMITS.max_bytes,
        gt=0,
        description="The journal is full at this size of undelivered events and dead letters.",
    )
    retain: Duration = Field(
        default=DEFAULT_LIMITS.retain,
        description="How long delivered events are kept for `rewind`, room permitting.",
    )
    min_free_bytes: Size = Field(
        default=DEFAULT_LIMITS.min_free_bytes,
        description="No events are taken while the file system has less free space than this.",
    )


ADMIN: Final = "admin"
"""What the listener for operators is called beside those of the sources."""


class AdminSettings(Table):
    """The listener for Prometheus, probes and status."""

    listen: Address = Field(
        default=Address("127.0.0.1", 9881),
        description="Where /metrics, /healthz, /readyz and /status are served.",
    )
    token: SecretStr | None = Field(
        default=None,
        description=(
            "Callers of /metrics and /status must send it as Authorization: Bearer TOKEN. Probes need none, but "
            "/readyz gives its reasons only with it."
        ),
        json_schema_extra={"sample": "$secret{admin_token}"},
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Without token: further names by which callers may reach it, and host names of web pages that may "
        "read it.",
        json_schema_extra={"sample": ["gateway-1.example.com"], "default": "none"},
    )
    tls: TlsSettings | None = Field(default=None, description="TLS of the admin listener.")


class WSO2Settings(Table):
    """[apim.analytics] as WSO2 reads it; its keys that mean nothing here are left alone."""

    model_config = ConfigDict(extra="ignore")

    enable: Truth = Field(default=False, description="WSO2's master switch.")
    type: NameList = Field(default=(), description="Where events go: a sink, or several.")
    properties: Texts = Field(
        default_factory=dict, repr=False, description="WSO2's keys for its reporters, as texts."
    )
    mask: Texts = Field(default_factory=dict, description="Event field to the kind of mask, as written.")


ANALYTICS_FOLDER: Final = "analytics"
"""In `state_dir`, where the settings name none."""


class BridgeSettings(Table):
    """What stands under [bridge] itself, beside `type`, the sources and the sinks."""

    state_dir: Path = Field(
        default=DEFAULT_STATE_DIR,
        description="Folder of the journal, the lock and the control socket; each daemon needs its own.",
    )
    secrets_dir: Path = Field(
        default=DEFAULT_SECRETS_DIR, description="Folder with the files that $secret{name} reads."
    )
    sys: Texts = Field(
        default_factory=dict,
        description="What $sys{name} stands for: system properties of the gateway's Java, such as its home.",
        json_schema_extra={"sample": {"carbon.home": "/home/wso2carbon/wso2am"}, "default": "none"},
    )
    instance: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="Name of this gateway in every event.",
        json_schema_extra={"sample": "gateway-1", "default": "the host name"},
    )
    gateway_url: Url | None = Field(
        default=None,
        description="Scheme and host for full URIs, for events that have none.",
        json_schema_extra={"sample": "https://gw.example.com:8243"},
    )
    drain: Duration = Field(default=20, description="How long a stop goes on delivering what waits.")
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field(default="INFO", description="The least important lines that are logged.")
    identity: IdentitySettings = Field(default_factory=IdentitySettings)
    headers: HeaderSettings = Field(default_factory=HeaderSettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)
    journal: JournalSettings = Field(default_factory=JournalSettings)
    delivery: DeliveryDefaults = Field(default_factory=DeliveryDefaults)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    api_metrics: ApiMetricsSettings = Field(default_factory=ApiMetricsSettings)
    analytics: AnalyticsSettings = Field(default_factory=AnalyticsSettings)
    moesif_management: MoesifManagementSettings = Field(default_factory=MoesifManagementSettings)

    @property
    def analytics_folder(self) -> Path:
        """The folder of the analytics process's store."""
        return self.analytics.path or self.state_dir / ANALYTICS_FOLDER


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
    captures: CaptureSettings = Field(
        default_factory=CaptureSettings, description="Of [apim.analytics.properties], what intake honours."
    )
    wso2_keys: tuple[str, ...] = Field(
        default=(), description="The keys below [apim.analytics] that are set, dotted."
    )
    moesif_key: SecretStr | None = Field(
        default=None, description="WSO2's moesifKey, which senders to the collector API may bring."
    )
    warnings: tuple[str, ...] = Field(
        default=(), description="What an operator should hear of, one line each."
    )
    fingerprint: str = Field(description="A short hash of the configuration, to compare instances.")

    @property
    def runs_analytics(self) -> bool:
        """Whether the daemon runs an analytics process of its own."""
        return any(sink.starts_analytics for sink in self.sinks.values())

"""The settings of the `moesif` sink, and which tenant's key an event goes out with."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError
from yarl import URL

from bridge.settings import BridgeSettings, HttpSinkSettings, Size, Url
from bridge.settings.forms import Secrets, Truth
from bridge.sinks.moesif.sampling import Precedence

# Moesif takes 50 MB before compression; its own form of an event is up to a third larger than WSO2's.
_MAX_BATCH_BYTES: Final = 32 * 2**20

DEFAULT_TENANT: Final = ""
"""Stands in `keys_by_tenant` for all tenants without a key of their own."""


class MoesifSettings(HttpSinkSettings):
    """Settings of a `type = "moesif"` sink."""

    WSO2_KEYS: ClassVar[dict[str, str]] = {
        "moesifKey": "key",
        "moesif_base_url": "base_url",
        "sampling_enabled": "sampling_enabled",
        "sampling_refresh_interval_ms": "sampling_refresh_interval_ms",
        "sampling_fallback_rate": "sampling_fallback_rate",
    }

    keys: Secrets = Field(
        default_factory=dict,
        description=(
            "Keys of tenants: from organizationId or tenant domain (apiCreatorTenantDomain) to Collector "
            "Application Id. All other events go out with `key`, or are parked if there is none."
        ),
        json_schema_extra={
            "sample": {"acme.com": "$secret{moesif_acme}"},
            "default": "none: one key for all",
        },
    )
    key: SecretStr | None = Field(
        None,
        description="Moesif's Collector Application Id; usually moesifKey in [apim.analytics.properties].",
        json_schema_extra={"sample": "$env{MOESIF_KEY}", "default": "none, and each tenant needs its own"},
    )
    base_url: Url = Field(
        "https://api.moesif.net",
        description="Moesif's collector, or a proxy in front of it; overrides moesif_base_url.",
    )
    batch_max_bytes: Size = Field(
        4 * 2**20, gt=0, le=_MAX_BATCH_BYTES, description="Most bytes of events in a batch."
    )
    sampling_enabled: Truth = Field(
        False, description="Whether to apply the sampling rates that are set in Moesif."
    )
    sampling_refresh_interval_ms: int = Field(
        60_000, gt=0, description="How often Moesif is asked for the rates, in milliseconds."
    )
    sampling_fallback_rate: float = Field(
        100,
        ge=0,
        le=100,
        description="Percentage of events to keep until Moesif first gives its rates.",
    )
    sampling_precedence: Precedence = Field(
        "lowest",
        description=(
            "Which rate counts where several apply. \"lowest\": the user's (else the company's) or that of the first "
            'matching regex_config, whichever is lower, as Moesif documents it; "regex_first": as its Python SDK '
            'does; "no_regex": as its Node and Go SDKs do.'
        ),
    )

    @field_validator("keys")
    @classmethod
    def _check_names(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in value:
            if not name.strip() or name.startswith("/"):
                raise ValueError(
                    f'"{name}" is not an organizationId or tenant domain; name one, like "acme.com"'
                )
        return value

    @field_validator("key")
    @classmethod
    def _check_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and not info.data.get("keys"):
            raise PydanticKnownError("missing")
        return value

    @field_validator("base_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if URL(value).raw_user is not None or URL(value).raw_password is not None:
            raise ValueError(
                "base_url has a user or password in it, but Moesif knows only the key; leave them out"
            )
        return value.removesuffix("/v1").rstrip("/")

    @property
    def sender_keys(self) -> Mapping[str, str]:
        """Return every key to its tenant: Moesif's publisher and SDKs bring them."""
        return {key: tenant for tenant, key in self.keys_by_tenant.items()}

    def advice(self, root: BridgeSettings) -> Iterator[str]:
        """Yield what is missing for full URIs."""
        if root.gateway_url is None:
            yield (
                "an event without a URL of its own gets a path only, and Moesif asks for full URLs; set gateway_url "
                "in [bridge]"
            )

    @property
    def keys_by_tenant(self) -> dict[str, str]:
        """Return every key in clear by its tenant; DEFAULT_TENANT for all others, where there is such a key."""
        own = {} if self.key is None else {DEFAULT_TENANT: self.key.get_secret_value()}
        return own | {name: key.get_secret_value() for name, key in self.keys.items()}

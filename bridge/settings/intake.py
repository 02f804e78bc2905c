"""The settings of what happens to an event before it is written to disk: who called, what is left out."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bridge.settings.table import Table


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Entries = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One text or several, in their order."""


class IdentitySettings(Table):
    """Who called: lists of places to look; the first that has a real value counts.

    A field of the event ("applicationOwner", "properties.tenant", "origin.moesif.company_id"), a captured request
    header ("header:x-company-id"), a claim of a token in one ("jwt:authorization:org"; read, not verified, and the
    token is not kept), or the same for all ("constant:acme").
    """

    user: Entries = Field(
        default=("userName", "properties.userName"),
        description="Where to look for the user; @carbon.super is cut off, other tenants stay.",
    )
    company: Entries = Field(
        default=(),
        description="Where to look for the company.",
        json_schema_extra={"sample": ["header:x-company-id", "jwt:authorization:org"]},
    )
    publish: bool = Field(
        default=False,
        description="Whether new and changed users (with company, application and tenant) and companies are "
        "published to Moesif.",
    )


class HeaderSettings(Table):
    """Captured headers."""

    keep: Entries = Field(
        default=(),
        description=(
            "Credentials to keep. All others are removed from headers and from the queries of URLs before an event "
            "is written to disk: Authorization, Proxy-Authorization, Cookie, Set-Cookie, API keys and tokens."
        ),
        json_schema_extra={"sample": ["x-csrf-token"]},
    )


class PrivacySettings(Table):
    """The client's address."""

    level: int = Field(
        default=0,
        ge=0,
        le=2,
        description=(
            "What happens to the client's address: 0 keeps it, 1 looks up its country and discards it, 2 discards "
            "it unseen."
        ),
    )
    country_database: Path | None = Field(
        default=None,
        description="A MaxMind file with countries: for level 1, where the country becomes properties.country, and for "
        "the analytics process, which looks up where events come from that bring an address and no country.",
        json_schema_extra={"sample": "/usr/share/GeoIP/GeoLite2-Country.mmdb"},
    )

    @property
    def database_of_analytics(self) -> Path | None:
        """Where the analytics process looks up the countries of addresses that came to it; level 2 looks at none."""
        return self.country_database if self.level < 2 else None


# What AnalyticsPayloadUtil falls back to (carbon-apimgt).
_DEFAULT_PAYLOAD_BYTES = 100_000


def _as_wso2(value: Any) -> Any:
    """Return what Java's Boolean.parseBoolean makes of it: every other word is false."""
    return value.strip().lower() == "true" if isinstance(value, str) else value


WSO2Boolean = Annotated[bool, BeforeValidator(_as_wso2)]


class CaptureSettings(Table):
    """What [apim.analytics.properties] says of captured headers and bodies; what is not set drops nothing."""

    send_headers: WSO2Boolean | None = Field(default=None, description="Whether headers are sent.")
    send_payloads: WSO2Boolean | None = Field(default=None, description="Whether bodies are sent.")
    payload_size_limit: int | None = Field(
        default=None, description="Bytes of the largest body that is sent."
    )

    @property
    def largest_body_bytes(self) -> int | None:
        """Bytes of the largest body that is kept; None: no limit. WSO2 takes its default for what is not positive."""
        limit = self.payload_size_limit
        return limit if limit is None or limit > 0 else _DEFAULT_PAYLOAD_BYTES

"""The settings of the HTTP source."""

from collections.abc import Collection
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from bridge.errors import SettingsError
from bridge.formats.api_analytics import hashed_key
from bridge.settings import Address, Dedupe, Duration, Size, SourceSettings, TlsSettings

ANY_KEY: Final = "any"
"""In `api_analytics_keys`: whatever UUID a client sends."""


class HttpSourceSettings(SourceSettings):
    """`[bridge.sources.http]`: events POSTed by a gateway, a shipper or a test."""

    listen: Address = Field(
        Address("127.0.0.1", 9880),
        description="Address for incoming events; beyond loopback only with tokens, moesifKey or tls client_ca.",
    )
    tokens: tuple[SecretStr, ...] = Field(
        (),
        description="Each request must have one of them, as Authorization: Bearer TOKEN.",
        json_schema_extra={"sample": ["$secret{bridge_token}"], "default": "none"},
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Where no token is asked for: further names by which callers may reach it, and host names of web "
        "pages that may send to it.",
        json_schema_extra={"sample": ["bridge.example.com"], "default": "none"},
    )
    api_analytics_keys: tuple[SecretStr, ...] = Field(
        (),
        description=(
            "UUIDs with which API Analytics' clients may send to /api/log-request. Empty: any will do, from this "
            'machine or with a certificate of client_ca; from elsewhere none. ["any"]: any will do from everywhere.'
        ),
        json_schema_extra={"sample": ["$secret{api_analytics_key}"], "default": "none"},
    )
    time_zone: str = Field(
        "UTC",
        description="Zone of times that name none, as API Analytics' Python clients send them: that of their machine.",
        json_schema_extra={"sample": "Europe/Berlin"},
    )
    dedupe_window: Duration = Field(
        600,
        description=(
            "How long a repeated event is recognised, and not journalled again. With several listeners the longest "
            "time holds for all."
        ),
    )
    dedupe_max_ids: int = Field(
        1_000_000, ge=1, description="Most events that are recognised, at 16 bytes of memory each."
    )
    max_body_bytes: Size = Field(
        16 * 2**20,
        gt=0,
        description="Largest body of a request, uncompressed. One is in memory at a time: raise the memory with it.",
    )
    in_flight_bytes: Size = Field(
        8 * 2**20,
        gt=0,
        description="Most bytes of bodies in memory at a time; a larger one is taken by itself.",
    )
    max_connections: int = Field(1000, ge=1, description="Most connections; further ones are turned away.")
    request_timeout: Duration = Field(30, gt=0, description="Longest time for a sender to send one body.")
    idle_timeout: Duration = Field(
        75, gt=0, description="How long a connection may stay open without a request."
    )

    tls: TlsSettings | None = Field(None, description="TLS of the HTTP source.")

    @field_validator("api_analytics_keys")
    @classmethod
    def _check_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for place, key in enumerate(value):
            try:
                if key.get_secret_value() != ANY_KEY:
                    hashed_key(key.get_secret_value())
            except ValueError:
                raise ValueError(
                    f'entry {place} is no UUID; API Analytics\' keys are, or write "any"'
                ) from None
        return value

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        if value == "UTC":
            # Slim images have no zones of their own.
            return value
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f'not a time zone: "{value}"; write it like "Europe/Berlin" or "UTC"') from None
        return value

    @property
    def zone(self) -> tzinfo:
        """Return the zone of times that name none."""
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)

    @property
    def looks_up_countries(self) -> bool:
        """Whether it may have to: API Analytics' clients say of each request what is kept of addresses."""
        return True

    def takes_any_key(self, address: Address) -> bool:
        """Tell whether any key of API Analytics will do, where it really listens at this address."""
        if self.api_analytics_keys:
            return any(key.get_secret_value() == ANY_KEY for key in self.api_analytics_keys)
        return address.is_loopback or self.knows_callers

    @property
    def descriptors(self) -> int:
        """Return how many connections it has open at a time if it may."""
        return self.max_connections

    @property
    def address(self) -> Address:
        """Return where it listens."""
        return self.listen

    @property
    def dedupe(self) -> Dedupe:
        """Return what is remembered: a sender that got no answer sends again."""
        return Dedupe(self.dedupe_window, self.dedupe_max_ids)

    @property
    def knows_callers(self) -> bool:
        """Whether TLS lets in only callers with a certificate of our authority."""
        return self.tls is not None and self.tls.client_ca is not None

    def refuse_open_door(
        self, name: str, moesif_keys: Collection[str], address: Address | None = None
    ) -> None:
        """Raise SettingsError for a listener that other machines can reach without a token or certificate.

        `address`: where it really listens, if not where the settings say.
        """
        address = address or self.listen
        secured = self.tokens or moesif_keys or self.api_analytics_keys or self.knows_callers
        if not (address.is_loopback or secured):
            raise SettingsError(
                f"[bridge.sources.{name}] listen = {address} is open to other machines and there are no tokens; "
                'set tokens = ["$secret{bridge_token}"], or moesifKey for Moesif publishers, or api_analytics_keys for '
                f"API Analytics' clients, or client_ca in [bridge.sources.{name}.tls], or listen on 127.0.0.1"
            )

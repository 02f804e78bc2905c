"""The settings of the HTTP source."""

from collections.abc import Collection

from pydantic import Field, SecretStr

from bridge.errors import SettingsError
from bridge.settings import Address, Dedupe, Duration, Size, SourceSettings, TlsSettings


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
        if not (address.is_loopback or self.tokens or moesif_keys or self.knows_callers):
            raise SettingsError(
                f"[bridge.sources.{name}] listen = {address} is open to other machines and there are no tokens; "
                'set tokens = ["$secret{bridge_token}"], or moesifKey for Moesif publishers, or client_ca in '
                f"[bridge.sources.{name}.tls], or listen on 127.0.0.1"
            )

"""The settings of connections: proxy and certificates on the way out, TLS on the way in."""

from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from bridge.settings.table import Table

NO_PROXY: Final = "none"


class ConnectionSettings(Table):
    """How HTTP sinks reach their destinations."""

    proxy: SecretStr | None = Field(
        default=None,
        description=(
            'Over HTTP: the proxy on the way out; https goes through it by CONNECT. "none" means no proxy, '
            "whatever proxy_config_* says."
        ),
        json_schema_extra={
            "sample": "http://user:$secret{proxy_password}@proxy:3128",
            "default": "what proxy_config_* in [apim.analytics.properties] says",
        },
    )
    ca_file: Path | None = Field(
        default=None,
        description="Over HTTP: certificate authorities to trust beside the system's, as PEM.",
        json_schema_extra={"sample": "/etc/apim-bridge/ca.pem"},
    )
    client_cert: Path | None = Field(
        default=None,
        description="Over HTTP: the client certificate with its chain, as PEM.",
        json_schema_extra={"sample": "/etc/apim-bridge/client.pem"},
    )
    client_key: Path | None = Field(
        default=None,
        description="Over HTTP: its unencrypted key as PEM, unless client_cert has it, too.",
        json_schema_extra={"sample": "/etc/apim-bridge/client-key.pem"},
    )

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or value.get_secret_value() == NO_PROXY:
            return value
        try:
            url = urlsplit(value.get_secret_value())
            usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
            usable = usable and url.path in {"", "/"} and not url.query and not url.fragment
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(
                'proxy is not the URL of a proxy; write it like "http://user:password@host:3128" (in user and '
                'password %40 for @, %3A for :, %2F for /), or "none"'
            )
        return value

    @model_validator(mode="after")
    def _check_client_key(self) -> Self:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key is set without client_cert; set both, or put both into client_cert")
        return self


class TlsSettings(Table):
    """A listener's TLS; the files are read again when they change."""

    cert: Path = Field(
        description="The listener's certificate with its chain, as PEM; read again when it changes.",
        json_schema_extra={"sample": "/etc/apim-bridge/tls.crt"},
    )
    key: Path = Field(
        description="Its unencrypted key, as PEM.", json_schema_extra={"sample": "/etc/apim-bridge/tls.key"}
    )
    client_ca: Path | None = Field(
        default=None,
        description="If set, callers must show a certificate of one of these authorities (PEM).",
        json_schema_extra={"sample": "/etc/apim-bridge/clients-ca.pem"},
    )

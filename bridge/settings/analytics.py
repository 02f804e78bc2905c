"""The settings of the analytics process: where it listens, and what its store may hold."""

import ipaddress
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from bridge.settings.smtp import SmtpSettings
from bridge.settings.table import Table
from bridge.settings.units import Address, Duration, Size, Url

Scope = Literal[
    "ingest",
    "read:data",
    "read:events",
    "create:workspaces",
    "create:public_workspaces",
    "delete:users",
    "admin",
]
"""What a token allows; `admin` allows everything."""

# As Content-Security-Policy has it: no path, no quotes, and nothing that could end the directive.
_ORIGIN: Final = re.compile(r"https?://(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_EXAMPLE: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_NEEDED: Final = ("aiosmtplib", "duckdb", "standardwebhooks", "ua_parser")


def missing_extra() -> str | None:
    """Return why the analytics process cannot run in this installation, with the cure; None if it can."""
    missing = " and ".join(name for name in _NEEDED if find_spec(name) is None)
    if not missing:
        return None
    return (
        f"the analytics process needs {missing}, which this installation does not have; "
        "install apim-event-bridge[analytics], or use the image's target analytics"
    )


class TokenSettings(Table):
    """One token of the data API."""

    sha256: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="The token's SHA-256 in hexadecimal: what `printf %s TOKEN | sha256sum` prints.",
    )
    scopes: tuple[Scope, ...] = Field(
        default=("read:data",),
        min_length=1,
        description="What it allows: ingest (bridges send events), read:data (figures), read:events (single events), "
        "create:workspaces and create:public_workspaces (views for others), delete:users (erase data), "
        "admin (everything).",
    )


class AnalyticsSettings(Table):
    """The analytics process: a store of events for people to look at, with a dashboard and a data API."""

    listen: Address = Field(
        default=Address("127.0.0.1", 9882),
        description="Where the dashboard, the data API and /ingest are served.",
    )
    path: Path | None = Field(
        default=None,
        description="Folder of the store, on a local disk.",
        json_schema_extra={"sample": "/var/lib/apim-bridge/analytics", "default": "analytics in state_dir"},
    )
    retain: Duration = Field(
        default=400 * 86400, gt=0, description="How long events are kept, by the time of the call."
    )
    max_bytes: Size = Field(
        default=20 * 2**30,
        ge=64 * 2**20,
        description="The oldest events are let go of when the store takes more bytes than this.",
    )
    keys_unused_for: Duration | None = Field(
        default=None,
        gt=0,
        description="Keys of API Analytics that nobody has sent or looked with for so long are erased with their data.",
        json_schema_extra={"sample": "180d", "default": "never"},
    )
    tokens_unused_for: Duration | None = Field(
        default=None,
        gt=0,
        description="Tokens of `apim-bridge token` and the dashboard that nobody has used for so long are revoked.",
        json_schema_extra={"sample": "180d", "default": "never"},
    )
    time_zone: str = Field(
        default="UTC",
        description="Time zone of questions that name none, by its IANA name.",
    )
    tokens: dict[str, TokenSettings] = Field(
        default_factory=dict,
        description="Tokens by name, as hashes, each with its scopes: read:data unless said. "
        "`apim-bridge token create` makes others. Without any, only this machine may call.",
        json_schema_extra={
            "sample": {"reports": {"sha256": _EXAMPLE}},
            "default": "none",
        },
    )
    public_url: Url | None = Field(
        default=None,
        description="Where people and programs on other machines reach it. With it everybody needs a token.",
        json_schema_extra={"sample": "https://analytics.example.com"},
    )
    frame_ancestors: tuple[str, ...] = Field(
        default=(),
        description="Origins whose pages may show the dashboard in a frame; `self` is its own.",
        json_schema_extra={"sample": ["self", "https://portal.example.com"], "default": "none"},
    )
    reachable_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks that monitors and webhooks may reach although they are this machine, link-local or a "
        "cloud's metadata service. Private networks need no entry.",
        json_schema_extra={"sample": ["127.0.0.0/8", "::1/128"], "default": "none"},
    )
    ca_file: Path | None = Field(
        default=None,
        description="Certificate authorities that monitors and webhooks trust beside the system's, as PEM.",
        json_schema_extra={"sample": "/etc/apim-bridge/ca.pem"},
    )
    memory: Size = Field(
        default=192 * 2**20,
        ge=64 * 2**20,
        description="Most memory for the store's own work; a question that needs more uses the disk. The process takes "
        "up to 170 MB beside it.",
    )
    threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Most threads that work on a question, less urgent than what comes in.",
    )
    question_seconds: Duration = Field(
        default=15, gt=0, description="How long one question may take, waiting for its turn included."
    )
    questions_at_once: int = Field(
        default=4, ge=1, le=32, description="Most questions that are answered at a time; the others wait."
    )

    chromium: Path | None = Field(
        default=None,
        description="The program that makes PDFs of reports.",
        json_schema_extra={
            "sample": "/usr/bin/chromium",
            "default": "chromium, chromium-browser or google-chrome, if one is on the PATH",
        },
    )
    smtp: SmtpSettings | None = Field(
        default=None, description="The mail server that alerts and reports are sent by."
    )

    @field_validator("frame_ancestors")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "self" and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f'not an origin: "{origin}"; write it like "https://portal.example.com", without a path, or "self"'
                )
        return value

    @field_validator("reachable_networks")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(
                    f'not a network: "{network}"; write it like "10.0.0.0/8" or "fd00::/8", without bits of a host'
                ) from None
        return value

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(f'not a time zone: "{value}"; write it like "Europe/Berlin" or "UTC"') from None
        return value

"""Toy kinds of sinks and sources, and a short way to load a text as a configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Self

import pytest
from pydantic import Field, SecretStr, model_validator

from bridge.errors import SettingsError
from bridge.settings import (
    Address,
    Duration,
    Settings,
    SinkSettings,
    Size,
    SourceSettings,
    Table,
    load,
)


class Tls(Table):
    """How the toy keeps its secrets on the way."""

    verify: bool = Field(default=True, description="Whether the certificate is checked.")
    ca_file: Path | None = Field(default=None, description="Further authorities.")


class ToyMoesif(SinkSettings):
    """A sink with a secret, a URL, and keys of WSO2's."""

    WSO2_KEYS: ClassVar[Mapping[str, str]] = {
        "moesifKey": "key",
        "moesif_base_url": "base_url",
        "moesif_old_url": "base_url",
    }

    key: SecretStr = Field(description="Who we are.", json_schema_extra={"sample": "$env{MOESIF_KEY}"})
    base_url: str = Field(default="https://api.moesif.net", description="Where it is.")
    tls: Tls = Field(default_factory=Tls, description="Transport security.")
    relay: Tls | None = Field(default=None, description="The relay's own.")


class ToyFile(SinkSettings):
    """A sink with a folder."""

    path: Path = Field(description="Folder.", json_schema_extra={"sample": "/var/lib/archive"})
    rotate_bytes: Size = Field(default=64 * 2**20, gt=0, le=2**30, description="Size of a file")


class ToyHttp(SinkSettings):
    """A sink with limits of its own."""

    batch_max_events: int = Field(default=50, ge=1, le=100, description="Fewer than others.")
    url: SecretStr = Field(description="Where it is.", json_schema_extra={"sample": "https://example.com/"})
    tokens: dict[str, SecretStr] = Field(default_factory=dict, description="By header.")


class ToyLog(SourceSettings):
    """A source without a listener."""

    paths: list[str] = Field(description="Logs.", json_schema_extra={"sample": ["/logs/apim_metrics*.log"]})
    poll_interval: Duration = Field(default=0.25, description="How often.")

    @property
    def files(self) -> list[str]:
        """What it reads."""
        return self.paths


class ToyListener(SourceSettings):
    """A source with a listener."""

    listen: Address = Field(default=Address("127.0.0.1", 9880), description="Where it listens.")

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self.listen

    tokens: tuple[SecretStr, ...] = Field(
        default=(), description="Who may send.", json_schema_extra={"sample": ["$secret{bridge_token}"]}
    )

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if not self.listen.is_loopback and not self.tokens:
            raise ValueError("a listener for others needs tokens; set them, or listen on 127.0.0.1")
        return self


SINKS: Final[Mapping[str, type[SinkSettings]]] = {"moesif": ToyMoesif, "file": ToyFile, "http": ToyHttp}
SOURCES: Final[Mapping[str, type[SourceSettings]]] = {"log": ToyLog, "http": ToyListener}

WSO2: Final = """
[apim.analytics]
enable = true
type = "moesif"
[apim.analytics.properties]
moesifKey = "k-e-y"
"""
LOG: Final = '[bridge.sources.log]\npaths = ["/logs/a.log"]\n'


class Loader:
    """Loads texts as one file in a folder of its own; `secrets` is what $secret{…} finds."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "bridge.toml"
        self.secrets = folder / "secrets"
        self.secrets.mkdir()

    def __call__(self, text: str, **environ: str) -> Settings:
        self.file.write_text(text, "utf-8")
        return self.again(**environ)

    def again(self, **environ: str) -> Settings:
        """Load the file as it is now."""
        return load(self.file, sinks=SINKS, sources=SOURCES, environ=environ)

    def faults(self, text: str, **environ: str) -> dict[str, str]:
        """Return what is wrong and its cure by dotted key; every line names the file."""
        with pytest.raises(SettingsError) as caught:
            self(text, **environ)
        start = f"{self.file}: "
        lines = str(caught.value).splitlines()
        assert all(line.startswith(start) for line in lines), lines
        keys = [line.removeprefix(start).partition(": ") for line in lines]
        assert len({key for key, _, _ in keys}) == len(keys), lines
        return {key: problem for key, _, problem in keys}

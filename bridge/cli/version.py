"""`apim-bridge version`: what runs here, to compare instances and for reports."""

import platform
import sqlite3
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Final

import typer

from bridge import __version__
from bridge.cli.configuration import settings_of

_LIBRARIES: Final = (
    "aiohttp",
    "uvloop",
    "msgspec",
    "isal",
    "pydantic",
    "prometheus-client",
    "structlog",
    "tenacity",
)


def version(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            envvar="APIM_BRIDGE_CONFIG",
            help="Tell the hash of this configuration, too.",
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Show the version, the configuration's hash, Python and the libraries that matter.

    `status` and the metric apim_bridge_config_info show the hash of the configuration that is in force.

    Example: apim-bridge version --config bridge.toml
    """
    rows = {"apim-bridge": __version__}
    if config is not None:
        with settings_of(config) as settings:
            rows["configuration"] = f"{settings.fingerprint} ({config})"
    rows |= {
        "python": f"{platform.python_version()} on {platform.machine()}, {platform.system()} {platform.release()}",
        "sqlite": sqlite3.sqlite_version,
        **{name: version_of(name) for name in _LIBRARIES},
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:{width}}  {value}")

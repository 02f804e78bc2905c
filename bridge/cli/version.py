"""`apim-bridge version`: what runs here, for comparing instances and for reports."""

import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

import click

from bridge import __version__
from bridge.cli.configuration import FILE, json_option
from bridge.cli.showing import json_text, show
from bridge.document import reading
from bridge.errors import SettingsError

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


@click.command
@click.option(
    "--config",
    "-c",
    metavar="FILE",
    type=FILE,
    help="Print the hash of this configuration, not of the one in the usual places.",
)
@json_option
def version(config: Path | None, as_json: bool) -> None:
    """Show the version, the configuration's hash, Python and the libraries that matter.

    `status` and the metric apim_bridge_config_info show the hash of the configuration that is in force. It is
    the hash of what is written: no secret is looked up for it. --json is an object with the same words as keys.

    Example: apim-bridge version --config bridge.toml
    """
    rows = {"apim-bridge": __version__, **_configuration(config)}
    system = os.uname()
    rows |= {
        "python": f"{sys.version.split()[0]} on {system.machine}, {system.sysname} {system.release}",
        "sqlite": sqlite3.sqlite_version,
        **_libraries(),
    }
    if as_json:
        print(json_text(rows, indent=2))
        return
    width = max(map(len, rows))
    show(*(f"{name:{width}}  {value}" for name, value in rows.items()))


def _configuration(config: Path | None) -> dict[str, str]:
    """Return the configuration's hash; without --config the file may be missing or broken."""
    try:
        path = config if config is not None else reading.find(os.environ)
        return {"configuration": f"{reading.fingerprint(reading.parse(path))} ({path})"}
    except SettingsError:
        if config is not None:
            raise
        return {}


def _libraries() -> dict[str, str]:
    """Return the versions by the names of their folders: to read the files in them would take longer than the rest."""
    folders = [name for place in sys.path if os.path.isdir(place) for name in os.listdir(place)]  # noqa: PTH112, PTH208 - as sys.path has them
    found = {name.lower().replace("_", "-"): name for name in folders if name.endswith(".dist-info")}
    versions = {}
    for library in _LIBRARIES:
        start = f"{library}-"
        folder = next((name for name in found if name.startswith(start) and name[len(start)].isdigit()), None)
        versions[library] = (
            folder.removeprefix(start).removesuffix(".dist-info") if folder else "not installed"
        )
    return versions

"""The `--config` of every command, and the few settings that most commands need."""

import os
from pathlib import Path
from typing import Final

import click

from bridge.document import reading

FILE: Final = click.Path(path_type=Path)

config_option = click.option(
    "--config",
    "-c",
    metavar="FILE",
    type=FILE,
    help="The configuration: WSO2's deployment.toml, or a file of the same form. Without it: "
    "$APIM_BRIDGE_CONFIG, ./bridge.toml, /etc/apim-bridge/bridge.toml.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def path_of(config: Path | None) -> Path:
    """Return the path of the configuration; raises SettingsError without one."""
    return config if config is not None else reading.find(os.environ)


def state_dir_of(config: Path | None) -> Path:
    """Return the state folder; the file may have faults elsewhere. Raises SettingsError."""
    return reading.state_dir(path_of(config), os.environ)

"""The `--config` of every command, and the few settings that most commands need."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bridge.document import reading

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration: WSO2's deployment.toml, or a file of the same form. Without it: "
        "$APIM_BRIDGE_CONFIG, ./bridge.toml, /etc/apim-bridge/bridge.toml.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def path_of(config: Path | None) -> Path:
    """Return the path of the configuration; raises SettingsError without one."""
    return config if config is not None else reading.find(os.environ)


def state_dir_of(config: Path | None) -> Path:
    """Return the state folder; the file may have faults elsewhere. Raises SettingsError."""
    return reading.state_dir(path_of(config), os.environ)

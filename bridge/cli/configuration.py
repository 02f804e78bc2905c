"""The `--config` of every command, and how its faults end.

Exit code 2 for the configuration and the state folder that it names, 1 for the rest.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bridge.document.reading import state_dir
from bridge.errors import BridgeError, JournalUnusable, SettingsError
from bridge.settings import Settings, load
from bridge.settings.kinds import Models
from bridge.sinks import SINKS
from bridge.sources import SOURCES
from bridge.telemetry import logs

ConfigPath = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="APIM_BRIDGE_CONFIG",
        metavar="FILE",
        help="The configuration: WSO2's deployment.toml, or a file of the same form.",
    ),
]


def read(path: Path) -> Settings:
    """Return the settings of a file; raises SettingsError."""
    return load(
        path,
        sinks=Models(SINKS),
        sources=Models(SOURCES),
        environ=os.environ,
    )


def read_state_dir(path: Path) -> Path:
    """Return the state folder of a file that may have faults elsewhere; raises SettingsError."""
    return state_dir(path, os.environ)


@contextmanager
def settings_of(path: Path, *, daemon: bool = False) -> Iterator[Settings]:
    """Read the settings and set the logs up; an error of the bridge becomes its text and an exit code.

    Only the daemon logs what happens; a command says what it has to say itself.
    """
    try:
        settings = read(path)
        logs.configure(settings.log_level if daemon else "ERROR")
        yield settings
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    except JournalUnusable as error:
        # Nothing gets better by trying again: a volume, its owner or `state_dir` has to change.
        print(f"apim-bridge: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except BridgeError as error:
        print(f"apim-bridge: {error}", file=sys.stderr)
        raise typer.Exit(1) from None

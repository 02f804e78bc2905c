"""Reading the whole configuration, secrets and all: for the commands that need them."""

import os
from pathlib import Path

from bridge.settings import Settings, load
from bridge.settings.kinds import Models
from bridge.sinks import SINKS
from bridge.sources import SOURCES


def read(path: Path) -> Settings:
    """Return the settings of a file; raises SettingsError."""
    return load(
        path,
        sinks=Models(SINKS),
        sources=Models(SOURCES),
        environ=os.environ,
    )

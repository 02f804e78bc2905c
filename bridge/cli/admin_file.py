"""Opens admin.db for a command, whether or not a process serves it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from bridge.cli.configuration import path_of
from bridge.errors import SettingsError
from bridge.settings import BridgeSettings, load_bridge
from bridge.settings.analytics import missing_extra

# No secret of the other tables is looked up.
READ: Final = ("state_dir", "secrets_dir", "sys", "analytics")


@contextmanager
def admin_file(config: Path | None) -> Iterator[tuple[Connection, BridgeSettings]]:
    """Open the file of a configuration while the block runs. Raises SettingsError and StoreUnusable."""
    from bridge.analytics.admin import for_command  # noqa: PLC0415 - it imports what an extra brings

    settings = load_bridge(path_of(config), os.environ, only=READ)
    with for_command(settings.analytics_folder) as connection:
        yield connection, settings


def require_analytics() -> None:
    """Return if this installation has what the analytics needs; raises SettingsError."""
    if fault := missing_extra():
        raise SettingsError(fault)

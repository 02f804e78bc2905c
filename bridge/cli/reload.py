"""`apim-bridge reload`: a changed configuration for the running bridge."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import typer

from bridge.cli.configuration import ConfigPath, read_state_dir
from bridge.cli.daemon import daemon
from bridge.errors import BridgeError, ControlError


def reload(config: ConfigPath) -> None:
    """Put a changed configuration to work without a restart, or say why it cannot be.

    The running bridge reads the file that it was started with. If that cannot be used, it goes on as it was, and
    this exits with 1. What did not change is not interrupted. SIGHUP does the same; its outcome is in the log.

    Example: apim-bridge reload --config /etc/apim-bridge/bridge.toml
    """
    try:
        answer = asyncio.run(_ask(config))
    except BridgeError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    for change in answer["changes"]:
        print(change)
    if answer["changes"]:
        print(f"configuration {answer['fingerprint']} is in force, after {answer['before']}")
    else:
        print(f"nothing changed: configuration {answer['fingerprint']} is in force")


async def _ask(config: Path) -> dict[str, Any]:
    # The bridge itself finds the faults of the file, so that its metrics and its status tell them, too.
    state_dir = read_state_dir(config)
    async with daemon(state_dir) as running:
        if running is None:
            raise ControlError(f"no bridge runs on {state_dir}; start one with `apim-bridge run`")
        return await running.command("reload")

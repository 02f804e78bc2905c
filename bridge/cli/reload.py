"""`apim-bridge reload`: applies a changed configuration to the running bridge."""

from pathlib import Path

import click

from bridge.cli.configuration import config_option, json_option
from bridge.cli.daemon import running
from bridge.cli.showing import json_text, show


@click.command
@config_option
@json_option
def reload(config: Path | None, as_json: bool) -> None:
    """Apply a changed configuration without a restart, or say why that is impossible.

    The running bridge reads the file that it was started with. If that cannot be used, it goes on as it was, and
    this exits with 1. What did not change is not interrupted. SIGHUP does the same; its outcome is in the log.
    --json answers `{"fingerprint": …, "before": …, "changes": […]}`.

    Example: apim-bridge reload --config /etc/apim-bridge/bridge.toml
    """
    # The bridge itself finds the faults of the file, so that its metrics and its status tell them, too.
    answer = running(config).command("reload")
    if as_json:
        print(json_text(answer, indent=2))
        return
    show(*answer["changes"])
    if answer["changes"]:
        show(f"configuration {answer['fingerprint']} is in force, after {answer['before']}")
    else:
        show(f"nothing changed: configuration {answer['fingerprint']} is in force")

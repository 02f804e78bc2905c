"""`apim-bridge workspace create --at moesif`: the same workspace, made in an account at Moesif."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from bridge.cli.configuration import path_of
from bridge.cli.showing import json_text, show
from bridge.cli.workspace_options import asked_workspace, understood
from bridge.settings import load_bridge

_READ: Final = ("state_dir", "secrets_dir", "sys", "analytics", "moesif_management")
_HERE: Final = {
    "within": "--within",
    "template": "--template",
    "shown": "--show",
    "live": "--live",
    "everything": "--everything",
    "expires": "--expires",
    "password_file": "--password-file",
}
"""What workspaces at Moesif do not have, or its API has no word for."""


def create_at_moesif(config: Path | None, given: Mapping[str, Any], *, as_json: bool) -> None:
    """Make a workspace at Moesif, and print its link; raises MoesifRefused."""
    from bridge.formats.moesif.workspaces import workspace_body  # noqa: PLC0415 - other commands need none of it
    from bridge.transports.moesif_management import make_workspace  # noqa: PLC0415 - see above

    for name, option in _HERE.items():
        if given[name]:
            raise click.UsageError(f"{option} is for workspaces here; leave it out with --at moesif")
    if not re.fullmatch(r"[1-9][0-9]{0,4}[mhdwM]", given["period"]):
        raise click.BadParameter(
            "write it as Moesif does: 1h, 24h, 1w, 4w, 12w or 52w", param_hint="--period"
        )
    settings = load_bridge(path_of(config), os.environ, only=_READ)
    account, asked = settings.moesif_management, asked_workspace(given, settings)
    body = understood(
        lambda: workspace_body(
            asked.name,
            asked.view,
            [dict(one) for one in asked.filters],
            given["period"],
            org=account.org,
            public=True,
        )
    )
    made = asyncio.run(make_workspace(account, body))
    if as_json:
        print(json_text({"id": made.id, "name": asked.name, "link": made.link}))
        return
    show(f"{asked.name} ({made.id or 'at Moesif'}): whoever has this link sees it")
    print(made.link)

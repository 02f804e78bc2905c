"""`apim-bridge schema`: the configuration as a JSON schema, for completion and checks in editors."""

import click

from bridge.cli.showing import json_text
from bridge.settings.kinds import Models
from bridge.settings.schema import schema as schema_of
from bridge.sinks import SINKS
from bridge.sources import SOURCES


@click.command
def schema() -> None:
    """Print the JSON schema of the configuration.

    Editors that know TOML (taplo, Even Better TOML) take it from the first line of a file:
    `#:schema bridge.schema.json`.

    Example: apim-bridge schema > bridge.schema.json
    """
    print(text())


def text() -> str:
    """Return the schema as it is printed."""
    return json_text(
        schema_of(
            sinks=Models(SINKS),
            sources=Models(SOURCES),
        ),
        indent=2,
    )

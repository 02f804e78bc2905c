"""`apim-bridge init`: an annotated configuration to begin with."""

import os
import sys
from pathlib import Path

import click

from bridge.cli.configuration import FILE
from bridge.cli.guard import say
from bridge.cli.sample import text
from bridge.cli.showing import show


@click.command
@click.argument(
    "output",
    metavar="[FILE]",
    type=FILE,
    default="bridge.toml",
    help="The file to write; - is standard output.  [default: bridge.toml]",
)
def init(output: Path) -> None:
    """Write an annotated configuration: every setting with its meaning, its unit and its default.

    It asks nothing, and overwrites nothing. What stands in it works once the path of the gateway's log and
    Moesif's key are right.

    Example: apim-bridge init /etc/apim-bridge/bridge.toml
    """
    if str(output) == "-":
        print(text(), end="")
        return
    try:
        # It may get keys: what others may read of it is their owner's choice.
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    except FileExistsError:
        say(f"apim-bridge: {output} is there already, and stays as it is; name another file")
        sys.exit(1)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a descriptor
        file.write(text())
    show(
        f"{output} is written. Now set",
        "  paths      in [bridge.sources.log]: where the gateway writes apim_metrics.log",
        "  moesifKey  in [apim.analytics.properties], or the environment variable MOESIF_KEY",
        "  type       in [apim.analytics]: the destinations, if it is not Moesif alone",
        f"and see whether it works: apim-bridge check --config {output}",
    )

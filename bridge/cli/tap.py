"""`apim-bridge tap`: events as they pass."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bridge.cli.configuration import config_option
from bridge.cli.daemon import running
from bridge.cli.guard import say
from bridge.cli.showing import json_text


@click.command
@config_option
@click.option(
    "--only",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Show only events with this value; may be repeated. `properties.subtype=AIAPI` works, too.",
)
@click.option(
    "--count",
    "-n",
    metavar="NUMBER",
    type=click.IntRange(min=0),
    default=0,
    help="End after this many events; 0: never.",
)
def tap(config: Path | None, only: tuple[str, ...], count: int) -> None:
    """Show events as they pass, one JSON object a line, masked as they are in the journal.

    Each line has `id`, `source` and `event`. Ends with Ctrl-C, or with the daemon.

    Example: apim-bridge tap --only apiName=PizzaShackAPI --only eventType=fault
    """
    choices = _choices(only)
    daemon = running(config)
    try:
        for shown, event in enumerate(daemon.stream("tap", only=choices), 1):
            print(json_text(event))
            sys.stdout.flush()
            if shown == count:
                return
    except KeyboardInterrupt:
        return


def _choices(texts: Sequence[str]) -> dict[str, list[str]]:
    choices: dict[str, list[str]] = {}
    for text in texts:
        field, found, value = text.partition("=")
        if not found:
            say(f"--only {text}: write FIELD=VALUE")
            sys.exit(2)
        choices.setdefault(field, []).append(value)
    return choices

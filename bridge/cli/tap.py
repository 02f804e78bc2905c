"""`apim-bridge tap`: events as they pass."""

import sys
from typing import Annotated

import typer

from bridge.cli.configuration import ConfigPath
from bridge.cli.daemon import running
from bridge.cli.guard import say
from bridge.cli.showing import json_text


def tap(
    config: ConfigPath = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="FIELD=VALUE",
            help="Show only events with this value; may be repeated. `properties.subtype=AIAPI` works, too.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=0, help="End after this many events; 0: never.")
    ] = 0,
) -> None:
    """Show events as they pass, one JSON object a line, masked as they are in the journal.

    Each line has `id`, `source` and `event`. Ends with Ctrl-C, or with the daemon.

    Example: apim-bridge tap --only apiName=PizzaShackAPI --only eventType=fault
    """
    choices = _choices(only or [])
    daemon = running(config)
    try:
        for shown, event in enumerate(daemon.stream("tap", only=choices), 1):
            print(json_text(event))
            sys.stdout.flush()
            if shown == count:
                return
    except KeyboardInterrupt:
        return


def _choices(texts: list[str]) -> dict[str, list[str]]:
    choices: dict[str, list[str]] = {}
    for text in texts:
        field, found, value = text.partition("=")
        if not found:
            say(f"--only {text}: write FIELD=VALUE")
            raise typer.Exit(2)
        choices.setdefault(field, []).append(value)
    return choices

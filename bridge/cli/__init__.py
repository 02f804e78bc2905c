"""The command line: `apim-bridge`."""

import sys
from importlib import import_module
from typing import Annotated, Final, NamedTuple

import typer

from bridge import __version__
from bridge.cli.sparing import sparing


class Command(NamedTuple):
    """Where a command is, under its own name, and its line in the list that `--help` shows."""

    module: str
    short_help: str


# In the order in which an operator needs them. Modules are named, not imported: the daemon would carry those of
# all others for as long as it runs.
COMMANDS: Final = {
    "run": Command("run", "Take events and deliver them: the daemon."),
    "check": Command("check", "Will it work? Every finding with its cure."),
    "status": Command("status", "What is wrong, what was delivered, what waits and why."),
    "reload": Command("reload", "Put a changed configuration to work."),
    "tap": Command("status", "Show events as they pass."),
    "dead-letters": Command("dead_letters", "List, show, export or purge what was refused."),
    "replay": Command("dead_letters", "Send dead letters again."),
    "rewind": Command("dead_letters", "Send what was delivered again."),
    "journal": Command("journal", "Verify, inspect or salvage the journal."),
    "version": Command("version", "Version, configuration's hash, libraries."),
    "demo": Command("demo", "Watch an outage and a kill -9 lose nothing."),
}


def command_line(asked: str = "") -> typer.Typer:
    """Return the command line with the command that is asked for, or with all where that is none's name."""
    app = typer.Typer(
        help="From a WSO2 gateway's analytics events to every destination that needs them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        # An example stands in one line, where the terminal has room for it.
        context_settings={"max_content_width": 110},
    )
    app.callback()(_root)
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        module, short_help = COMMANDS[name]
        with sparing():
            command = getattr(import_module(f"bridge.cli.{module}"), name.replace("-", "_"))
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, short_help=short_help)
        else:
            app.command(name, short_help=short_help)(command)
    return app


def _version(asked: bool) -> None:
    if asked:
        print(f"apim-bridge {__version__}")
        raise typer.Exit


def _root(
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Let options stand before the command."""


def main() -> None:
    """Run the command that was asked for."""
    command_line(*sys.argv[1:2])()

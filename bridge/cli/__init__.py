"""The command line: `apim-bridge`."""

from typing import Annotated

import typer

from bridge import __version__
from bridge.cli.check import check
from bridge.cli.dead_letters import dead_letters, replay, rewind
from bridge.cli.demo import demo
from bridge.cli.journal import journal
from bridge.cli.reload import reload
from bridge.cli.run import run
from bridge.cli.status import status, tap
from bridge.cli.version import version

app = typer.Typer(
    help="From a WSO2 gateway's analytics events to every destination that needs them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    # An example stands in one line, where the terminal has room for it.
    context_settings={"max_content_width": 110},
)
# In the order in which an operator needs them; the short words fit the list that `--help` shows.
app.command(short_help="Take events and deliver them: the daemon.")(run)
app.command(short_help="Will it work? Every finding with its cure.")(check)
app.command(short_help="What is wrong, what was delivered, what waits and why.")(status)
app.command(short_help="Put a changed configuration to work.")(reload)
app.command(short_help="Show events as they pass.")(tap)
app.add_typer(dead_letters, name="dead-letters", short_help="List, show, export or purge what was refused.")
app.command(short_help="Send dead letters again.")(replay)
app.command(short_help="Send what was delivered again.")(rewind)
app.add_typer(journal, name="journal", short_help="Verify, inspect or salvage the journal.")
app.command(short_help="Version, configuration's hash, libraries.")(version)
app.command(short_help="Watch an outage and a kill -9 lose nothing.")(demo)


def _version(asked: bool) -> None:
    if asked:
        print(f"apim-bridge {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Let options stand before the command."""


def main() -> None:
    """Run the command that was asked for."""
    app()

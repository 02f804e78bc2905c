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
)
app.command()(run)
app.command()(check)
app.command()(status)
app.command()(reload)
app.command()(tap)
app.command()(replay)
app.command()(rewind)
app.command()(demo)
app.command()(version)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(journal, name="journal")


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

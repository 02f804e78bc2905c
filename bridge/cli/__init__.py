"""The command line: `apim-bridge`."""

import signal
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

from bridge import __version__
from bridge.cli.guard import guard, open_standard_files
from bridge.cli.sparing import sparing


class Command(NamedTuple):
    """Where a command is, under its own name, and its line in the list that `--help` shows."""

    module: str
    short_help: str


# In the order in which an operator needs them. Modules are named, not imported: `--help` would wait for all of
# them, and the daemon would carry those of all others for as long as it runs.
COMMANDS: Final = {
    "init": Command("init", "Write an annotated configuration to begin with."),
    "check": Command("check", "Will it work? Every finding with its cure."),
    "run": Command("run", "Take events and deliver them: the daemon."),
    "analytics": Command("analytics", "Keep events to look at: the dashboard and its data API."),
    "workspace": Command("workspace", "Show some events to a customer: make, list or take back."),
    "erase": Command("erase", "Erase somebody's data from the analytics."),
    "token": Command("token", "Make, list or revoke tokens of the analytics."),
    "status": Command("status", "What is wrong, what was delivered, what waits and why."),
    "reload": Command("reload", "Apply a changed configuration."),
    "tap": Command("tap", "Show events as they pass."),
    "dead-letters": Command("dead_letters", "List, show, export or purge what was refused."),
    "replay": Command("replay", "Send dead letters again."),
    "rewind": Command("replay", "Send what was delivered again."),
    "journal": Command("journal", "Verify, inspect or salvage the journal."),
    "schema": Command("schema", "The configuration's JSON schema, for editors."),
    "completion": Command("completion", "Completion for bash, zsh or fish."),
    "version": Command("version", "Version, configuration's hash, libraries."),
    "demo": Command("demo", "Watch an outage and a kill -9 lose nothing."),
}


class _Commands(click.Group):
    """The commands by name, each imported when it is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command with this name, None if there is none."""
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = _imported(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command with this name, or name the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"there is no command {args[0]}" + (f"; did you mean {close[0]}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.short_help) for name, command in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        with guard():
            return super().invoke(ctx)


def command_line() -> click.Group:
    """Return the command line."""
    version = click.version_option(
        __version__, prog_name="apim-bridge", message="%(prog)s %(version)s", help="Print the version."
    )
    root = _Commands(
        "apim-bridge",
        help="Delivers a WSO2 gateway's analytics events to every destination, and loses none.",
        no_args_is_help=True,
        context_settings={
            # An example stands in one line, where the terminal has room for it.
            "max_content_width": 110,
            "help_option_names": ["-h", "--help"],
            "show_default": True,
        },
    )
    return version(root)


def _imported(name: str) -> click.Command:
    module, short_help = COMMANDS[name]
    with sparing():
        command: click.Command = getattr(import_module(f"bridge.cli.{module}"), name.replace("-", "_"))
    command.short_help = short_help
    return command


def main() -> None:
    """Run the command that was asked for."""
    open_standard_files()
    # A reader that has seen enough ends what only writes, as it ends every other program; commands that do more
    # than write hear of it (`guard`).
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    command_line()(prog_name="apim-bridge")

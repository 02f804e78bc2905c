"""`apim-bridge dead-letters`: what a destination refused, and what is parked."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from bridge.cli.configuration import AsJson, ConfigPath
from bridge.cli.daemon import Asked, asked
from bridge.cli.files import private_file
from bridge.cli.guard import say
from bridge.cli.letter_choice import (
    AllOption,
    NumbersArgument,
    ReasonOption,
    SinceOption,
    SinkOption,
    choose,
    deliberate,
)
from bridge.cli.showing import columns, json_text, printable
from bridge.errors import ControlError

dead_letters = typer.Typer(
    help="Events that a destination refused, kept with its answer; parked ones wait for their tenant's key.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dead_letters.command("list")
def list_letters(
    config: ConfigPath = None,
    sink: SinkOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, one line each. --json prints one object a line, in the form of `show`.

    Example: apim-bridge dead-letters list --sink moesif --since 24h
    """
    choice = choose(sink, reason, since)
    with asked(config) as bridge:
        if as_json:
            _export(bridge, sys.stdout, choice)
        else:
            _list(bridge, choice)


@dead_letters.command("show")
def show_letter(
    number: Annotated[int, typer.Argument(help="Number of the dead letter, from `list`.")],
    config: ConfigPath = None,
    as_json: AsJson = False,  # noqa: ARG001 - it is JSON anyhow
) -> None:
    """Show all of one dead letter: the event, and what the destination said. Always prints JSON.

    Example: apim-bridge dead-letters show 17
    """
    with asked(config) as bridge:
        letter = next(letters(bridge, choose(numbers=[number])), None)
    if letter is None:
        raise ControlError(
            f"there is no dead letter {number}; `apim-bridge dead-letters list` shows their numbers"
        )
    print(json_text(letter, indent=2))


@dead_letters.command("export")
def export_letters(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write; - is standard output.")
    ],
    config: ConfigPath = None,
    sink: SinkOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write dead letters as newline-delimited JSON, with reasons and answers.

    --json says how many on standard error, as `{"written": 17}`.

    Example: apim-bridge dead-letters export --output refused.ndjson
    """
    choice = choose(sink, reason, since)
    with asked(config) as bridge:
        if str(output) == "-":
            written = _export(bridge, sys.stdout, choice)
        else:
            with private_file(output) as file:
                written = _export(bridge, file, choice)
    say(json_text({"written": written}) if as_json else f"{written} dead letters written")


@dead_letters.command("purge")
def purge_letters(
    config: ConfigPath = None,
    numbers: NumbersArgument = None,
    sink: SinkOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    everything: AllOption = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good. --json answers `{"purged": 17}`.

    Example: apim-bridge dead-letters purge --sink moesif --reason too_large
    """
    choice = deliberate(choose(sink, reason, since, numbers), everything=everything)
    with asked(config) as bridge:
        answer = bridge.command("purge", **choice)
    print(json_text(answer) if as_json else f"{answer['purged']} dead letters deleted")


def _list(bridge: Asked, choice: dict[str, Any]) -> None:
    head = f"{'number':>8}  {'refused':24}  {'sink':10}  {'reason':12}  {'status':>6}  answer"
    for letter in letters(bridge, choice):
        if head:
            print(head)
            head = ""
        whose = f"[{letter['tenant']}] " if letter["tenant"] else ""
        answer = whose + " ".join(letter["answer"].split())
        line = printable(
            f"{letter['number']:>8}  {letter['failed']:24}  {letter['sink']:10}  {letter['reason']:12}"
            f"  {letter['status'] or '-':>6}  {answer}"
        )
        print(line[: columns()])
    if head:
        print("no dead letters")


def _export(bridge: Asked, file: TextIO, choice: dict[str, Any]) -> int:
    # One letter at a time, whatever their number.
    written = 0
    for letter in letters(bridge, choice):
        file.write(json_text(letter) + "\n")
        written += 1
    file.flush()
    return written


def letters(bridge: Asked, choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the chosen dead letters, a page at a time."""
    after = 0
    while True:
        page = bridge.command("dead-letters", after=after, **choice)["letters"]
        for letter in page:
            yield letter
            after = letter["number"]
        if not page:
            return

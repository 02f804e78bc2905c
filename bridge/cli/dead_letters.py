"""`apim-bridge dead-letters`: what a destination refused, and what is parked."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from bridge.cli.configuration import FILE, config_option, json_option
from bridge.cli.daemon import Asked, asked
from bridge.cli.files import private_file
from bridge.cli.groups import InOrder
from bridge.cli.guard import say
from bridge.cli.letter_choice import (
    all_option,
    choose,
    deliberate,
    numbers_argument,
    reason_option,
    since_option,
    sink_option,
)
from bridge.cli.showing import columns, json_text, printable
from bridge.errors import ControlError


@click.group(cls=InOrder)
def dead_letters() -> None:
    """Events that a destination refused, kept with its answer; parked ones wait for their tenant's key."""


@dead_letters.command("list")
@config_option
@sink_option
@reason_option
@since_option
@json_option
def list_letters(
    config: Path | None, sink: str | None, reason: str | None, since: str | None, as_json: bool
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
@click.argument("number", type=int, metavar="NUMBER", help="Number of the dead letter, from `list`.")
@config_option
@json_option
def show_letter(number: int, config: Path | None, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyhow
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
@click.option(
    "--output", "-o", metavar="FILE", type=FILE, required=True, help="File to write; - is standard output."
)
@config_option
@sink_option
@reason_option
@since_option
@json_option
def export_letters(
    output: Path,
    config: Path | None,
    sink: str | None,
    reason: str | None,
    since: str | None,
    as_json: bool,
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
@numbers_argument
@config_option
@sink_option
@reason_option
@since_option
@all_option
@json_option
def purge_letters(
    numbers: tuple[int, ...],
    config: Path | None,
    sink: str | None,
    reason: str | None,
    since: str | None,
    everything: bool,
    as_json: bool,
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

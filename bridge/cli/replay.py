"""`apim-bridge replay` and `apim-bridge rewind`: sending again."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from bridge.cli.configuration import config_option, json_option
from bridge.cli.daemon import asked
from bridge.cli.guard import say
from bridge.cli.letter_choice import (
    all_option,
    choose,
    deliberate,
    moment_ms,
    numbers_argument,
    reason_option,
    since_option,
)
from bridge.cli.showing import json_text, printable, show


class _Outcome(NamedTuple):
    delivered: int
    refused: int


@click.command
@numbers_argument
@click.option("--sink", metavar="NAME", required=True, help="Sink whose dead letters to send again.")
@config_option
@reason_option
@since_option
@all_option
@json_option
def replay(
    numbers: tuple[int, ...],
    sink: str,
    config: Path | None,
    reason: str | None,
    since: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Map dead letters anew and send them again. Delivered ones leave the list; others stay with their new reason.

    It can be repeated without sending twice what was delivered. Exits with 1 when something was refused again.
    Without a running bridge it sends by itself, and needs the secrets of the configuration. --json answers
    `{"delivered": 16, "refused_again": 1}`.

    Example: apim-bridge replay --sink moesif --all
    """
    choice = deliberate(choose(sink, reason, since, numbers), everything=everything)
    outcome = _replay(config, choice, quiet=as_json)
    if as_json:
        print(json_text({"delivered": outcome.delivered, "refused_again": outcome.refused}))
    else:
        print(f"{outcome.delivered} delivered, {outcome.refused} refused again")
    if outcome.refused:
        say(f"see apim-bridge dead-letters list --sink {sink}")
        sys.exit(1)


@click.command
@click.option("--sink", metavar="NAME", required=True, help="Sink to send the events to again.")
@click.option(
    "--to",
    metavar="WHEN",
    required=True,
    help="Send events received since this time (2026-11-20T10:00Z) or within this age (2h).",
)
@config_option
@json_option
def rewind(sink: str, to: str, config: Path | None, as_json: bool) -> None:
    """Send a sink what it was sent before, from a time of receipt on. Events keep their ids.

    --json answers `{"sink": "moesif", "events": 17, "from": "2026-11-20T10:00:00.000Z"}`.

    Example: apim-bridge rewind --sink moesif --to 2026-11-20T10:00Z
    """
    moment = moment_ms(to)
    with asked(config) as bridge:
        answer = bridge.command("rewind", sink=sink, to_ms=moment)
    if as_json:
        print(json_text(answer))
    elif answer["events"]:
        show(f"{sink} gets {answer['events']} events again, received since {answer['from']}")
    else:
        show(f"{sink} has not had anything since then; nothing to do")


def _replay(config: Path | None, choice: dict[str, Any], *, quiet: bool) -> _Outcome:
    progress = _Progress(shown=not quiet and sys.stderr.isatty())
    outcome = _Outcome(0, 0)
    with asked(config, sinks=True) as bridge:
        steps = bridge.stream("replay", **choice)
        first = next(steps)
        if first["too_old"]:
            say(
                f"note: {first['too_old']} of {first['total']} events are older than "
                f"{first['max_age_seconds'] / 86400:.0f} days, which this destination refuses"
            )
        try:
            for step in steps:
                outcome = _Outcome(step["delivered"], step["refused"])
                progress.tell(sum(outcome), first["total"], step["trouble"])
        finally:
            progress.end()
    return outcome


class _Progress:
    """One line on the terminal: how far the replay is, and what it waits for."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown

    def tell(self, done: int, total: int, trouble: str) -> None:
        if self._shown:
            waits = f" (waits: {trouble})" if trouble else ""
            sys.stderr.write(f"\r\x1b[K{printable(f'replaying {done:,} of {total:,}{waits}')[:100]}")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

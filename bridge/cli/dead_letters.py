"""`apim-bridge dead-letters`, `replay` and `rewind`: what a destination refused, what is parked, and sending again."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.configuration import ConfigPath, settings_of
from bridge.cli.daemon import Asked, asked
from bridge.settings import Settings, parse_duration

dead_letters = typer.Typer(
    help="Events that a destination refused, kept with its answer; parked ones wait for their tenant's key.",
    no_args_is_help=True,
)

Sink = Annotated[str | None, typer.Option("--sink", help="Only this sink's.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only with this reason.")]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Only refused since then: 2026-11-20T10:00Z, or an age such as 2h."),
]
Numbers = Annotated[list[int] | None, typer.Argument(help="Numbers of dead letters.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@dead_letters.command("list")
def list_letters(config: ConfigPath, sink: Sink = None, reason: Reason = None, since: Since = None) -> None:
    """List dead letters, one line each.

    Example: apim-bridge dead-letters list --config bridge.toml --sink moesif --since 24h
    """
    with settings_of(config) as settings:
        asyncio.run(_list(settings, _choice(sink, reason, since)))


@dead_letters.command("show")
def show_letter(config: ConfigPath, number: int) -> None:
    """Show one dead letter whole: the event, and what the destination said.

    Example: apim-bridge dead-letters show --config bridge.toml 17
    """
    with settings_of(config) as settings:
        letters = asyncio.run(_fetch(settings, _choice(numbers=[number])))
        if not letters:
            print(f"there is no dead letter {number}", file=sys.stderr)
            raise typer.Exit(1)
        print(json.dumps(letters[0], indent=2, ensure_ascii=False))


@dead_letters.command("export")
def export_letters(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - is standard output.")],
    sink: Sink = None,
    reason: Reason = None,
    since: Since = None,
) -> None:
    """Write dead letters as newline-delimited JSON, with reasons and answers.

    Example: apim-bridge dead-letters export --config bridge.toml --output refused.ndjson
    """
    with settings_of(config) as settings:
        written = asyncio.run(_export(settings, output, _choice(sink, reason, since)))
        print(f"{written} dead letters written", file=sys.stderr)


@dead_letters.command("purge")
def purge_letters(
    config: ConfigPath,
    numbers: Numbers = None,
    sink: Sink = None,
    reason: Reason = None,
    since: Since = None,
    everything: All = False,
) -> None:
    """Delete dead letters for good.

    Example: apim-bridge dead-letters purge --config bridge.toml --sink moesif --reason too_large
    """
    with settings_of(config) as settings:
        choice = _deliberate(_choice(sink, reason, since, numbers), everything=everything)
        answer = asyncio.run(_command(settings, "purge", choice))
        print(f"{answer['purged']} dead letters deleted")


def replay(
    config: ConfigPath,
    sink: Annotated[str, typer.Option("--sink", help="The sink whose dead letters are sent again.")],
    numbers: Numbers = None,
    reason: Reason = None,
    since: Since = None,
    everything: All = False,
) -> None:
    """Send dead letters again, mapped anew; what is delivered leaves the list, the rest stays with its new reason.

    It can be repeated without sending twice what was delivered. Exits with 1 when something was refused again.

    Example: apim-bridge replay --config bridge.toml --sink moesif --all
    """
    with settings_of(config) as settings:
        choice = _deliberate(_choice(sink, reason, since, numbers), everything=everything)
        delivered, refused = asyncio.run(_replay(settings, choice))
        print(f"{delivered} delivered, {refused} refused again")
        if refused:
            print(f"see apim-bridge dead-letters list --sink {sink}", file=sys.stderr)
            raise typer.Exit(1)


def rewind(
    config: ConfigPath,
    sink: Annotated[str, typer.Option("--sink", help="The sink that is to get events again.")],
    to: Annotated[
        str, typer.Option("--to", help="Received since then: 2026-11-20T10:00Z, or an age such as 2h.")
    ],
) -> None:
    """Put a sink's cursor back by receive time, within what is kept; events go out again with the same ids.

    Example: apim-bridge rewind --config bridge.toml --sink moesif --to 2026-11-20T10:00Z
    """
    with settings_of(config) as settings:
        answer = asyncio.run(_command(settings, "rewind", {"sink": sink, "to_ms": _moment_ms(to)}))
        if answer["events"]:
            print(f"{sink} gets {answer['events']} events again, received since {answer['from']}")
        else:
            print(f"{sink} has not had anything since then; nothing to do")


async def _command(settings: Settings, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    async with asked(settings) as bridge:
        return await bridge.command(name, **arguments)


async def _fetch(settings: Settings, choice: dict[str, Any]) -> list[dict[str, Any]]:
    async with asked(settings) as bridge:
        return [letter async for letter in _letters(bridge, choice)]


async def _list(settings: Settings, choice: dict[str, Any]) -> None:
    print(f"{'number':>8}  {'refused':24}  {'sink':10}  {'reason':12}  {'status':>6}  answer")
    async with asked(settings) as bridge:
        async for letter in _letters(bridge, choice):
            whose = f"[{letter['tenant']}] " if letter["tenant"] else ""
            answer = whose + " ".join(letter["answer"].split())[:80]
            print(
                f"{letter['number']:>8}  {letter['failed']:24}  {letter['sink']:10}  {letter['reason']:12}"
                f"  {letter['status'] or '-':>6}  {answer}"
            )


async def _export(settings: Settings, output: Path, choice: dict[str, Any]) -> int:
    written = 0
    # Written by hand from standard output's descriptor or a file: one letter at a time, whatever their number.
    with open(output, "w", encoding="utf-8") if str(output) != "-" else sys.stdout as file:  # noqa: ASYNC230, PTH123 - a command has nothing else to do meanwhile
        async with asked(settings) as bridge:
            async for letter in _letters(bridge, choice):
                file.write(json.dumps(letter, ensure_ascii=False) + "\n")
                written += 1
    return written


async def _letters(bridge: Asked, choice: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while True:
        page = (await bridge.command("dead-letters", after=after, **choice))["letters"]
        for letter in page:
            yield letter
            after = letter["number"]
        if not page:
            return


async def _replay(settings: Settings, choice: dict[str, Any]) -> tuple[int, int]:
    from rich.console import Console  # noqa: PLC0415 - as below
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - slow to import

    delivered = refused = 0
    async with asked(settings) as bridge:
        steps = bridge.stream("replay", **choice)
        first = await anext(steps)
        if first["too_old"]:
            print(
                f"note: {first['too_old']} of {first['total']} events are older than "
                f"{first['max_age_seconds'] / 86400:.0f} days, which this destination refuses",
                file=sys.stderr,
            )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("replaying", total=first["total"])
            async for step in steps:
                delivered, refused = step["delivered"], step["refused"]
                waits = f" (waits: {step['trouble']})" if step["trouble"] else ""
                progress.update(task, completed=delivered + refused, description=f"replaying{waits}")
    return delivered, refused


def _choice(
    sink: str | None = None,
    reason: str | None = None,
    since: str | None = None,
    numbers: list[int] | None = None,
) -> dict[str, Any]:
    choice: dict[str, Any] = {"sink": sink, "reason": reason, "numbers": numbers or []}
    if since is not None:
        choice["since_ms"] = _moment_ms(since)
    return {key: value for key, value in choice.items() if value}


def _deliberate(choice: dict[str, Any], *, everything: bool) -> dict[str, Any]:
    if not everything and not choice.keys() & {"numbers", "reason", "since_ms"}:
        print("say which: numbers, --reason, --since, or --all", file=sys.stderr)
        raise typer.Exit(2)
    return choice


def _moment_ms(text: str) -> int:
    """Return a time, or an age before now, in milliseconds since the epoch."""
    try:
        return int((time.time() - parse_duration(text)) * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        print(
            f"{text!r} is no time; write 2026-11-20T10:00Z, or an age such as 90m, 2h or 1d", file=sys.stderr
        )
        raise typer.Exit(2) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)

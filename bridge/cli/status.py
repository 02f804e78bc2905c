"""`apim-bridge status` and `apim-bridge tap`: what the bridge is doing."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.configuration import ConfigPath, read, read_state_dir, settings_of
from bridge.cli.daemon import asked, daemon
from bridge.cli.status_report import report, troubles
from bridge.errors import BridgeError, SettingsError
from bridge.settings import Settings


def status(
    config: ConfigPath,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for machines.")] = False,
) -> None:
    """Show what is wrong and what to do; then what was taken, what was delivered and what waits.

    Asks the running daemon; without one, reads the state folder. Exits with 1 when a sink is in trouble, a
    tenant's events are parked, the bridge takes no events, or the last reload was refused.

    Example: apim-bridge status --config bridge.toml
    """
    try:
        facts = asyncio.run(_ask_running(config))
    except BridgeError as error:
        print(f"apim-bridge: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    running = facts is not None
    if facts is None:
        with settings_of(config) as settings:
            facts = asyncio.run(_ask(settings))
    if as_json:
        print(json.dumps({"running": running, **facts}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(report(facts, running=running)))
        if running:
            _compare(config, facts["configuration"]["fingerprint"])
    if list(troubles(facts)):
        raise typer.Exit(1)


def tap(
    config: ConfigPath,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="FIELD=VALUE", help="Again for more; `properties.subtype=AIAPI` works, too."
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="End after so many events; 0: never.")] = 0,
) -> None:
    """Show events as they pass, one JSON object a line, masked as they are in the journal.

    Example: apim-bridge tap --config bridge.toml --only apiName=PizzaShackAPI --only eventType=fault
    """
    with settings_of(config) as settings:
        try:
            asyncio.run(_tap(settings, _choices(only or []), count))
        except (KeyboardInterrupt, BrokenPipeError):
            raise typer.Exit(0) from None


async def _ask_running(config: Path) -> dict[str, Any] | None:
    # A file with a fresh fault must not hide a bridge that runs with what was there before.
    try:
        state_dir = read_state_dir(config)
    except SettingsError:
        return None
    async with daemon(state_dir) as bridge:
        return None if bridge is None else await bridge.command("status")


async def _ask(settings: Settings) -> dict[str, Any]:
    async with asked(settings) as bridge:
        return await bridge.command("status")


def _compare(config: Path, in_force: str) -> None:
    try:
        written = read(config).fingerprint
    except SettingsError as error:
        print(f"note: the configuration cannot be used as it is now written:\n{error}")
        return
    if written != in_force:
        print(f"note: {config} is now {written}, not {in_force}: `apim-bridge reload` puts it to work")


async def _tap(settings: Settings, only: dict[str, list[str]], count: int) -> None:
    async with asked(settings, needs_daemon=True) as bridge:
        shown = 0
        async for event in bridge.stream("tap", only=only):
            print(json.dumps(event, ensure_ascii=False), flush=True)
            shown += 1
            if shown == count:
                return


def _choices(texts: list[str]) -> dict[str, list[str]]:
    choices: dict[str, list[str]] = {}
    for text in texts:
        field, found, value = text.partition("=")
        if not found:
            print(f"--only {text}: write FIELD=VALUE", file=sys.stderr)
            raise typer.Exit(2)
        choices.setdefault(field, []).append(value)
    return choices

"""`apim-bridge status`: what the bridge is doing."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from bridge.cli.configuration import config_option, json_option, path_of
from bridge.cli.daemon import asked
from bridge.cli.showing import BOLD, FAINT, GREEN, RED, YELLOW, json_text, on_terminal, paint, wrapped
from bridge.cli.status_report import label_width, report, troubles
from bridge.document.reading import fingerprint, parse
from bridge.errors import ControlError, SettingsError

_WATCH_SECONDS: Final = 2
# To the top left, and away with what is left of the last look (ECMA-48).
_TOP: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"
_CLEAR: Final = "\x1b[2J"

_COLOURS: Final = {"TROUBLE": RED, "- ": YELLOW, "all is well": GREEN, "note: ": FAINT, "apim-bridge ": BOLD}


@click.command
@config_option
@json_option
@click.option("--watch", "-w", is_flag=True, help="Look again every 2 seconds, until Ctrl-C.")
def status(config: Path | None, as_json: bool, watch: bool) -> None:
    """Show what is wrong and what to do; then what was taken, what was delivered and what waits.

    Asks the running daemon; without one, reads the state folder. Exits with 1 when a sink is in trouble, a
    tenant's events are parked, the bridge takes no events, or the last reload was refused.

    Example: apim-bridge status --watch
    """
    if watch:
        _watch(config, as_json=as_json)
        return
    facts = _ask(config)
    _print(config, facts, as_json=as_json)
    if list(troubles(facts)):
        sys.exit(1)


def _ask(config: Path | None) -> dict[str, Any]:
    with asked(config) as bridge:
        return {"running": bridge.running, **bridge.command("status")}


def _print(config: Path | None, facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json_text(facts, indent=2))
    else:
        print("\n".join(_screen(config, facts)))


def _screen(config: Path | None, facts: dict[str, Any]) -> Iterator[str]:
    """Yield lines that fit the terminal, in colour if it is one."""
    lines = list(report(facts, running=facts["running"]))
    if facts["running"]:
        lines += _compare(path_of(config), facts["configuration"]["fingerprint"])
    for line in lines:
        colour = next((colour for start, colour in _COLOURS.items() if line.startswith(start)), "")
        indentation = " " * (
            2 if line.startswith("- ") else 6 if line.startswith("note: ") else label_width(facts)
        )
        yield from (paint(piece, colour) if colour else piece for piece in wrapped(line, indentation))


def _compare(path: Path, in_force: str) -> Iterator[str]:
    try:
        written = fingerprint(parse(path))
    except SettingsError as error:
        yield f"note: the configuration cannot be used as it is now written: {error}"
        return
    if written != in_force:
        yield (
            f"note: {path} is now {written}, not {in_force}: `apim-bridge check` looks at it, `apim-bridge reload` "
            "puts it to work"
        )


def _watch(config: Path | None, *, as_json: bool) -> None:
    screen = on_terminal() and not as_json
    if screen:
        sys.stdout.write(_CLEAR)
    try:
        while True:
            _look(config, as_json=as_json, screen=screen)
            sys.stdout.flush()
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        return


def _look(config: Path | None, *, as_json: bool, screen: bool) -> None:
    """Show the state once; if no daemon runs yet, say so."""
    facts: dict[str, Any]
    try:
        facts = _ask(config)
    except ControlError as error:
        facts = {"error": str(error)}
    if as_json:
        print(json_text(facts))
        return
    lines = (
        wrapped(f"apim-bridge: {facts['error']}", "  ") if "error" in facts else list(_screen(config, facts))
    )
    if not screen:
        print("\n".join([*lines, ""]))
        return
    # What does not fit would scroll, and the next look would begin in the middle.
    shown = lines[: os.get_terminal_size().lines - 1]
    sys.stdout.write(_TOP + "".join(f"{line}{_REST_OF_LINE}\n" for line in shown) + _REST_OF_SCREEN)

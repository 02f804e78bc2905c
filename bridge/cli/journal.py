"""`apim-bridge journal`: looks into the journal's file, verifies it, and rescues events from a damaged one."""

import sys
from pathlib import Path

import click

from bridge.cli.configuration import config_option, json_option
from bridge.cli.groups import InOrder
from bridge.cli.journal_file import DamagedFile, from_option, journal_file, opened, print_line
from bridge.cli.journal_view import facts_of, show_inside, table
from bridge.cli.salvage import salvage
from bridge.cli.showing import json_text, show
from bridge.journal import BlockCorrupt, StateLock
from bridge.journal.schema import FILE_NAME
from bridge.journal.tools.inspection import Inspection
from bridge.journal.tools.verification import Flaw, Verification
from bridge.sources import SOURCES


@click.group(cls=InOrder)
def journal() -> None:
    """Look into the journal, verify it, and rescue events from a damaged one."""


journal.add_command(salvage)


@journal.command("verify")
@config_option
@from_option
@json_option
def verify(config: Path | None, source: Path | None, as_json: bool) -> None:
    """Check the journal: every block's checksums, counts and events, cursors, positions, books and schema.

    Works beside a running bridge; without one, every page of the file is looked at, too. Exits with 1 when
    something is wrong, and says what to do. --json answers `{"path": …, "blocks": …, "events": …,
    "dead_letters": …, "running": …, "findings": [{"where": …, "what": …, "cure": …}]}`.

    Example: apim-bridge journal verify
    """
    path = journal_file(config, source)
    with opened(path) as connection:
        running = path.name == FILE_NAME and StateLock.is_held(path.parent)
        checks = Verification(connection)
        flaws = [*checks.flaws(pages=not running), *_positions(checks)]
        if as_json:
            facts = {
                "path": str(path),
                "blocks": checks.blocks,
                "events": checks.events,
                "dead_letters": checks.letters,
                "running": running,
                "findings": [{"where": one.where, "what": one.what, "cure": one.cure} for one in flaws],
            }
            print(json_text(facts, indent=2))
        else:
            show(
                f"{path}: {checks.blocks:,} blocks, {checks.events:,} readable events, {checks.letters:,} dead letters"
                + (
                    "; a bridge is running on it: pages that hold no block were not looked at"
                    if running
                    else ""
                )
            )
            if not flaws:
                print("everything is sound")
            else:
                table(
                    ("where", "what is wrong", "what to do"),
                    [(one.where, one.what, one.cure) for one in flaws],
                )
        if flaws:
            sys.exit(1)


@journal.command("inspect")
@config_option
@from_option
@click.option(
    "--block", metavar="NUMBER", type=int, help="Print this block's events, one JSON object a line."
)
@click.option(
    "--newest",
    "-n",
    metavar="NUMBER",
    type=click.IntRange(min=0),
    default=20,
    help="Number of blocks to show, the newest ones.",
)
@json_option
def inspect(config: Path | None, source: Path | None, block: int | None, newest: int, as_json: bool) -> None:
    """Show what is inside: blocks and who still needs them, cursors, positions, dead letters, totals.

    --json has the same as lists, with the names of the columns as keys.

    Example: apim-bridge journal inspect --block 17
    """
    path = journal_file(config, source)
    with opened(path) as connection:
        inside = Inspection(connection)
        if block is not None:
            _show_events(path, inside, block)
        elif as_json:
            print(json_text(facts_of(path, inside, newest), indent=2))
        else:
            show_inside(facts_of(path, inside, newest))


def _show_events(path: Path, inside: Inspection, block: int) -> None:
    try:
        events = inside.events(block)
    except BlockCorrupt as error:
        raise DamagedFile(
            f"{error}; apim-bridge journal salvage --doubtful gets out of it what can be read"
        ) from error
    if events is None:
        raise DamagedFile(f"{path} has no block {block}; `apim-bridge journal inspect` shows which there are")
    for name, body in events:
        print_line(b'{"id":"' + name.encode() + b'","event":' + body + b"}")


def _positions(checks: Verification) -> list[Flaw]:
    return [
        Flaw(f"position {key} of source {source}", "it says nothing", cure)
        for source, rows in checks.positions.items()
        for kind in SOURCES.there()
        for key, cure in kind.unreadable(rows)
    ]

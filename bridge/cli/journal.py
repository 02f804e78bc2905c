"""`apim-bridge journal`: what is in the journal's file, whether it is sound, and its events out of a damaged one."""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from bridge.cli.journal_file import Config, From, journal_file, opened, print_line
from bridge.cli.salvage import salvage
from bridge.errors import JournalUnusable
from bridge.events.times import format_ms
from bridge.journal import BlockCorrupt, StateLock
from bridge.journal.schema import FILE_NAME
from bridge.journal.tools.inspection import Inspection
from bridge.journal.tools.verification import Flaw, Verification
from bridge.sources import SOURCES

journal = typer.Typer(
    help="Look into the journal, check it, and get events out of a damaged one.", no_args_is_help=True
)
journal.command("salvage")(salvage)

_POSITION_CHARACTERS: Final = 100


@journal.command("verify")
def verify(config: Config = None, source: From = None) -> None:
    """Check the journal: every block's checksums, counts and events, cursors, positions, books and schema.

    Works beside a running bridge; without one, every page of the file is looked at, too. Exits with 1 when
    something is wrong, and says what to do.

    Example: apim-bridge journal verify --config bridge.toml
    """
    with journal_file(config, source) as path, opened(path) as connection:
        running = path.name == FILE_NAME and StateLock.is_held(path.parent)
        checks = Verification(connection)
        flaws = [*checks.flaws(pages=not running), *_positions(checks)]
        print(
            f"{path}: {checks.blocks:,} blocks, {checks.events:,} readable events, {checks.letters:,} dead letters"
            + (
                ""
                if not running
                else "; a bridge is running on it: pages that hold no block were not looked at"
            )
        )
        if not flaws:
            print("everything is sound")
            return
        _table(("where", "what is wrong", "what to do"), [(one.where, one.what, one.cure) for one in flaws])
        raise typer.Exit(1)


@journal.command("inspect")
def inspect(
    config: Config = None,
    source: From = None,
    block: Annotated[
        int | None, typer.Option("--block", help="Print this block's events, one JSON object a line.")
    ] = None,
    newest: Annotated[
        int, typer.Option("--newest", "-n", min=0, help="Show so many of the last blocks.")
    ] = 20,
) -> None:
    """Show what is inside: blocks and who still needs them, cursors, positions, dead letters, totals.

    Example: apim-bridge journal inspect --config bridge.toml --block 17
    """
    with journal_file(config, source) as path, opened(path) as connection:
        inside = Inspection(connection)
        if block is None:
            _show(path, inside, newest)
            return
        try:
            events = inside.events(block)
        except BlockCorrupt as error:
            raise JournalUnusable(
                f"{error}; apim-bridge journal salvage --doubtful gets out of it what can be read"
            ) from error
        if events is None:
            raise JournalUnusable(f"{path} has no block {block}")
        for name, body in events:
            print_line(b'{"id":"' + name.encode() + b'","event":' + body + b"}")


def _positions(checks: Verification) -> list[Flaw]:
    return [
        Flaw(f"position {key} of source {source}", "it says nothing", cure)
        for source, rows in checks.positions.items()
        for kind in SOURCES.there()
        for key, cure in kind.unreadable(rows)
    ]


def _show(path: Path, inside: Inspection, newest: int) -> None:
    now_ms = time.time() * 1000
    count, events, stored = inside.block_sums()
    size = sum(
        side.stat().st_size
        for suffix in ("", "-wal")
        if (side := path.with_name(path.name + suffix)).exists()
    )
    print(f"{path}: {size:,} bytes; {count:,} blocks with {events:,} events take {stored:,} bytes")
    shown = inside.blocks(newest)
    if shown:
        print(f"\nblocks (the last {len(shown)} of {count:,})")
    _table(
        ("block", "source", "received", "age", "events", "bytes", "on disk", "needed by"),
        [
            (
                str(block.seq),
                block.source,
                format_ms(block.received_ms),
                f"{(now_ms - block.received_ms) / 1000:,.0f} s",
                f"{block.events:,}",
                f"{block.raw_bytes:,}",
                f"{block.stored_bytes:,}",
                "corrupt" if block.corrupt else ", ".join(block.needed_by) or "nobody",
            )
            for block in shown
        ],
    )
    print("\ncursors")
    _table(
        ("sink", "next block", "event", "pending", "state bytes", "left the configuration"),
        [
            (
                cursor.sink,
                str(cursor.seq),
                str(cursor.at),
                f"{cursor.pending:,}",
                f"{cursor.state_bytes:,}",
                "" if cursor.removed_ms is None else format_ms(cursor.removed_ms),
            )
            for cursor in inside.cursors()
        ],
    )
    print("\npositions")
    _table(
        ("source", "key", "value"),
        [
            (source, key, value.decode("utf-8", "replace")[:_POSITION_CHARACTERS])
            for source, key, value in inside.positions()
        ],
    )
    print("\ndead letters")
    _table(
        ("sink", "reason", "letters", "bytes"),
        [(one.sink, one.reason, f"{one.letters:,}", f"{one.bytes:,}") for one in inside.letters()],
    )
    print("\ntotals")
    _table(
        ("total", "of", "reason", "events"),
        [(name, owner, reason, f"{value:,}") for name, owner, reason, value in inside.totals() if value],
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if not rows:
        print("none")
        return
    # Rich costs a tenth of a second and some memory: only those who look pay for it.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    table = Table(*heads)
    for row in rows:
        # As text: what stands in a file is never markup.
        table.add_row(*(Text(cell) for cell in row))
    # A pipe has no width, and half a line is no use to it.
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)

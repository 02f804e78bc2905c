"""`apim-bridge journal salvage`: every readable event out of a damaged, set-aside or copied journal."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from bridge.cli.configuration import settings_of
from bridge.cli.daemon import asked
from bridge.cli.journal_file import Config, From, journal_file, print_line
from bridge.journal.schema import FILE_NAME
from bridge.journal.tools.recovery import Readable, Recovery, recovering
from bridge.settings import Settings

_PAGE_BYTES: Final = 2**20


def salvage(
    config: Config = None,
    source: From = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, one event a line; - is standard output."),
    ] = None,
    into_journal: Annotated[
        bool,
        typer.Option("--into-journal", help="Journal again, under their own ids, what this journal has not."),
    ] = False,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only what not every sink has had, and dead letters.")
    ] = False,
    doubtful: Annotated[
        bool,
        typer.Option(
            "--doubtful", help="Also from blocks whose checksum fails; a character in them may be wrong."
        ),
    ] = False,
) -> None:
    """Get every readable event out of a damaged, set-aside or copied journal; the file is never written to.

    With --output they can be POSTed to /events or put into a followed log. With --into-journal they go into
    the configured journal, and from there to every sink; what is there already is left out, so that it can
    be repeated. Exits with 1 when something could not be read.

    Example: apim-bridge journal salvage --config bridge.toml --from journal.db.damaged-20261121T1000 --into-journal
    """
    if (output is None) is not into_journal:
        print("say where to: --output FILE, or --into-journal", file=sys.stderr)
        raise typer.Exit(2)
    if into_journal and config is None:
        print("--into-journal needs --config: into which journal?", file=sys.stderr)
        raise typer.Exit(2)
    with journal_file(config, source) as path:
        if output is not None:
            with recovering(path) as recovery:
                tally = _Tally(recovery.events(undelivered=undelivered), doubtful=doubtful)
                _tell(_write(tally, output), 0, tally, recovery)
        else:
            assert config is not None  # noqa: S101 - looked at above
            with settings_of(config) as settings:
                recovery = asyncio.run(_put_back(settings, path, undelivered=undelivered, doubtful=doubtful))
        if recovery.damaged_blocks:
            raise typer.Exit(1)


class _Tally:
    """Lets through the events that are wanted, and counts the others."""

    def __init__(self, events: Iterator[Readable], *, doubtful: bool) -> None:
        self._events = events
        self._doubtful = doubtful
        self.left_out = 0
        self.doubtful = 0

    def __iter__(self) -> Iterator[Readable]:
        for found in self._events:
            if not found.doubtful:
                yield found
            elif self._doubtful:
                self.doubtful += 1
                yield found
            else:
                self.left_out += 1


def _write(events: _Tally, output: Path) -> int:
    written = 0
    if str(output) == "-":
        for found in events:
            print_line(found.body)
            written += 1
        return written
    # Events are nobody else's business (0600).
    with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:  # noqa: PTH123 - of a descriptor
        for found in events:
            file.write(found.body + b"\n")
            written += 1
        file.flush()
        os.fsync(file.fileno())
    return written


async def _put_back(settings: Settings, path: Path, *, undelivered: bool, doubtful: bool) -> Recovery:
    """Have the configured journal take what it has not of the file's events."""
    # The file may be the journal's own: it is opened only when it is known who writes it.
    async with asked(settings) as bridge:
        with recovering(settings.state_dir / FILE_NAME) as there:
            known = there.known_ids()
        with recovering(path) as recovery:
            tally = _Tally(recovery.events(undelivered=undelivered), doubtful=doubtful)
            taken = had = 0

            def wanted(found: Readable) -> bool:
                nonlocal had
                new = known.add(found.event_id)
                had += not new
                return new

            for page in _pages(filter(wanted, iter(tally))):
                answer = await bridge.command(
                    "restore", events=[[found.event_id, found.body.decode()] for found in page]
                )
                taken += answer["restored"]
            _tell(taken, had, tally, recovery)
            return recovery


def _pages(events: Iterator[Readable]) -> Iterator[list[Readable]]:
    page: list[Readable] = []
    size = 0
    for found in events:
        page.append(found)
        size += len(found.body)
        if size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _tell(taken: int, skipped: int, tally: _Tally, recovery: Recovery) -> None:
    facts: list[tuple[int, str]] = [
        (taken, "events taken"),
        (skipped, "were in the journal already"),
        (tally.doubtful, "of them from damaged blocks: a character in them may be wrong"),
        (tally.left_out, "more can be read in damaged blocks, and may have a wrong character: --doubtful"),
        (recovery.damaged_blocks, "blocks are damaged"),
        (recovery.lost_events, "events in them cannot be read"),
    ]
    for number, what in facts:
        if number or what == "events taken":
            print(f"{number:,} {what}", file=sys.stderr)

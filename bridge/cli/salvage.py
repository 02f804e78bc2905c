"""`apim-bridge journal salvage`: rescues every readable event from a damaged, set-aside or copied journal."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from bridge.cli.configuration import FILE, config_option, json_option, state_dir_of
from bridge.cli.daemon import asked
from bridge.cli.files import private_file
from bridge.cli.guard import say
from bridge.cli.journal_file import from_option, journal_file, print_line, salvaging
from bridge.cli.showing import json_text
from bridge.journal.schema import FILE_NAME
from bridge.journal.tools.recovery import Readable, Recovery, recovering

_PAGE_BYTES: Final = 2**20


@click.command
@config_option
@from_option
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=FILE,
    help="File to write, one event a line; - is standard output.",
)
@click.option(
    "--into-journal",
    is_flag=True,
    help="Journal the events that the configured journal lacks, under their own ids.",
)
@click.option("--undelivered", is_flag=True, help="Leave out what every sink has had; keep dead letters.")
@click.option(
    "--doubtful",
    is_flag=True,
    help="Also rescue from blocks whose checksum fails; a character in such an event may be wrong.",
)
@json_option
def salvage(
    config: Path | None,
    source: Path | None,
    output: Path | None,
    into_journal: bool,
    undelivered: bool,
    doubtful: bool,
    as_json: bool,
) -> None:
    """Rescue every readable event from a damaged, set-aside or copied journal. That file is never written to.

    With --output they can be POSTed to /events or put into a followed log. With --into-journal they go into
    the configured journal, and from there to every sink; what is there already is left out, so that it can
    be repeated. Exits with 1 when something could not be read. What came of it stands on standard error; with
    --json as `{"taken": …, "there_already": …, "doubtful": …, "doubtful_left_out": …, "damaged_blocks": …,
    "lost_events": …}`.

    Example: apim-bridge journal salvage --from journal.db.damaged-20261121T1000 --into-journal
    """
    if (output is None) is not into_journal:
        say("say where to: --output FILE, or --into-journal")
        sys.exit(2)
    path = journal_file(config, source)
    if output is not None:
        with salvaging(path) as recovery:
            tally = _Tally(recovery.events(undelivered=undelivered), doubtful=doubtful)
            facts = _facts(_write(tally, output), 0, tally, recovery)
    else:
        facts = _put_back(config, path, undelivered=undelivered, doubtful=doubtful)
    _tell(facts, as_json=as_json)
    if facts["damaged_blocks"]:
        sys.exit(1)


class _Tally:
    """Lets wanted events through, and counts the others."""

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
    with private_file(output) as file:
        for found in events:
            # JSON is UTF-8 from end to end; what is not, in a doubtful event, comes back as it was.
            file.write(found.body.decode("utf-8", "surrogateescape") + "\n")
            written += 1
    return written


def _put_back(config: Path | None, path: Path, *, undelivered: bool, doubtful: bool) -> dict[str, int]:
    """Journal the events of the file that the configured journal lacks."""
    # The file may be the journal's own: it is opened only when it is known who writes it.
    with asked(config) as bridge:
        with recovering(state_dir_of(config) / FILE_NAME) as there:
            known = there.known_ids()
        with salvaging(path) as recovery:
            tally = _Tally(recovery.events(undelivered=undelivered), doubtful=doubtful)
            taken = had = 0

            def wanted(found: Readable) -> bool:
                nonlocal had
                new = known.add(found.event_id)
                had += not new
                return new

            for page in _pages(filter(wanted, iter(tally))):
                answer = bridge.command(
                    "restore", events=[[found.event_id, found.body.decode()] for found in page]
                )
                taken += answer["restored"]
            return _facts(taken, had, tally, recovery)


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


def _facts(taken: int, skipped: int, tally: _Tally, recovery: Recovery) -> dict[str, int]:
    return {
        "taken": taken,
        "there_already": skipped,
        "doubtful": tally.doubtful,
        "doubtful_left_out": tally.left_out,
        "damaged_blocks": recovery.damaged_blocks,
        "lost_events": recovery.lost_events,
    }


_WORDS: Final = {
    "taken": "events taken",
    "there_already": "were in the journal already",
    "doubtful": "of them from damaged blocks: a character in them may be wrong",
    "doubtful_left_out": "more can be read in damaged blocks, and may have a wrong character: --doubtful",
    "damaged_blocks": "blocks are damaged",
    "lost_events": "events in them cannot be read",
}


def _tell(facts: dict[str, int], *, as_json: bool) -> None:
    # Beside the output, which may be the events.
    if as_json:
        say(json_text(facts))
        return
    for name, words in _WORDS.items():
        if facts[name] or name == "taken":
            say(f"{facts[name]:,} {words}")

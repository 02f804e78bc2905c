"""Which journal a command looks at, and opening it without writing to it."""

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bridge.cli.configuration import FILE, state_dir_of
from bridge.cli.showing import on_terminal, printable_json
from bridge.errors import BridgeError, JournalUnusable
from bridge.journal.damaged import open_read_only
from bridge.journal.schema import FILE_NAME
from bridge.journal.tools.recovery import Recovery, recovering

from_option = click.option(
    "--from",
    "source",
    metavar="FILE",
    type=FILE,
    help="Another journal file than the configured one: one that was set aside, a copy, a backup.",
)


def journal_file(config: Path | None, source: Path | None) -> Path:
    """Return the journal's file; raises SettingsError if none is named or configured."""
    return source if source is not None else state_dir_of(config) / FILE_NAME


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a journal's file to look at it; raises JournalUnusable."""
    if not path.is_file():
        raise DamagedFile(
            f"{path} is {'not a file' if path.exists() else 'not there'}; name a journal's file with --from"
        )
    alone = not path.with_name(f"{path.name}-wal").exists()
    with tempfile.TemporaryDirectory(prefix="apim-bridge-") as folder:
        cure = f"try `apim-bridge journal salvage --from {path}`"
        try:
            connection = open_read_only(path, Path(folder))
        except (sqlite3.Error, OSError) as error:
            raise DamagedFile(f"{path}: {error}; {cure}") from error
        try:
            yield connection
        except sqlite3.Error as error:
            raise DamagedFile(f"{path}: {error}; {cure}") from error
        finally:
            connection.close()
    if alone and path.with_name(f"{path.name}-wal").exists():
        raise DamagedFile(f"a bridge has begun to write {path} meanwhile; run the command again")


class DamagedFile(BridgeError):  # noqa: N818 - as those that the bridge itself raises
    """A journal's file cannot be looked at: exit code 1, because the configuration is not at fault."""


@contextmanager
def salvaging(path: Path) -> Iterator[Recovery]:
    """Open a journal's file, damaged or not, to rescue its events."""
    try:
        with recovering(path) as recovery:
            yield recovery
    except JournalUnusable as error:
        raise DamagedFile(str(error)) from error


def print_line(line: bytes) -> None:
    """Print an event as it is, or, on a terminal, with control characters as numbers."""
    if on_terminal():
        print(printable_json(line.decode("utf-8", "backslashreplace")))
    else:
        sys.stdout.buffer.write(line + b"\n")

"""Which journal a command looks at, and opening it without writing to it."""

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.configuration import settings_of
from bridge.errors import BridgeError, JournalUnusable
from bridge.journal.damaged import open_read_only
from bridge.journal.schema import FILE_NAME

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="APIM_BRIDGE_CONFIG",
        help="The configuration, which says where the journal is.",
        dir_okay=False,
    ),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from", help="A journal's file that is not the configured one: set aside, a copy, a backup."
    ),
]


@contextmanager
def journal_file(config: Path | None, source: Path | None) -> Iterator[Path]:
    """Give the file that is meant; an error of the bridge becomes its text and exit code 1."""
    try:
        if source is not None:
            yield source
        elif config is not None:
            with settings_of(config) as settings:
                yield settings.state_dir / FILE_NAME
        else:
            print("say which journal: --config FILE or --from FILE", file=sys.stderr)
            raise typer.Exit(2)
    except BridgeError as error:
        print(f"apim-bridge: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a journal's file to look at it; raises JournalUnusable."""
    if not path.is_file():
        raise JournalUnusable(f"{path} is not there")
    alone = not path.with_name(f"{path.name}-wal").exists()
    with tempfile.TemporaryDirectory(prefix="apim-bridge-") as folder:
        try:
            connection = open_read_only(path, Path(folder))
            try:
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise JournalUnusable(
                f"{path}: {error}; try `apim-bridge journal salvage --from {path}`"
            ) from error
    if alone and path.with_name(f"{path.name}-wal").exists():
        raise JournalUnusable(f"a bridge has begun to write {path} meanwhile; run the command again")


def print_line(line: bytes) -> None:
    """Print bytes as they are."""
    sys.stdout.buffer.write(line + b"\n")

"""`apim-bridge analytics verify`, `rebuild` and `compact`: the store, while no process serves it.

What the extra `analytics` brings is imported when a command runs: without it the command line says what is missing.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from bridge.cli.configuration import FILE, config_option, json_option, path_of
from bridge.cli.journal_view import table
from bridge.cli.showing import json_text, show
from bridge.settings import BridgeSettings, load_bridge

# No secret of the other tables is looked up.
_READ: Final = ("state_dir", "secrets_dir", "sys", "analytics", "privacy")
folder_option = click.option(
    "--folder",
    metavar="FOLDER",
    type=FILE,
    help="Another store than the configured one: a copy, one that was set aside, a new one.",
)


@click.command
@config_option
@folder_option
@json_option
def verify(config: Path | None, folder: Path | None, as_json: bool) -> None:
    """Check the store: every value is read, ids, texts, people and rests fit together, events can be shown whole.

    Nothing is written. Exits with 1 when something is wrong, and says what to do. --json answers `{"path": …,
    "events": …, "rows": {TABLE: …}, "findings": [{"where": …, "what": …, "cure": …}]}`.

    Example: apim-bridge analytics verify
    """
    from bridge.analytics.store.verification import StoreVerification  # noqa: PLC0415 - see above

    settings, path = _store(config, folder)
    memory, threads = settings.analytics.memory, settings.analytics.threads
    with StoreVerification.opened(path, memory_bytes=memory, threads=threads) as checks:
        findings = [*checks.findings()]
    events = checks.rows.get("facts", 0)
    if as_json:
        facts = {
            "path": str(path),
            "events": events,
            "rows": checks.rows,
            "findings": [one._asdict() for one in findings],
        }
        print(json_text(facts, indent=2))
    else:
        others = ", ".join(f"{rows:,} in {name}" for name, rows in checks.rows.items() if name != "facts")
        show(f"{path}: {events:,} events; {others}")
        if not findings:
            print("everything is sound")
        else:
            table(("where", "what is wrong", "what to do"), [tuple(one) for one in findings])
    if findings:
        sys.exit(1)


@click.command
@click.argument(
    "archive", nargs=-1, required=True, type=FILE, help="Folder of a `file` sink, or some of its files."
)
@config_option
@folder_option
@click.option(
    "--erasures-of",
    metavar="FOLDER",
    type=FILE,
    help="The store that was there before: what was erased from it does not come into this one.",
)
@json_option
def rebuild(
    archive: Sequence[Path],
    config: Path | None,
    folder: Path | None,
    erasures_of: Path | None,
    as_json: bool,
) -> None:
    """Fill the store from archives of `file` sinks, compressed or not; a store that is missing is made.

    The ids decide: an event that is there already stays as it is. So the command may be repeated, also after it was
    killed. A line that is no event is left out, and the first thousand of them are named; the exit code is 1 then.
    What was erased stays away; a new store has to be told with --erasures-of, unless the configured one knows it.
    --json answers `{"path": …, "files": …, "events": …, "new": …, "known": …, "old": …, "erased": …, "left_out": …,
    "findings": [{"where": …, "what": …}]}`.

    Example: apim-bridge analytics rebuild /var/lib/apim-bridge/archive
    """
    from bridge.analytics.rebuilding import Rebuilding  # noqa: PLC0415 - see above

    settings, path = _store(config, folder)
    rebuilding = Rebuilding(settings)

    async def work() -> None:
        async for line in rebuilding.steps(archive, path, erasures_of or _erasures_of(settings, path)):
            if not as_json:
                show(line)

    asyncio.run(work())
    done = rebuilding.done
    if as_json:
        print(json_text({"path": str(path), **done.as_dict()}, indent=2))
    else:
        show(
            f"{path}: {done.events:,} events read; {done.new:,} are new, {done.known:,} were there already, "
            f"{done.old:,} are too old, {done.erased:,} were erased; {done.left_out:,} lines were left out"
        )
    if done.left_out:
        sys.exit(1)


@click.command
@config_option
@folder_option
@json_option
def compact(config: Path | None, folder: Path | None, as_json: bool) -> None:
    """Give the disk back what the store does not need any more: its files are copied into smaller ones.

    The disk needs room for the copies. A kill at any moment leaves a whole store. A start does the same by itself where
    at least half of a large file is empty. --json answers `{"path": …, "files": {NAME: {"before": …, "after": …}}}`.

    Example: apim-bridge analytics compact
    """
    from bridge.analytics.store.compaction import any_room, compact  # noqa: PLC0415 - see above
    from bridge.analytics.store.opening import require_store  # noqa: PLC0415 - see above
    from bridge.analytics.store.store import LEAST_FREE_BYTES  # noqa: PLC0415 - see above

    settings, path = _store(config, folder)
    require_store(path)
    compacted = compact(
        path,
        any_room,
        memory_bytes=settings.analytics.memory,
        threads=settings.analytics.threads,
        least_free_bytes=LEAST_FREE_BYTES,
    )
    if as_json:
        files = {one.name: {"before": one.before, "after": one.after} for one in compacted}
        print(json_text({"path": str(path), "files": files}, indent=2))
        return
    for one in compacted:
        show(f"{path / one.name}: {one.before:,} bytes are {one.after:,} now")
    if not compacted:
        show(f"{path}: its files are as small as they can be")


def _erasures_of(settings: BridgeSettings, path: Path) -> Path | None:
    """Return the configured store if it is another one, and there: what was erased from it is to stay away."""
    from bridge.analytics.store.people import FILE_NAME  # noqa: PLC0415 - see above

    configured = settings.analytics_folder
    other = configured.resolve() != path.resolve() and (configured / FILE_NAME).exists()
    return configured if other else None


def _store(config: Path | None, folder: Path | None) -> tuple[BridgeSettings, Path]:
    """Return the settings and the store's folder; a store that is named needs no configuration."""
    if folder is not None and config is None:
        return BridgeSettings(), folder
    settings = load_bridge(path_of(config), os.environ, only=_READ)
    return settings, folder or settings.analytics_folder

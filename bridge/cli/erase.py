"""`apim-bridge erase`: takes somebody's data out of the analytics, while the process runs or without it."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.cli.configuration import config_option, json_option, path_of
from bridge.cli.journal_view import table
from bridge.cli.showing import json_text, show
from bridge.errors import SettingsError, StoreInUse, Unanswerable
from bridge.settings import BridgeSettings, load_bridge
from bridge.settings.analytics import missing_extra

if TYPE_CHECKING:
    from bridge.analytics.admin.erasures import ErasureJob

# No secret of the other tables is looked up.
_READ: Final = ("state_dir", "secrets_dir", "sys", "analytics", "privacy")
_KINDS: Final = {
    "user": "user",
    "application": "application",
    "company": "company",
    "address": "ip",
    "key": "key",
}
_BY: Final = "the command line"


@click.command
@click.argument("kind", required=False, type=click.Choice([*_KINDS]))
@click.argument("value", required=False)
@click.option(
    "--keep-counts", is_flag=True, help="Leave the calls, without anything that says whose they were."
)
@click.option("--list", "listed", is_flag=True, help="List what was asked for, and how far it is.")
@config_option
@json_option
def erase(
    kind: str | None,
    value: str | None,
    keep_counts: bool,
    listed: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Erase all that the analytics have of a user, an application, a company, an address or a key, for good.

    What was asked or received until now goes, and does not come back. While a process serves the store, it does the
    work, and `apim-bridge erase --list` says how far it is; else this command does it. --json answers the job, or with
    --list `[JOB, …]`, as /api/erasures has them.

    Example: apim-bridge erase user alice@example.com
    """
    if fault := missing_extra():
        raise SettingsError(fault)
    from bridge.analytics.server.erasures import shown  # noqa: PLC0415 - it imports what an extra brings
    from bridge.analytics.store.opening import require_store  # noqa: PLC0415 - see above

    settings = load_bridge(path_of(config), os.environ, only=_READ)
    folder = settings.analytics_folder
    if listed:
        jobs = _every(folder)
        if as_json:
            print(json_text([shown(job) for job in jobs], indent=2))
        else:
            _show_all(jobs)
        return
    if kind is None or value is None:
        raise click.UsageError("say whose data: user, application, company, address or key, and which one")
    subject = _subject(_KINDS[kind], value)
    require_store(folder)
    number = _ask(folder, _KINDS[kind], subject, keep_counts=keep_counts)
    try:
        job = asyncio.run(_done(settings, folder, number))
    except StoreInUse:
        job = _find(folder, number)
    if as_json:
        print(json_text(shown(job), indent=2))
    elif job.done_ms is None:
        show(
            f"{number}: the process that serves {folder} does it; `apim-bridge erase --list` says how far it is"
        )
    else:
        _show_receipt(shown(job))
    if job.problem:
        sys.exit(1)


def _subject(field: str, value: str) -> str:
    from bridge.analytics.server.erasures import subject_of  # noqa: PLC0415 - see above

    try:
        return subject_of(field, value)
    except Unanswerable as error:
        raise click.UsageError(f"{error}; {error.cure}") from error


def _ask(folder: Path, field: str, subject: str, *, keep_counts: bool) -> str:
    from bridge.analytics.admin import for_command  # noqa: PLC0415 - see above
    from bridge.analytics.admin.erasures import MOST_OPEN, ask  # noqa: PLC0415 - see above
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - see above

    with for_command(folder) as connection, transaction(connection):
        number = ask(
            connection, field, subject, keeps_counts=keep_counts, now_ms=int(time.time() * 1000), by=_BY
        )
    if number is None:
        raise click.ClickException(f"{MOST_OPEN} erasures wait already; ask again when some are done")
    return number


async def _done(settings: BridgeSettings, folder: Path, number: str) -> "ErasureJob":
    """Do all that waits. Raises StoreInUse where a process serves the store."""
    import structlog  # noqa: PLC0415 - see above

    from bridge.analytics.admin import AdminFile  # noqa: PLC0415 - see above
    from bridge.analytics.erasures import ErasureJobs  # noqa: PLC0415 - see above
    from bridge.analytics.store import Store  # noqa: PLC0415 - see above
    from bridge.clock import SystemClock  # noqa: PLC0415 - see above

    memory, threads = settings.analytics.memory, settings.analytics.threads
    async with (
        Store.opened(folder, memory_bytes=memory, threads=threads) as store,
        AdminFile.opened(folder) as admin,
    ):
        await ErasureJobs(store, admin, SystemClock(), structlog.get_logger()).work()
    return _find(folder, number)


def _find(folder: Path, number: str) -> "ErasureJob":
    return next(job for job in _every(folder) if job.id == number)


def _every(folder: Path) -> "list[ErasureJob]":
    from bridge.analytics.admin import for_command  # noqa: PLC0415 - see above
    from bridge.analytics.admin.erasures import every  # noqa: PLC0415 - see above

    with for_command(folder) as connection:
        return every(connection)


def _show_all(jobs: "list[ErasureJob]") -> None:
    from bridge.analytics.server.erasures import shown  # noqa: PLC0415 - see above

    if not jobs:
        show("nothing was asked for")
        return
    rows = [shown(job) for job in jobs]
    table(
        ("asked", "by", "whose", "keep", "state", "events", "what stands in the way"),
        [
            (
                one["asked"],
                one["by"],
                f"{one['field']} {one['value'] or one['digest'][:12] + '…'}",
                one["keep"],
                one["state"] if one["total"] is None else f"{one['state']} ({one['total']:,} events)",
                f"{one['events']:,}",
                one["error"] or "",
            )
            for one in rows
        ],
    )


def _show_receipt(job: dict[str, Any]) -> None:
    show(
        f"{job['id']}: {job['deleted']:,} events are deleted, {job['kept']:,} stay without a name, "
        f"{job['blotted']:,} others do not speak of it any more"
    )
    table(
        ("it may still be in", "until", "what to do"),
        [(one["where"], one["until"] or "", one["about"]) for one in job["still_in"]],
    )

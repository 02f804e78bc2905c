"""`apim-bridge check`: will it work? Every finding with its cure."""

import asyncio
import difflib
import sys
from collections.abc import Iterator
from typing import Annotated, Final

import typer

from bridge.app.advice import advice
from bridge.app.build import admin_context, build_sink, rules_of, sender_keys
from bridge.cli.configuration import ConfigPath, settings_of
from bridge.clock import SystemClock
from bridge.contracts import Finding
from bridge.errors import BridgeError, JournalLocked, RetryLater, SinkError
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.events.times import format_ms
from bridge.journal import StateLock
from bridge.journal.schema import disk_free_bytes, refuse_network_file_system
from bridge.privacy.masks import hides_a_field
from bridge.settings import ADMIN, Settings, format_size
from bridge.settings.wso2 import TABLE, row_of
from bridge.sources import SOURCES
from bridge.telemetry.metrics import Metrics

_PROBE_SECONDS: Final = 15


def check(
    config: ConfigPath,
    keys: Annotated[
        bool, typer.Option("--keys", help="Explain every key that WSO2 knows, not only those that are set.")
    ] = False,
) -> None:
    """Read the configuration, open the state folder, look into the logs, and ask each sink whether it lets us in.

    A table says of each key under [apim.analytics] what it does here, or why it does nothing. Exits with 1 when
    something would not work, with 2 when the configuration cannot be read.

    Example: apim-bridge check --config bridge.toml
    """
    with settings_of(config) as settings:
        findings = asyncio.run(_look(settings))
        for finding in findings:
            print(f"{finding.grade:>5}  {finding.what}")
        for line in _key_table(settings, every=keys):
            print(line)
        faults = sum(finding.grade == "fault" for finding in findings)
        print(f"{faults} faults" if faults else "this works", file=sys.stderr)
        if faults:
            raise typer.Exit(1)


async def _look(settings: Settings) -> list[Finding]:
    rules_of(settings)
    # First what no start would get past.
    of_sources = [
        finding
        for name, own in settings.sources.items()
        for finding in SOURCES[own.type].check(name, own, sender_keys(settings))
    ]
    admin = admin_context(settings)
    findings = [
        Finding("ok", f"{settings.file}: from {', '.join(settings.sources)} to {', '.join(settings.sinks)}"),
        *(Finding("note", line) for line in advice(settings, keys=False)),
        *_state_folder(settings),
        *(
            [Finding("ok", f"TLS of {ADMIN}: the certificate ends {format_ms(int(admin.expires * 1000))}")]
            if admin is not None and admin.expires is not None
            else []
        ),
        *of_sources,
    ]
    return [*findings, *[await _sink(settings, name) for name in settings.sinks]]


def _key_table(settings: Settings, *, every: bool) -> Iterator[str]:
    """Yield a line for each key of WSO2's that is set, or for every one."""
    shown = list(settings.wso2_keys)
    if every:
        shown += [key for row in TABLE for key in row.keys if key not in shown]
    rows = [(key, row) for key in shown if (row := row_of(key)) is not None]
    if rows:
        yield "\nWSO2's keys below [apim.analytics]:"
    width = max((len(key) for key, _ in rows), default=0)
    for key, row in rows:
        mask = key.removeprefix("mask.") if key.startswith("mask.") and "*" not in key else None
        if mask is not None and not hides_a_field(mask):
            yield f"{'if there':>9}  {key:<{width}}  {_custom(mask)}"
        else:
            yield f"{'honoured' if row.honoured else 'no effect':>9}  {key:<{width}}  {row.meaning}"


def _custom(mask: str) -> str:
    near = difflib.get_close_matches(mask, NAMES.known | PROPERTIES_NAMES.known, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    return f"hides a property of that name, as a custom data provider adds it; no event of WSO2's own has it{meant}"


def _state_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.state_dir
    try:
        with StateLock(folder):
            refuse_network_file_system(folder)
        yield Finding("ok", f"state folder {folder}, {format_size(_round(disk_free_bytes(folder)))} free")
    except JournalLocked as error:
        yield Finding("note", f"state folder: {error} (all is well if that is this bridge)")
    except BridgeError as error:
        yield Finding("fault", f"state folder: {error}")
        return
    needed = settings.journal.max_bytes
    if (free := disk_free_bytes(folder)) < needed:
        yield Finding(
            "note",
            f"{folder} has {format_size(_round(free))} free, less than the {format_size(needed)} of "
            "[bridge.journal] max_bytes: in a long outage the disk is full before the journal",
        )


async def _sink(settings: Settings, name: str) -> Finding:
    sink = build_sink(name, settings, Metrics(), SystemClock())
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            word = await sink.probe()
        return Finding("ok", f"sink {name}: {sink.destination}: {word}")
    except TimeoutError:
        return Finding(
            "fault", f"sink {name}: {sink.destination} does not answer; look at network and firewall"
        )
    except RetryLater as error:
        return Finding("fault", f"sink {name}: {error}; look at address, network and TLS")
    except SinkError as error:
        return Finding("fault", f"sink {name}: {error}")
    finally:
        await sink.close()


def _round(size: int) -> int:
    """Return a size that is written shortly."""
    return size // 2**20 * 2**20

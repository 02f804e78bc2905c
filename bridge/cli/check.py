"""`apim-bridge check`: will it work? Every finding with its cure."""

import asyncio
import difflib
import glob
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from bridge.app.advice import advice
from bridge.app.build import admin_context, http_context, moesif_tenants, rules_of
from bridge.cli.configuration import ConfigPath, settings_of
from bridge.contracts import Gateway
from bridge.errors import BridgeError, JournalLocked, RetryLater, SinkError, Unacceptable
from bridge.events.event import NAMES, PROPERTIES_NAMES, decode
from bridge.events.times import format_ms
from bridge.journal import StateLock
from bridge.journal.schema import disk_free_bytes, refuse_network_file_system
from bridge.privacy.masks import hides_a_field
from bridge.settings import Settings, SinkSettings, format_size
from bridge.settings.wso2 import TABLE, row_of
from bridge.sinks import SINKS
from bridge.sources.http.source import HttpSettings
from bridge.sources.log.framing import frame
from bridge.sources.log.source import LogTailSettings

# How much of a log's end is read to see whether its lines are understood.
_TAIL_BYTES: Final = 64 * 2**10
_PROBE_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    grade: Literal["ok", "note", "fault"]
    what: str
    """What was found, and the cure if it needs one."""


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
    http = settings.sources.get("http")
    if isinstance(http, HttpSettings):
        http.refuse_open_door(moesif_tenants(settings))
    findings = [
        Finding("ok", f"{settings.file}: from {', '.join(settings.sources)} to {', '.join(settings.sinks)}"),
        *(Finding("note", line) for line in advice(settings, keys=False)),
        *_state_folder(settings),
        *(
            Finding("ok", f"TLS of {name}: the certificate ends {format_ms(int((tls.expires or 0) * 1000))}")
            for name, tls in (("http", http_context(settings)), ("admin", admin_context(settings)))
            if tls is not None
        ),
    ]
    log = settings.sources.get("log")
    if isinstance(log, LogTailSettings):
        findings += _logs(log)
    for name, sink in settings.sinks.items():
        findings.append(await _sink(settings, name, sink))
    return findings


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


def _logs(settings: LogTailSettings) -> Iterator[Finding]:
    for pattern in settings.paths:
        files = sorted(path for path in glob.glob(pattern) if Path(path).is_file())  # noqa: PTH207 - an absolute pattern
        if not files:
            folder = Path(pattern).parent
            cure = (
                "the gateway makes it with its first event"
                if folder.is_dir()
                else f"{folder} is not there: look at paths"
            )
            yield Finding("note", f"log {pattern}: no file yet; {cure}")
        for path in files:
            yield _log(path)


def _log(path: str) -> Finding:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as text, as the pattern gave it
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
    except OSError as error:
        return Finding("fault", f"log {path}: {error.strerror}; let uid {os.getuid()} read it")
    if size > _TAIL_BYTES:
        data = data[data.find(b"\n") + 1 :]
    frames = frame(data, 0, _TAIL_BYTES)
    events = sum(_is_event(body) for body in frames.bodies)
    others = len(frames.bodies) - events + frames.ignored
    if others and not events:
        return Finding(
            "fault",
            f"log {path}: none of its last {others} lines is an event; it must be the log of WSO2's "
            'ELKMetricReporter: [apim.analytics] type = "elk" on the gateway',
        )
    return Finding("ok", f"log {path}: {events} events in its last lines, {others} other lines")


def _is_event(body: bytes) -> bool:
    try:
        decode(body)
    except Unacceptable:
        return False
    return True


async def _sink(settings: Settings, name: str, sink_settings: SinkSettings) -> Finding:
    sink = SINKS[sink_settings.type].build(
        name, sink_settings, Gateway(settings.instance, settings.gateway_url)
    )
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

"""`apim-bridge check`: will it work? Every finding with its cure."""

import asyncio
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from bridge.app.advice import advice
from bridge.app.build import admin_context, build_sink, countries_in, rules_of, sender_keys
from bridge.cli.check_places import base_urls, ports, state_folder
from bridge.cli.configuration import config_option, json_option, path_of
from bridge.cli.guard import say
from bridge.cli.settings import read
from bridge.cli.showing import GREEN, RED, YELLOW, json_text, paint, wrapped
from bridge.clock import SystemClock
from bridge.contracts import Finding
from bridge.errors import RetryLater, SinkError
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.events.times import format_ms
from bridge.privacy.masks import hides_a_field
from bridge.settings import ADMIN, Settings
from bridge.settings.wso2 import TABLE, row_of
from bridge.sources import SOURCES
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics

_PROBE_SECONDS: Final = 15


_COLOURS: Final = {"ok": GREEN, "note": YELLOW, "fault": RED}
_WIDTH: Final = 5


@click.command
@config_option
@click.option("--keys", is_flag=True, help="Explain every key that WSO2 knows, not only those that are set.")
@click.option("--offline", is_flag=True, help="Ask no destination: for a machine without a network.")
@json_option
def check(config: Path | None, keys: bool, offline: bool, as_json: bool) -> None:
    """Read the configuration; look at state folder, ports and logs; ask each sink whether it lets us in.

    Nothing is changed by it, and it may run beside the daemon. A table says of each key under [apim.analytics]
    what it does here, or why it does nothing. Exits with 1 when something would not work, with 2 when the
    configuration cannot be read. --json answers `{"faults": 0, "findings": [{"grade": "ok", "what": …}],
    "keys": [{"key": …, "effect": "honoured", "meaning": …}]}`; a grade is ok, note or fault.

    Example: apim-bridge check --offline
    """
    settings = read(path_of(config))
    logs.configure("ERROR")
    findings = asyncio.run(_look(settings, offline=offline))
    table = list(_key_table(settings, every=keys))
    faults = sum(finding.grade == "fault" for finding in findings)
    if as_json:
        told = [{"grade": finding.grade, "what": finding.what} for finding in findings]
        rows = [{"key": key, "effect": effect, "meaning": meaning} for effect, key, meaning in table]
        print(json_text({"faults": faults, "findings": told, "keys": rows}, indent=2))
    else:
        _show(findings, table)
        say(f"{faults} fault{'s' if faults > 1 else ''}" if faults else "this works")
    if faults:
        sys.exit(1)


def _show(findings: list[Finding], table: list[tuple[str, str, str]]) -> None:
    for finding in findings:
        first, *more = wrapped(f"{finding.grade:>{_WIDTH}}  {finding.what}", " " * (_WIDTH + 2))
        print(first.replace(finding.grade, paint(finding.grade, _COLOURS[finding.grade]), 1), *more, sep="\n")
    if table:
        print("\nWSO2's keys below [apim.analytics]:")
    width = max((len(key) for _, key, _ in table), default=0)
    for effect, key, meaning in table:
        print(*wrapped(f"{effect:>9}  {key:<{width}}  {meaning}", " " * (width + 13)), sep="\n")


async def _look(settings: Settings, *, offline: bool) -> list[Finding]:
    rules_of(settings)
    if settings.runs_analytics and (database := settings.privacy.database_of_analytics) is not None:
        countries_in(database)
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
        *base_urls(settings),
        *state_folder(settings),
        *ports(settings),
        *(
            [Finding("ok", f"TLS of {ADMIN}: the certificate ends {format_ms(int(admin.expires * 1000))}")]
            if admin is not None and admin.expires is not None
            else []
        ),
        *of_sources,
    ]
    for name in settings.sinks:
        if offline:
            findings.append(Finding("note", f"sink {name}: not asked (--offline)"))
        else:
            findings.append(await _sink(settings, name))
    return findings


def _key_table(settings: Settings, *, every: bool) -> Iterator[tuple[str, str, str]]:
    """Yield effect, key and meaning for each key of WSO2's that is set, or for every one."""
    shown = list(settings.wso2_keys)
    if every:
        shown += [key for row in TABLE for key in row.keys if key not in shown]
    rows = [(key, row) for key in shown if (row := row_of(key)) is not None]
    for key, row in rows:
        mask = key.removeprefix("mask.") if key.startswith("mask.") and "*" not in key else None
        if mask is not None and not hides_a_field(mask):
            yield "if there", key, _custom(mask)
        else:
            yield "honoured" if row.honoured else "no effect", key, row.meaning


def _custom(mask: str) -> str:
    near = difflib.get_close_matches(mask, NAMES.known | PROPERTIES_NAMES.known, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    return f"hides a property of that name, as a custom data provider adds it; no event of WSO2's own has it{meant}"


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
    except OSError as error:
        return Finding(
            "fault",
            f"sink {name}: {error.filename or sink.destination}: {error.strerror}; look at it as uid {os.getuid()}",
        )
    finally:
        await sink.close()

"""Faults across tables: a sink that would send to ourselves, two parts that share a folder, a log or a port."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bridge.settings.faults import TableFaults
from bridge.settings.patterns import meet
from bridge.settings.routing import Route
from bridge.settings.units import Address

_URL_FIELDS: Final = ("url", "base_url")


def refuse_own_listeners(
    sinks: Mapping[str, Route], listeners: Mapping[str, Address], faults: TableFaults
) -> None:
    """Note each sink whose URL is one of our own listeners: every event would come back for ever."""
    for name, route in sinks.items():
        for field in _URL_FIELDS:
            target = _target(getattr(route.settings, field, None))
            key = next(
                (key for key, address in listeners.items() if target and address.answers(*target)), None
            )
            if key is not None:
                faults.add(
                    route.places.get(field, f"bridge.sinks.{name}.{field}"),
                    f"is our own listener, {key}: every event would come back for ever",
                    f"set {field} in [bridge.sinks.{name}] to the destination itself",
                )


def refuse_shared_paths(sinks: Mapping[str, Route], faults: TableFaults) -> None:
    """Note each sink that writes to the `path` of another."""
    owners: dict[Path, str] = {}
    for name, route in sinks.items():
        path = getattr(route.settings, "path", None)
        if isinstance(path, Path):
            owner = owners.setdefault(path.resolve(), name)
            if owner != name:
                faults.add(
                    f"bridge.sinks.{name}.path",
                    f"{path} is the path of [bridge.sinks.{owner}] too",
                    "give each sink a path of its own",
                )


def refuse_shared_addresses(listeners: Mapping[str, Address], faults: TableFaults) -> None:
    """Note each listener, by its key, whose address another one has."""
    for (owner, taken), (key, address) in combinations(listeners.items(), 2):
        if address.clashes(taken):
            faults.add(
                key, f"{address} is the address of {owner} too", "give each listener a port of its own"
            )


def refuse_shared_files(sources: Mapping[str, Sequence[str]], faults: TableFaults) -> None:
    """Note each source, by its name, that reads a file which another one reads: its events would come twice."""
    for (owner, taken), (name, files) in combinations(sources.items(), 2):
        shared = next(((one, other) for one in files for other in taken if meet(one, other)), None)
        if shared is not None:
            faults.add(
                f"bridge.sources.{name}.paths",
                f'"{shared[0]}" and "{shared[1]}" of [bridge.sources.{owner}] match the same files',
                "give each source logs of its own",
            )


def _target(value: object) -> tuple[str, int] | None:
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
    try:
        url = urlsplit(text)
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    except ValueError:
        return None
    return (url.hostname, port) if url.hostname and port else None

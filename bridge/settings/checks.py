"""Faults that no single table shows: a sink that would send to ourselves, two sinks that share a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bridge.settings.faults import Faults
from bridge.settings.routing import Route
from bridge.settings.units import Address

_URL_FIELDS: Final = ("url", "base_url")


def refuse_own_listeners(
    sinks: Mapping[str, Route], listeners: Mapping[str, Address], faults: Faults
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


def refuse_shared_paths(sinks: Mapping[str, Route], faults: Faults) -> None:
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


def _target(value: object) -> tuple[str, int] | None:
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
    try:
        url = urlsplit(text)
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    except ValueError:
        return None
    return (url.hostname, port) if url.hostname and port else None

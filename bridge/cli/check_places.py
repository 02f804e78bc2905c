"""What `apim-bridge check` finds out about places: the state folder, the listeners' ports, the sinks' URLs.

It looks, and changes nothing: no folder is made, no lock is taken, no port is held for longer than the look.
"""

import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.cli.daemon import daemon_of
from bridge.contracts import Finding
from bridge.document.units import format_size
from bridge.errors import BridgeError
from bridge.journal import StateLock
from bridge.journal.schema import disk_free_bytes, refuse_network_file_system
from bridge.settings import Address, Settings

_COLLECTORS_PATH: Final = re.compile(r"/v1/(events|users|companies|actions|subscriptions)(/batch)?/?$")


def state_folder(settings: Settings) -> Iterator[Finding]:
    """Yield whether the journal can live there."""
    folder = settings.state_dir
    try:
        there = _nearest(folder)
        if not there.is_dir():
            yield Finding(
                "fault", f"state folder {folder}: {there} is not a folder; set [bridge] state_dir to one"
            )
            return
        if not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                "fault",
                f"state folder {folder}: {there} is not writable for uid {os.getuid()}; change its owner, or set "
                "[bridge] state_dir to a folder that is",
            )
            return
        refuse_network_file_system(there)
        free = disk_free_bytes(there)
    except BridgeError as error:
        yield Finding("fault", f"state folder: {error}")
        return
    except OSError as error:
        yield Finding(
            "fault", f"state folder {folder}: {error.strerror}; set [bridge] state_dir to another one"
        )
        return
    if there != folder:
        state = ", which the start makes"
    else:
        state = ", and a bridge runs on it" if StateLock.is_held(folder) else ""
    yield Finding("ok", f"state folder {folder}{state}; {free / 2**30:,.1f} GiB free")
    needed = settings.journal.max_bytes
    if free < needed:
        yield Finding(
            "note",
            f"{folder} has {free / 2**30:,.1f} GiB free, less than the {format_size(needed)} of "
            "[bridge.journal] max_bytes: in a long outage the disk is full before the journal",
        )


def ports(settings: Settings) -> Iterator[Finding]:
    """Yield whether each listener can have its address."""
    listeners = {f"[bridge.sources.{name}]": one.address for name, one in settings.sources.items()}
    listeners["[bridge.admin]"] = settings.admin.listen
    for table, address in listeners.items():
        if address is None or not address.port:
            continue
        if (why := _cannot_listen(address)) is None:
            yield Finding("ok", f"{table} listen = {address}: free")
        elif why.errno == errno.EADDRINUSE and _runs(settings):
            yield Finding(
                "ok", f"{table} listen = {address}: in use while the bridge of this state folder runs"
            )
        else:
            yield Finding(
                "fault",
                f"{table} listen = {address}: {why.strerror}; choose a free address of this machine "
                "(all is well if systemd hands the socket over)",
            )


def base_urls(settings: Settings) -> Iterator[Finding]:
    """Yield each base URL that already has the path that the sink adds."""
    for name, sink in settings.sinks.items():
        url = getattr(sink, "base_url", None)
        if isinstance(url, str) and _COLLECTORS_PATH.search(urlsplit(url).path):
            meant = _COLLECTORS_PATH.sub("", url)
            yield Finding(
                "note",
                f"sink {name}: base_url {url} ends in the collector's own path, which is added to it; "
                f'did you mean "{meant}"?',
            )


def _cannot_listen(address: Address) -> OSError | None:
    try:
        [(family, _, _, _, where), *_] = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            # Like the listener itself: connections that an ended one left behind do not matter.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(where)
            tried.listen(1)
    except OSError as error:
        return error
    return None


def _runs(settings: Settings) -> bool:
    try:
        return daemon_of(settings.state_dir) is not None
    except (BridgeError, OSError):
        return False


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists; raises OSError."""
    for one in (path, *path.parents):
        try:
            one.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return one
    return path

"""What systemd hands to a service, and what it wants to hear: listening sockets, readiness, the watchdog.

A socket that systemd holds outlives the daemon: while it is started again, connections wait in the socket's
queue and none is refused (systemd: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)).
"""

import socket
from collections.abc import Mapping, Sequence
from typing import Final

from bridge.errors import SettingsError
from bridge.settings import ADMIN

_FIRST: Final = 3
_CURE: Final = (
    'FileDescriptorName= of a .socket unit is "admin" or the name of a source that listens ({sources}), with one '
    "ListenStream= each"
)


def inherited_sockets(
    environ: Mapping[str, str], pid: int, listening: Sequence[str]
) -> dict[str, socket.socket]:
    """Return the listening sockets that were meant for this process, by the listener they are for.

    `listening` are the names of the sources that listen. A single socket without such a name is for the only one
    of them. Call it once; raises SettingsError.
    """
    cure = _CURE.format(sources=", ".join(listening) or "there is none")
    if environ.get("LISTEN_PID") != str(pid):
        return {}
    count = int(environ.get("LISTEN_FDS", "0"))
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, socket.socket] = {}
    for index in range(count):
        name = names[index] if index < len(names) else ""
        known = {ADMIN, *listening}
        if name not in known and count == 1 and len(listening) == 1:
            (name,) = listening
        if name not in known or name in found:
            # Nothing would serve the connections in its queue.
            raise SettingsError(f'inherited socket {index + 1} is called "{name}"; {cure}')
        found[name] = _listening(_FIRST + index, name, cure)
    return found


def _listening(number: int, name: str, cure: str) -> socket.socket:
    try:
        inherited = socket.socket(fileno=number)
        listens = bool(inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError as error:
        raise SettingsError(f"inherited socket {name}: {error.strerror}; {cure}") from None
    if not listens or inherited.family not in {socket.AF_INET, socket.AF_INET6}:
        raise SettingsError(f"inherited socket {name}: it does not listen for TCP connections; {cure}")
    inherited.set_inheritable(False)
    inherited.setblocking(False)
    return inherited


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Tell systemd what state the service is in: `READY=1`, `STOPPING=1`, `WATCHDOG=1`.

    Without systemd, or when it does not listen, nothing happens.
    """
    path = environ.get("NOTIFY_SOCKET")
    if not path:
        return
    # Its abstract sockets are written with an @.
    address = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), address)
    except OSError:
        return


def watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """Return how often systemd wants to hear `WATCHDOG=1`; None if it does not."""
    written, whose = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if not written.isdecimal() or whose != str(pid):
        return None
    return int(written) / 1e6 or None

"""Asks a bridge from the command line: the running daemon over its control socket, or the state folder itself.

Only the standard library, as long as a daemon answers: most commands take less time than their imports would.
"""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from bridge.cli.configuration import state_dir_of
from bridge.errors import ControlError
from bridge.web.socket_file import FILE_NAME, short_path

_CONNECT_SECONDS: Final = 5
# A status is there at once, or the daemon is stuck; other commands may have much to do.
_STATUS_SECONDS: Final = 10
_COMMAND_SECONDS: Final = 600


class Asked(Protocol):
    """A bridge that can be asked, wherever it runs."""

    running: bool
    """Whether a daemon answers; else the command holds the state folder itself."""

    def command(self, name: str, **arguments: object) -> dict[str, Any]:
        """Return the answer to a command; raises ControlError."""
        ...

    def stream(self, name: str, **arguments: object) -> Iterator[dict[str, Any]]:
        """Yield the steps of a command; raises ControlError."""
        ...


class _Connection(http.client.HTTPConnection):
    """HTTP over the control socket's file."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("bridge")
        self.sock = connected

    def connect(self) -> None:
        raise ControlError("the daemon has closed the connection; ask again")


class Daemon:
    """The daemon of a state folder."""

    running = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def command(self, name: str, **arguments: object) -> dict[str, Any]:
        """Return the answer to a command; raises ControlError."""
        patience = _STATUS_SECONDS if name == "status" else _COMMAND_SECONDS
        with self._answer(name, arguments, patience) as answer:
            return _checked(json.loads(answer.read()))

    def stream(self, name: str, **arguments: object) -> Iterator[dict[str, Any]]:
        """Yield the steps of a command; raises ControlError."""
        with self._answer(name, arguments, None) as answer:
            while line := answer.readline():
                yield _checked(json.loads(line))

    @contextmanager
    def _answer(
        self, name: str, arguments: object, patience: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        try:
            with connected(self._path) as one:
                if one is None:
                    raise ControlError(f"the daemon of {self._path.parent} has ended")
                one.settimeout(patience)
                connection = _Connection(one)
                connection.request("POST", f"/{name}", json.dumps(arguments))
                yield connection.getresponse()
        except TimeoutError:
            raise ControlError(
                f"the daemon of {self._path.parent} does not answer; look at its log, and at the disk"
            ) from None
        except (http.client.HTTPException, ConnectionError) as error:
            raise ControlError(f"the daemon ended before it had answered ({type(error).__name__})") from None


@contextmanager
def connected(path: Path) -> Iterator[socket.socket | None]:
    """Connect to a control socket; None if nobody listens. Raises ControlError if it cannot be reached."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(_CONNECT_SECONDS)
        try:
            with short_path(path) as name:
                one.connect(name)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            yield None
            return
        except TimeoutError:
            raise ControlError(f"the daemon of {path.parent} does not answer; look at its log") from None
        except OSError as error:
            raise ControlError(
                f"{path}: {error.strerror}; run the command as the user whose bridge it is"
            ) from None
        yield one


def daemon_of(state_dir: Path) -> Daemon | None:
    """Return the daemon of a state folder, None if there is none."""
    path = state_dir / FILE_NAME
    with connected(path) as one:
        return None if one is None else Daemon(path)


def running(config: Path | None) -> Daemon:
    """Return the daemon; raises ControlError when there is none."""
    state_dir = state_dir_of(config)
    daemon = daemon_of(state_dir)
    if daemon is None:
        raise ControlError(f"no bridge runs on {state_dir}; start one with `apim-bridge run`")
    return daemon


@contextmanager
def asked(config: Path | None, *, sinks: bool = False) -> Iterator[Asked]:
    """Give the daemon of a state folder; without one, take its place while the command runs.

    `sinks`: events are to be sent, so that without a daemon the whole configuration is needed. Raises
    ControlError when there is nothing to ask.
    """
    daemon = daemon_of(state_dir_of(config))
    if daemon is not None:
        yield daemon
        return
    # All that takes long to import is needed only now.
    from bridge.cli import alone  # noqa: PLC0415 - see above

    with (alone.with_sinks if sinks else alone.without_sinks)(config) as local:
        yield local


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer and len(answer) == 1:
        raise ControlError(answer["error"])
    return answer

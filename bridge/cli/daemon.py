"""Asking a bridge from the command line: the running daemon, or the same code on its state folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import msgspec

from bridge.app.bridge import Bridge
from bridge.app.operations import Operations
from bridge.errors import ControlError
from bridge.settings import Settings
from bridge.web.control import FILE_NAME, ControlSocket
from bridge.web.listener import short_path

_CONNECT_SECONDS = 5


class Asked(Protocol):
    """A bridge that can be asked, wherever it runs."""

    running: bool
    """Whether a daemon answers; else the command holds the state folder itself."""

    async def command(self, name: str, **arguments: object) -> dict[str, Any]:
        """Return the answer to a command; raises ControlError."""
        ...

    def stream(self, name: str, **arguments: object) -> AsyncIterator[dict[str, Any]]:
        """Yield the steps of a command; raises ControlError."""
        ...


class _Daemon:
    running = True

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def command(self, name: str, **arguments: object) -> dict[str, Any]:
        async with self._session.post(
            f"http://bridge/{name}", data=msgspec.json.encode(arguments)
        ) as response:
            return _checked(msgspec.json.decode(await response.read()))

    async def stream(self, name: str, **arguments: object) -> AsyncIterator[dict[str, Any]]:
        async with self._session.post(
            f"http://bridge/{name}", data=msgspec.json.encode(arguments)
        ) as response:
            buffer = b""
            async for piece in response.content.iter_any():
                *lines, buffer = (buffer + piece).split(b"\n")
                for line in lines:
                    yield _checked(msgspec.json.decode(line))
            if buffer:
                yield _checked(msgspec.json.decode(buffer))


class _Local:
    running = False

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._socket: ControlSocket = Operations(bridge).control_socket()

    async def command(self, name: str, **arguments: object) -> dict[str, Any]:
        return _plain(await self._socket.commands[name](dict(arguments)))

    async def stream(self, name: str, **arguments: object) -> AsyncIterator[dict[str, Any]]:
        sink = arguments.get("sink")
        if name == "replay" and isinstance(sink, str) and sink in self._bridge.lanes:
            self._bridge.start_lane(sink, follow=False)
        async for step in self._socket.streams[name](dict(arguments)):
            yield _plain(step)


@asynccontextmanager
async def daemon(state_dir: Path) -> AsyncIterator[Asked | None]:
    """Connect to the daemon of a state folder; None: there is none."""
    path = state_dir / FILE_NAME
    if path.exists():
        with short_path(path) as name:
            if await _answers(name):
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
                async with aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(name), timeout=timeout
                ) as session:
                    yield _Daemon(session)
                return
    yield None


@asynccontextmanager
async def asked(settings: Settings, *, needs_daemon: bool = False) -> AsyncIterator[Asked]:
    """Connect to the daemon of a state folder; without one, take its place for the time of the command.

    Raises ControlError when there is nothing to ask.
    """
    async with daemon(settings.state_dir) as running:
        if running is not None:
            yield running
            return
    if needs_daemon:
        raise ControlError(f"no bridge runs on {settings.state_dir}; start one with `apim-bridge run`")
    if not (settings.state_dir / "journal.db").exists():
        raise ControlError(
            f"there is no journal in {settings.state_dir}; has the bridge run with this configuration?"
        )
    async with Bridge.opened(settings) as bridge:
        yield _Local(bridge)


async def _answers(name: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(name)) as session,
            session.post("http://bridge/ping", timeout=aiohttp.ClientTimeout(_CONNECT_SECONDS)),
        ):
            return True
    except (aiohttp.ClientError, OSError):
        return False


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer and len(answer) == 1:
        raise ControlError(answer["error"])
    return answer


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as it would come over the socket."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return plain

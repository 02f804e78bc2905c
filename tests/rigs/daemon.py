"""The real daemon as a child process, for tests that start, ask, stop and kill it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp
from places import ROOT
from rigs.forks import Forked, run_command

from bridge.web.socket_file import short_path

# Puts the sockets where systemd puts them, and becomes the daemon.
_INHERIT = """
import os, sys
numbers, names, program, *arguments = sys.argv[1:]
for place, number in enumerate([os.dup(int(number)) for number in numbers.split(",")], 3):
    os.dup2(number, place)
    os.set_inheritable(place, True)
os.environ |= {
    "LISTEN_PID": str(os.getpid()),
    "LISTEN_FDS": str(len(names.split(":"))),
    "LISTEN_FDNAMES": names,
}
os.execv(program, [program, *arguments])
"""


class Daemon:
    """`apim-bridge run` on a configuration; its state folder is `state` beside the configuration.

    It is forked from a process that has imported everything, which saves most of a start. `fresh`: it has an
    interpreter of its own, for tests that look at its memory, its imports or its first moments. `under`: a command that
    runs it (a profiler).
    """

    def __init__(
        self,
        folder: Path,
        configuration: str,
        under: Sequence[str] = (),
        *,
        fresh: bool = False,
        sockets: Mapping[str, socket.socket] = MappingProxyType({}),
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`sockets`: what it inherits, by name, as from systemd; `environ`: further variables."""
        self.folder = folder
        self._sockets = sockets
        self._environ = environ
        self.state_dir = folder / "state"
        self.config = folder / "bridge.toml"
        self.config.write_text(configuration)
        self.under = under
        self._fresh = fresh or bool(under) or bool(sockets)
        self.lines: list[dict[str, Any]] = []
        self._process: asyncio.subprocess.Process | Forked | None = None
        self._reading: asyncio.Task[None] | None = None
        self._started = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self.kill()

    @property
    def process(self) -> asyncio.subprocess.Process | Forked:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """The bridge's own process."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]) if self.under else pid

    async def launch(self) -> None:
        """Start the process without waiting for it to be ready."""
        self._started.clear()
        environ = {**os.environ, **self._environ}
        if self._fresh:
            self._process = await self._new_interpreter(environ)
            errors = self._process.stderr
            assert errors is not None
        else:
            arguments = ("run", "--config", str(self.config))
            self._process = await Forked.started(None, *arguments, stream=2, environ=environ)
            errors = self._process.output
        self._reading = asyncio.create_task(self._read(errors))

    async def _new_interpreter(self, environ: Mapping[str, str]) -> asyncio.subprocess.Process:
        numbers = [one.fileno() for one in self._sockets.values()]
        inheriting = ["-c", _INHERIT, ",".join(map(str, numbers)), ":".join(self._sockets), sys.executable]
        return await asyncio.create_subprocess_exec(
            *self.under,
            sys.executable,
            *(inheriting if numbers else []),
            "-m",
            "bridge",
            "run",
            "--config",
            str(self.config),
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environ,
            pass_fds=numbers,
        )

    async def start(self) -> None:
        """Start and wait until everything runs."""
        await self.launch()
        ended = asyncio.create_task(self.process.wait())
        started = asyncio.create_task(self._started.wait())
        async with asyncio.timeout(30):
            await asyncio.wait((ended, started), return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, started):
            task.cancel()
        assert self._started.is_set(), f"it did not start: {self.lines[-3:]}"

    async def kill(self) -> None:
        """`kill -9`."""
        if self.process.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
        await self._ended()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self._ended()

    async def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Ask over the control socket."""
        with short_path(self.state_dir / "control.sock") as name:
            return await self._ask(aiohttp.UnixConnector(name), command, arguments)

    async def replay(self, sink: str) -> None:
        """Have a sink's dead letters sent again over the control socket, which also wakes it."""
        with short_path(self.state_dir / "control.sock") as name:
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(name)) as session,
                session.post("http://bridge/replay", json={"sink": sink}) as answer,
            ):
                await answer.read()

    async def _ask(
        self, connector: aiohttp.UnixConnector, command: str, arguments: dict[str, object]
    ) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"http://bridge/{command}", json=arguments) as response,
        ):
            answer: dict[str, Any] = await response.json()
            return answer

    async def until(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Return the first status for which the condition holds."""
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    status = await self.ask("status")
                    if condition(status):
                        return status
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it never came: {json.dumps(status, indent=1)}") from None

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run another command on the same configuration; returns exit code, output and errors."""
        return await asyncio.to_thread(run_command, *arguments, "--config", str(self.config))

    def resident_bytes(self) -> int:
        """Memory that the process holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one kind of happening."""
        return [line for line in self.lines if line.get("event") == name]

    async def _ended(self) -> int:
        code = await self.process.wait()
        if self._reading is not None:
            await self._reading
        self._process = None
        return code

    async def _read(self, errors: asyncio.StreamReader) -> None:
        async for line in errors:
            try:
                fact = json.loads(line)
            except ValueError:
                fact = {"event": "text", "text": line.decode(errors="replace")}
            self.lines.append(fact)
            if fact.get("event") == "started":
                self._started.set()


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def balanced(status: dict[str, Any]) -> bool:
    """Whether the books balance to the event (P7)."""
    return bool(status["books"]["balanced"])

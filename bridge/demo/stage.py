"""What the show is played on: the bridge, the Moesif look-alike and the dashboard, each a real child process."""

import asyncio
import contextlib
import glob
import importlib.util
import json
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final, Self

import aiohttp

from bridge.demo.moesif_lookalike import KEY
from bridge.web.socket_file import FILE_NAME, short_path

_ANSWER_SECONDS: Final = 5
_RETRIES: Final = re.compile(rb"^apim_bridge_retries_total\{[^}]*\} (\S+)", re.MULTILINE)
_LAST_LINES: Final = 5
_LINE_CHARACTERS: Final = 400


class StageError(Exception):
    """A part of the show does not work; the message says which and what it said last."""


class Moesif:
    """The look-alike, as seen through its port for commands, which answers while it is down, too."""

    def __init__(self, session: aiohttp.ClientSession, url: str, commands: str) -> None:
        self.url = url
        self._session = session
        self._commands = commands

    @classmethod
    @asynccontextmanager
    async def started(cls, folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Self]:
        """Start it; it is gone at the end."""
        with (folder / "moesif.log").open("wb") as log:
            process = await _start("bridge.demo.moesif_process", "--key", KEY, stdout=PIPE, stderr=log)
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            urls = [(await process.stdout.readline()).decode().rpartition(" ")[2].strip() for _ in range(2)]
            if not all(urls):
                raise StageError(f"the Moesif look-alike does not start: {_tail(folder / 'moesif.log')}")
            yield cls(session, *urls)
        finally:
            await _end(process)

    async def turn(self, **knobs: object) -> None:
        """Turn its knobs."""
        async with self._session.put(f"{self._commands}/_knobs", data=json.dumps(knobs)) as answer:
            answer.raise_for_status()

    async def report(self) -> dict[str, Any]:
        """Return what came in."""
        async with self._session.get(f"{self._commands}/_report") as answer:
            report: dict[str, Any] = await answer.json()
            return report


class Dashboard:
    """The analytics process: the store of all events and the page over it; it outlives the bridge."""

    def __init__(self, session: aiohttp.ClientSession, process: Process, log: Path) -> None:
        self.url = ""
        self._session = session
        self._process = process
        self._log = log
        self._shown = 0

    @classmethod
    @asynccontextmanager
    async def starting(cls, folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Self | None]:
        """Start it, which takes a moment: see `ready`; None where DuckDB is not installed. It is gone at the end."""
        if importlib.util.find_spec("duckdb") is None:
            yield None
            return
        config, log = folder / "analytics.toml", folder / "analytics.log"
        config.write_text(
            f'[bridge]\nstate_dir = {_text(folder)}\n[bridge.analytics]\nlisten = "127.0.0.1:0"\n',
            encoding="utf-8",
        )
        with log.open("wb") as errors:
            process = await _start("bridge", "analytics", "--config", str(config), stdout=PIPE, stderr=errors)
        try:
            yield cls(session, process, log)
        finally:
            await _end(process)

    async def ready(self) -> None:
        """Return when it answers; raises StageError."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self.url = (await self._process.stdout.readline()).decode().strip()
        if not self.url:
            raise StageError(f"the dashboard does not start: {_tail(self._log)}")

    async def shown(self) -> int:
        """Return how many different events it shows; while it does not answer, as many as before."""
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
            async with self._session.get(f"{self.url}/api/state") as answer:
                self._shown = int((await answer.json())["events"])
        return self._shown


class BridgeProcess:
    """`apim-bridge run` as a child process, which can be killed and started again."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.kills = 0
        self._config = folder / "bridge.toml"
        self._log = folder / "bridge.log"
        self._control = folder / "state" / FILE_NAME
        self._session = session
        self._process: Process | None = None
        self._began_at = 0
        self._retries = 0
        self._retries_before = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            await _end(self._process)

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs; negative: by which signal."""
        return self._process.returncode if self._process is not None else None

    @property
    def last_words(self) -> str:
        """The end of what it has logged."""
        return _tail(self._log)

    async def start(self) -> None:
        """Start it, which takes a moment: it is there when `status` answers."""
        with self._log.open("ab") as log:
            self._began_at = log.tell()
            self._process = await _start(
                "bridge", "run", "--config", str(self._config), stdout=DEVNULL, stderr=log
            )

    async def kill(self) -> None:
        """End it as a power cut or the kernel's out-of-memory killer would."""
        if self._process is not None:
            self.kills += 1
            await _end(self._process)
            self._retries_before, self._retries = self._retries_before + self._retries, 0

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def status(self) -> dict[str, Any] | None:
        """Return its status over the control socket, None when it does not answer."""
        timeout = aiohttp.ClientTimeout(_ANSWER_SECONDS)
        try:
            with short_path(self._control) as name:
                async with (
                    aiohttp.ClientSession(connector=aiohttp.UnixConnector(name), timeout=timeout) as session,
                    session.post("http://bridge/status") as answer,
                ):
                    status: dict[str, Any] = await answer.json()
                    return status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None

    async def retries(self) -> int:
        """Return how many requests failed and were tried again, in all its lives."""
        # Counted in its metrics only; where these are served is a line of its log.
        admin = self._admin_url()
        if admin is not None:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with self._session.get(f"{admin}/metrics") as answer:
                    found = _RETRIES.findall(await answer.read())
                    self._retries = int(sum(float(value) for value in found))
        return self._retries_before + self._retries

    async def books(self) -> dict[str, Any]:
        """Return the status as it stands on disk, when no daemon runs; raises StageError."""
        process = await _start(
            "bridge", "status", "--json", "--config", str(self._config), stdout=PIPE, stderr=PIPE
        )
        try:
            out, err = await process.communicate()
            books: dict[str, Any] = json.loads(out)
        except ValueError:
            raise StageError(f"apim-bridge status does not answer: {err.decode().strip()}") from None
        else:
            return books
        finally:
            await _end(process)

    def _admin_url(self) -> str | None:
        for line in self._log.read_bytes()[self._began_at :].splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry["event"] == "started":
                    return str(entry["admin"])
        return None


def configuration(folder: Path, moesif_url: str, dashboard_url: str) -> str:
    """Return the bridge's configuration for the show: WSO2's own keys, and times for an audience.

    `dashboard_url` is empty where there is no dashboard.
    """
    logs = Path(glob.escape(str(folder))) / "logs" / "apim_metrics*.log"
    return f"""\
[apim.analytics]
enable = true
type = "{"moesif, analytics" if dashboard_url else "moesif"}"

[apim.analytics.properties]
moesifKey = {_text(KEY)}
moesif_base_url = {_text(moesif_url)}

[bridge]
state_dir = {_text(folder / "state")}
instance = "demo"
gateway_url = "https://gateway.example.com:8243"

[bridge.sources.log]
paths = [{_text(logs)}]
poll_interval = "100ms"

[bridge.admin]
listen = "127.0.0.1:0"

[bridge.delivery]
linger = "200ms"
retry_max = "1s"
""" + (f"\n[bridge.sinks.analytics]\nurl = {_text(dashboard_url)}\n" if dashboard_url else "")


def _text(value: object) -> str:
    # TOML's basic strings know JSON's escapes.
    return json.dumps(str(value), ensure_ascii=False)


async def _start(*arguments: str, stdout: int | IO[bytes], stderr: int | IO[bytes]) -> Process:
    # A process group of its own: Ctrl-C is for the show, which then ends its parts in order.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments), stdin=DEVNULL, stdout=stdout, stderr=stderr, process_group=0
    )


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    """Return what a log says last, without its good news."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    bad = [line[:_LINE_CHARACTERS] for line in lines if '"level": "info"' not in line]
    return "\n".join(bad[-_LAST_LINES:]) or "it said nothing"

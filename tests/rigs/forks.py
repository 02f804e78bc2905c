"""Processes forked from one that has imported everything: a new interpreter would take longer than most tests do."""

import asyncio
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from places import ROOT

from bridge.__main__ import main
from bridge.cli import COMMANDS

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [*(f"bridge.cli.{command.module}" for command in COMMANDS.values()), "rigs.forks"]
)


class Forked:
    """A running `apim-bridge` or a script, with what asyncio's processes have.

    `output`: what it writes to the stream that was asked for.
    """

    def __init__(
        self, process: multiprocessing.context.ForkServerProcess, output: asyncio.StreamReader
    ) -> None:
        self._process = process
        self.output = output
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        loop.add_reader(process.sentinel, self._reap)

    @classmethod
    async def started(
        cls, program: Path | None, *arguments: str, stream: int = 1, environ: Mapping[str, str] = os.environ
    ) -> Self:
        """Start a script (None: `apim-bridge`) with these variables alone, and read one of its streams."""
        reader, writer = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=_become, args=(program, arguments, dict(environ), {stream: writer}))
        await asyncio.to_thread(process.start)
        writer.close()
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(os.dup(reader.fileno()), "rb")
        )
        reader.close()
        return cls(process, output)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None: it runs."""
        return self._ended.result() if self._ended.done() else None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if not self._ended.done():
            os.kill(self.pid, signal.Signals(number))

    def kill(self) -> None:
        """`kill -9`."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        return await asyncio.shield(self._ended)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self._ended.set_result(self._process.exitcode or 0)


def run_command(*arguments: str) -> tuple[int, str, str]:
    """Run `apim-bridge` in a process of its own; returns exit code, output and errors."""
    with tempfile.TemporaryDirectory() as name:
        output, errors = Path(name) / "output", Path(name) / "errors"
        process = FORKS.Process(
            target=_become, args=(None, arguments, dict(os.environ), {1: output, 2: errors})
        )
        process.start()
        process.join()
        code = process.exitcode or 0
        process.close()
        return code, output.read_text(), errors.read_text()


def _become(
    program: Path | None,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    streams: Mapping[int, Path | Connection],
) -> None:
    for number, target in streams.items():
        if isinstance(target, Path):
            file = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(file, number)
            os.close(file)
        else:
            os.dup2(target.fileno(), number)
            target.close()
    # What stood on these numbers may have been a file, which can seek.
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, closefd=False)  # type: ignore[misc]
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [str(program or "apim-bridge"), *arguments]
    if program is None:
        main()
    else:
        runpy.run_path(str(program), run_name="__main__")

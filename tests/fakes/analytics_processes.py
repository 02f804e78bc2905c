"""Real processes of the analytics server, quick to start: they are forked from one that has imported everything."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from bridge.analytics.server.serving import serving
from bridge.settings import AnalyticsSettings, BridgeSettings


class ServerProcess:
    """One server on a folder."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self._pid = pid

    def kill(self) -> None:
        """End it with SIGKILL, which it cannot see coming."""
        os.kill(self._pid, signal.SIGKILL)


@contextmanager
def server_process(folder: Path) -> Iterator[ServerProcess]:
    """Run a server while the block runs, or until it is killed."""
    ours, theirs = _context().Pipe()
    process = _context().Process(target=_serve, args=(folder, theirs))
    process.start()
    try:
        yield ServerProcess(ours.recv(), process.pid or 0)
    finally:
        process.kill()
        process.join()
        ours.close()
        theirs.close()


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _serve(folder: Path, told: Connection) -> None:
    async def serve() -> None:
        analytics = AnalyticsSettings.model_validate({"listen": "127.0.0.1:0", "path": folder})
        async with serving(BridgeSettings(analytics=analytics)) as url:
            told.send(url)
            await asyncio.Event().wait()

    asyncio.run(serve())

"""`apim-bridge run`: the daemon."""

import asyncio
import ctypes
import functools
import gc
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import click
import uvloop

from bridge import __version__
from bridge.app.bridge import Bridge
from bridge.app.descriptors import raise_limit, reachable_limit, shares
from bridge.app.operations import Operations
from bridge.app.reload import Reload
from bridge.app.signals import SIGNALS
from bridge.app.systemd import inherited_sockets, notify, watchdog_seconds
from bridge.cli.configuration import config_option, path_of
from bridge.cli.settings import read
from bridge.contracts import ListeningSource
from bridge.settings import ADMIN, Settings
from bridge.telemetry import logs
from bridge.web.admin import STUCK_SECONDS
from bridge.web.listener import listening, listening_on_file
from bridge.web.socket_file import FILE_NAME

# For reading logs, compressing and fsyncing files; each is short, and the two cores of a sidecar are soon full.
_THREADS: Final = 3
# As in glibc, malloc.h; see the manual page mallopt, section 3.
_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
# Larger than what comes and goes all the time (chunks, tables of compression, a batch while it is encoded, which
# grows to 1.5 MB): pages that are given back and taken again cost more than what is done with them. With 512 KiB
# every second event cost a page fault: 1.3 µs of the kernel's time for each event.
_LARGE_BYTES: Final = 4 * 2**20


@click.command
@config_option
@click.option("--where", is_flag=True, help="Print where to look and what to try.")
def run(config: Path | None, where: bool) -> None:
    """Take events and deliver them until SIGTERM or SIGINT.

    Example: apim-bridge run --config /etc/apim-bridge/bridge.toml
    """
    SIGNALS.listen()
    SIGNALS.begin_reading()
    settings = read(path_of(config))
    logs.configure(settings.log_level)
    _keep_memory_together()
    raise_limit()
    uvloop.run(_serve(settings, where=where))


async def _serve(settings: Settings, *, where: bool) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="worker"))
    stop: asyncio.Future[str] = loop.create_future()
    SIGNALS.hand_over(loop.add_signal_handler, functools.partial(_ask_to_stop, stop))
    async with Bridge.opened(settings) as bridge:
        if stop.done():
            # Nothing runs yet, and what it opened it closes.
            return
        reload = Reload(bridge, functools.partial(read, settings.file))
        operations = Operations(bridge, reload)
        listening_sources = [name for name, own in settings.sources.items() if own.address is not None]
        inherited = inherited_sockets(os.environ, os.getpid(), listening_sources)
        await bridge.start(inherited)
        async with (
            listening(
                operations.admin_pages().pages(),
                settings.admin.listen,
                tls=bridge.admin_tls,
                inherited=inherited.get(ADMIN),
                most_connections=shares(settings, reachable_limit()).admin,
            ) as admin_url,
            listening_on_file(operations.control_socket().routes(), settings.state_dir / FILE_NAME),
        ):
            loop.add_signal_handler(signal.SIGHUP, reload.soon)
            if SIGNALS.reload:
                reload.soon()
            # What is here now stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            bridge.happenings.started(
                version=__version__,
                configuration=settings.fingerprint,
                admin=admin_url,
                sources=list(bridge.sources),
                sinks=list(bridge.lanes),
            )
            if where:
                print(_where_to_look(bridge, admin_url), flush=True)
            notify("READY=1", os.environ)
            watched = asyncio.create_task(_reassure(operations))
            why = await stop
            notify("STOPPING=1", os.environ)
            await bridge.stop(why)
            watched.cancel()


async def _reassure(operations: Operations) -> None:
    """Tell systemd's watchdog, if there is one, that the event loop and the journal's writer are alive."""
    if (seconds := watchdog_seconds(os.environ, os.getpid())) is None:
        return
    while True:
        if operations.view.stuck_seconds() <= STUCK_SECONDS:
            notify("WATCHDOG=1", os.environ)
        await asyncio.sleep(seconds / 2)


def _keep_memory_together() -> None:
    """Ask glibc to return freed memory to the system (P8).

    By default each thread has an arena of its own, and large pieces come out of it once the first was freed:
    what is left between them stays with the process.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)
    except (OSError, AttributeError):
        # Another C library: it has no such thing, and no such habit.
        return


def _ask_to_stop(stop: asyncio.Future[str], why: str) -> None:
    if not stop.done():
        stop.set_result(why)


def _where_to_look(bridge: Bridge, admin_url: str) -> str:
    lines = [f"apim-bridge {__version__} is running. Stop it with Ctrl-C.", ""]
    if bridge.analytics.process is not None:
        lines.append(f"  dashboard      {bridge.settings.analytics.listen.url}/")
    lines += [
        f"  delivered to   {name}: {_shown(lane.sink.destination)}" for name, lane in bridge.lanes.items()
    ]
    lines += [f"  metrics        {admin_url}/metrics", f"  status         {admin_url}/status"]
    examples = [one.example for one in bridge.sources.values() if isinstance(one, ListeningSource)]
    lines += ["", *(f"  try            {example}" for example in examples)] if examples else []
    return "\n".join(lines)


def _shown(destination: str) -> str:
    folder = Path(destination)
    return (
        f"{folder}/events-*.ndjson" if folder.is_dir() or not destination.startswith("http") else destination
    )

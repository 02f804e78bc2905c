"""`apim-bridge run`: the daemon."""

import asyncio
import gc
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from bridge import __version__
from bridge.app import Bridge
from bridge.cli.configuration import ConfigPath, settings_of
from bridge.operations import Operations
from bridge.settings import Settings
from bridge.sources.http import HttpSource
from bridge.web.control import FILE_NAME
from bridge.web.listener import listening, listening_on_file


def run(
    config: ConfigPath,
    where: Annotated[bool, typer.Option("--where", help="Print where to look and what to try.")] = False,
) -> None:
    """Take events and deliver them until SIGTERM or SIGINT.

    Example: apim-bridge run --config /etc/apim-bridge/bridge.toml
    """
    with settings_of(config) as settings:
        uvloop.run(_serve(settings, where=where))


async def _serve(settings: Settings, *, where: bool) -> None:
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with Bridge.opened(settings) as bridge:
        operations = Operations(bridge)
        await bridge.start()
        async with (
            listening(operations.admin_pages().routes(), settings.admin.listen) as admin_url,
            listening_on_file(operations.control_socket().routes(), settings.state_dir / FILE_NAME),
        ):
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, _ask_to_stop, stop, number.name)
            # What is here now stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            bridge.happenings.started(
                version=__version__, admin=admin_url, sources=list(bridge.sources), sinks=list(bridge.lanes)
            )
            if where:
                print(_where_to_look(bridge, admin_url), flush=True)
            await bridge.stop(await stop)


def _ask_to_stop(stop: asyncio.Future[str], why: str) -> None:
    if not stop.done():
        stop.set_result(why)


def _where_to_look(bridge: Bridge, admin_url: str) -> str:
    lines = [f"apim-bridge {__version__} is running. Stop it with Ctrl-C.", ""]
    lines += [
        f"  delivered to   {name}: {_shown(lane.sink.destination)}" for name, lane in bridge.lanes.items()
    ]
    lines += [f"  metrics        {admin_url}/metrics", f"  status         {admin_url}/status"]
    http = bridge.sources.get("http")
    if isinstance(http, HttpSource):
        event = '{"apim_event_response": {"apiName": "Hello", "proxyResponseCode": 200}}'
        lines += ["", "  try            " + f"curl -d '{event}' {http.url}/events"]
    return "\n".join(lines)


def _shown(destination: str) -> str:
    folder = Path(destination)
    return (
        f"{folder}/events-*.ndjson" if folder.is_dir() or not destination.startswith("http") else destination
    )

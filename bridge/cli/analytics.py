"""`apim-bridge analytics`: the store and its dashboard."""

import asyncio
import functools
import gc
import os
import signal
import sys
from pathlib import Path

import click
import uvloop

from bridge.cli.analytics_store import compact, rebuild, verify
from bridge.cli.configuration import config_option, path_of
from bridge.cli.groups import InOrder
from bridge.errors import SettingsError
from bridge.settings import BridgeSettings, load_bridge
from bridge.settings.analytics import missing_extra
from bridge.telemetry import logs


@click.group(cls=InOrder, invoke_without_command=True)
@config_option
@click.option(
    "--with-parent", is_flag=True, help="End when standard input closes: whoever started this is gone."
)
@click.pass_context
def analytics(context: click.Context, config: Path | None, with_parent: bool) -> None:
    """Keep events for people to look at, and serve the dashboard and the data API, until SIGTERM or SIGINT.

    Prints its address once it listens. `apim-bridge run` starts one by itself if a sink of type analytics has no url.
    The commands work on the store while no process serves it.

    Example: apim-bridge analytics --config /etc/apim-bridge/bridge.toml
    """
    if fault := missing_extra():
        raise SettingsError(fault)
    if context.invoked_subcommand is not None:
        # --config means the same before the name of a command and behind it.
        context.default_map = {context.invoked_subcommand: {"config": config}}
        return
    settings = load_bridge(path_of(config), os.environ)
    logs.configure(settings.log_level)
    uvloop.run(_serve(settings, with_parent=with_parent))


for command in (verify, rebuild, compact):
    analytics.add_command(command)


async def _serve(settings: BridgeSettings, *, with_parent: bool) -> None:
    from bridge.analytics.server.serving import serving  # noqa: PLC0415 - it imports what an extra brings

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), functools.partial(_look_for_end, stop))
    async with serving(settings) as url:
        _spare_collecting()
        print(url, flush=True)
        await stop.wait()


def _spare_collecting() -> None:
    """Let the collector look less often: it would take a fifth of the time of what comes in, and find nothing.

    What is here now stays, and events are dictionaries by the hundred, each gone when the next ones come.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def _look_for_end(stop: asyncio.Event) -> None:
    """End with the parent: nothing is ever written to this pipe, so what can be read is its end."""
    if not os.read(sys.stdin.fileno(), 1):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()

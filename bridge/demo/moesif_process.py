"""The look-alike of Moesif's collector as a process of its own: `python -m bridge.demo.moesif_process --key …`.

It prints two lines: where it listens, and where it takes commands, also while it refuses connections.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from bridge.demo.moesif_lookalike import KEY, LOOPBACK, MoesifLookalike


async def _serve(arguments: argparse.Namespace) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with MoesifLookalike(arguments.key, port=arguments.port, keep=arguments.keep) as moesif:
        commands = web.Server(moesif.answer, access_log=None)
        listener = await loop.create_server(commands, LOOPBACK, 0)
        port = listener.sockets[0].getsockname()[1]
        sys.stdout.write(f"listening on {moesif.url}\ncommands on http://{LOOPBACK}:{port}\n")
        sys.stdout.flush()
        await stopped.wait()
        listener.close()
        await commands.shutdown(timeout=1)
        return moesif.report()


def main() -> None:
    """Run the look-alike as a process of its own, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m bridge.demo.moesif_process", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--key", default=KEY, help="the application id that it lets in")
    parser.add_argument("--keep", choices=("events", "ids"), default="ids", help="what stays in memory")
    parser.add_argument("--report", type=Path, help="write the report to this file at the end")
    arguments = parser.parse_args()
    report = uvloop.run(_serve(arguments))
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(report))


if __name__ == "__main__":
    main()

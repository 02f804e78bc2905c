"""`apim-bridge demo`: shows an outage and a kill -9, and then the books; it needs no account and no gateway."""

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from bridge.cli.configuration import FILE


@click.command
@click.option(
    "--seconds",
    metavar="SECONDS",
    type=click.FloatRange(2, 600),
    default=20,
    help="How long the gateway writes.",
)
@click.option(
    "--rate",
    metavar="EVENTS",
    type=click.IntRange(10, 5000),
    default=500,
    help="Events that it writes per second.",
)
@click.option("--keep", is_flag=True, help="Keep the folder with logs and journal.")
@click.option(
    "--live",
    metavar="FILE",
    type=FILE,
    help="Instead of the show: run this configuration beside a gateway that keeps calling, until Ctrl-C.",
)
@click.option("--plain", is_flag=True, help="Print lines instead of a live screen.")
def demo(seconds: float, rate: int, keep: bool, live: Path | None, plain: bool) -> None:
    """Show that nothing is lost: a gateway writes, Moesif goes down, the bridge is killed with kill -9.

    Needs no account, gateway or configuration; Moesif is a look-alike on loopback. With the extra `analytics` a
    dashboard shows the calls meanwhile. Exits with 1 when an event is lost or the books do not balance.

    Example: apim-bridge demo --seconds 30 --rate 1000
    """
    if live is not None:
        sys.exit(asyncio.run(_live(live)))
    folder = Path(tempfile.mkdtemp(prefix="apim-bridge-demo-"))
    try:
        ok = asyncio.run(_give(folder, seconds, rate, plain=plain))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("apim-bridge: interrupted, so nothing is proven", file=sys.stderr)
        ok = False
    finally:
        if keep:
            print(f"kept: {folder} (bridge.toml, bridge.log, state, logs, analytics)", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not ok:
        sys.exit(1)


async def _live(config: Path) -> int:
    """Run the daemon beside a gateway that writes the first log of its configuration; returns its exit code."""
    from bridge.cli.settings import read  # noqa: PLC0415 - as in `_give`
    from bridge.demo import living  # noqa: PLC0415 - as in `_give`

    logs = [Path(path) for source in read(config).sources.values() for path in source.files]
    if not logs:
        print(f"apim-bridge: {config} follows no log that a gateway could write", file=sys.stderr)
        return 1
    writing = asyncio.create_task(living.live(logs[0].parent))
    # Ctrl-C reaches the daemon, too, which ends in its own time; from the first moment on this waits for it.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, writing.cancel)
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "run", "--where", "--config", str(config))
    )
    ended = asyncio.create_task(daemon.wait())
    await asyncio.wait((writing, ended), return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        with contextlib.suppress(ProcessLookupError):
            daemon.terminate()
    writing.cancel()
    return await ended


async def _give(folder: Path, seconds: float, rate: int, *, plain: bool) -> bool:
    """Run the demo; returns whether it kept its promises."""
    # Rich and the stand-ins cost time and memory: only those who look pay for them.
    from rich.console import Console  # noqa: PLC0415 - see above

    from bridge.demo.ending import show_ending  # noqa: PLC0415 - see above
    from bridge.demo.screen import screen_for  # noqa: PLC0415 - see above
    from bridge.demo.show import play  # noqa: PLC0415 - see above
    from bridge.demo.stage import StageError  # noqa: PLC0415 - see above
    from bridge.demo.verdict import faults  # noqa: PLC0415 - see above

    this = asyncio.current_task()
    if this is not None:
        # Whoever ends the show ends its parts; SIGINT comes as a cancellation by itself.
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    console = Console(highlight=False)
    try:
        with screen_for(console, plain=plain) as screen:
            ending = await play(folder, seconds=seconds, rate=rate, watch=screen.show)
    except (StageError, OSError) as error:
        print(f"apim-bridge: the show broke off: {error}", file=sys.stderr)
        return False
    found = faults(ending.counts)
    show_ending(console, ending, found)
    return not found

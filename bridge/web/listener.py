"""A small HTTP listener for the bridge's own pages: on an address, or on a socket file."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from bridge.errors import SettingsError
from bridge.settings import Address

_SOCKET_NAME_BYTES: Final = 107
_BODY_BYTES: Final = 256 * 2**20


@asynccontextmanager
async def listening(routes: Sequence[web.RouteDef], address: Address) -> AsyncIterator[str]:
    """Serve the routes while the block runs; yields the URL.

    Raises SettingsError when the address cannot be had.
    """
    runner = await _runner(routes)
    try:
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"[bridge.admin] listen = {address}: {error.strerror}; choose a free address of this machine"
            ) from None
        port = runner.addresses[0][1]
        host = f"[{address.host}]" if ":" in address.host else address.host
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening_on_file(routes: Sequence[web.RouteDef], path: Path) -> AsyncIterator[None]:
    """Serve the routes on a socket file that only its owner may open (0600), while the block runs."""
    runner = await _runner(routes)
    try:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - a socket file in the local state folder
        # The file must never be open to others, not even between bind and chmod.
        mask = os.umask(0o177)
        try:
            with short_path(path) as name:
                await web.UnixSite(runner, name).start()
        finally:
            os.umask(mask)
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - as above


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yield a name for a socket file that the kernel takes: it has room for 107 bytes (unix(7)).

    A longer path is named through its folder's descriptor, for as long as the block runs.
    """
    if len(os.fsencode(path)) <= _SOCKET_NAME_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def _runner(routes: Sequence[web.RouteDef]) -> web.AppRunner:
    # Only the control socket reads bodies: pages of events, each of which may be large.
    app = web.Application(client_max_size=_BODY_BYTES)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    return runner

"""An HTTP server for the `http` sink."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fakes.destinations import Collector, collector


def destination(_path: Path) -> AbstractAsyncContextManager[Collector]:
    """Run a server that takes whatever comes."""
    return collector()

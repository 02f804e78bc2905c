"""An HTTP server in place of an analytics process, which would not say how often an event came."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fakes.destinations import SECRET, Collector, collector
from yarl import URL


class _Analytics:
    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.ids, self.vanish, self.return_ = collector.ids, collector.vanish, collector.return_

    @property
    def settings(self) -> dict[str, Any]:
        return {"url": str(URL(self._collector.url).origin()), "token": SECRET}


@asynccontextmanager
async def destination(_path: Path) -> AsyncIterator[_Analytics]:
    """Run a server that takes whatever comes."""
    async with collector() as made:
        yield _Analytics(made)

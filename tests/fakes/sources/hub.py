"""A hub for a made-up source that asks what is settled."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fakes.hub import Hub, HubSource
from rigs.rig import Rig

from bridge.contracts import Source


class HubSender:
    """A hub: an event is acknowledged when its offset is in the journal; the hub is told of it later."""

    def __init__(self, behind: Rig, folder: Path) -> None:
        self._hub = Hub(folder)
        self._offered = 0
        self.hub_source = HubSource(self._hub, behind.gate, {}, behind.settled("hub"))
        self.source: Source = self.hub_source

    async def offer(self, bodies: Sequence[bytes]) -> None:
        self._hub.produce(0, bodies)
        self._offered += len(bodies)

    async def acknowledged(self) -> None:
        while self.hub_source.offsets[0] < self._offered:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Files need no end."""


def sender(folder: Path, behind: Rig) -> HubSender:
    """Return a hub, and the source that reads it."""
    return HubSender(behind, folder)

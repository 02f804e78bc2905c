"""The lanes, as intake sees them."""

from collections.abc import Callable, Iterable
from typing import Final

from bridge.contracts import Arrival
from bridge.delivery.ahead import MappedAhead
from bridge.delivery.lane import Lane

# The largest arrival that is mapped ahead: its mapped form takes as much memory again for each sink (P8). Only captured
# bodies make one so large.
_MOST_MAPPED_BYTES: Final = 2 * 2**20


class FollowingLanes:
    """Maps events ahead for the lanes that keep up, and lets a source wait until these are at most one block behind."""

    def __init__(self, lanes: Callable[[], Iterable[Lane]]) -> None:
        self._lanes = lanes

    def ahead(self, arrival: Arrival, received_ms: int) -> MappedAhead:
        """Return what to add this arrival's events to: it maps them for the lanes that keep up."""
        mappers = [mapper for lane in self._lanes() if (mapper := lane.mapper) is not None]
        few = sum(map(len, arrival.bodies)) <= _MOST_MAPPED_BYTES
        return MappedAhead(mappers if few else (), received_ms)

    async def in_step(self) -> None:
        """Wait briefly until the lanes that keep up are at most one block behind; do not wait for a slow sink."""
        for lane in self._lanes():
            await lane.in_step()

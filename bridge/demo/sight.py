"""What there is to see of the show at one moment, and how fast it moves."""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

_RATE_SECONDS: Final = 1.0


class Act(IntEnum):
    """What happens, in this order."""

    START = 0
    FLOW = 1
    OUTAGE = 2
    KILL = 3
    RESTART = 4
    RETURN = 5
    LAST = 6
    STOP = 7

    @property
    def words(self) -> str:
        """Say it in a sentence of at most 60 characters."""
        return _WORDS[self]


_WORDS: Final = {
    Act.START: "The bridge starts, for a look-alike of Moesif and a dashboard.",
    Act.FLOW: "Events flow from the gateway's log to Moesif.",
    Act.OUTAGE: "Moesif loses an answer, then refuses every connection.",
    Act.KILL: "kill -9: the bridge is gone, the gateway goes on writing.",
    Act.RESTART: "The bridge is started again, Moesif is still down.",
    Act.RETURN: "Moesif is back: the backlog drains.",
    Act.LAST: "The gateway stops, the last events arrive.",
    Act.STOP: "SIGTERM: the bridge commits and ends.",
}


@dataclass(frozen=True, slots=True)
class Sight:
    """One moment; numbers of events unless said otherwise."""

    seconds: float
    """Since the show began."""
    begun: dict[Act, float]
    """When each act began that has begun, in seconds since the show began; the last one is on."""
    written: int
    writing: bool
    rolls: int
    """Times that the gateway's log rolled."""
    journalled: int
    """As last heard from the bridge, so are `pending` and `retries`."""
    pending: int
    retries: int
    """Requests that failed and were tried again."""
    bridge: Literal["starting", "up", "killed", "stopping", "stopped"]
    kills: int
    sink_state: str
    """`delivering`, `idle`, `retrying` or `paused`; empty while the bridge does not answer."""
    retry_in_seconds: float
    arrived: int
    """Different events that Moesif has."""
    copies: int
    moesif_up: bool
    dashboard: str
    """Its address; empty where there is none."""
    shown: int
    """Different events that the dashboard has."""

    @property
    def act(self) -> Act:
        """What happens now."""
        return max(self.begun)

    @property
    def unread(self) -> int:
        """Events in the log that the journal does not have yet."""
        return max(0, self.written - self.journalled)


class Speeds:
    """Events a second, over about the last second."""

    def __init__(self) -> None:
        self._seen: deque[Sight] = deque()
        self.written = 0.0
        self.arrived = 0.0
        self.shown = 0.0

    def add(self, sight: Sight) -> None:
        """Take the next moment."""
        seen = self._seen
        seen.append(sight)
        while len(seen) > 2 and sight.seconds - seen[1].seconds >= _RATE_SECONDS:
            seen.popleft()
        seconds = sight.seconds - seen[0].seconds
        if seconds > 0:
            self.written = (sight.written - seen[0].written) / seconds
            self.arrived = (sight.arrived - seen[0].arrived) / seconds
            self.shown = (sight.shown - seen[0].shown) / seconds

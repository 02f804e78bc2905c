"""From bytes in the journal to events, one at a time."""

from collections.abc import Iterable, Iterator

from bridge.errors import Unacceptable
from bridge.events.event import REFUSALS, Event, decode_fast, mend


def decoded(bodies: Iterable[bytes]) -> Iterator[Event]:
    """Yield the event of each body, one at a time, for a caller that maps it at once.

    A decoded event is forty small objects: as long as one is let go of before the next comes, they stay in the
    processor's cache. That is cheaper than to keep them from intake to the lanes, and takes no memory (P8).
    """
    for body in bodies:
        try:
            yield decode_fast(body)
        except REFUSALS:
            yield _mended(body)


def _mended(body: bytes) -> Event:
    try:
        return mend(body)[1]
    except Unacceptable:
        # It was an event when it was journalled: the mapping will say what is wrong with it.
        return Event()

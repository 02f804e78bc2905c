"""Decodes what takes long on a thread, so that the other arrivals need not wait for it; a part of intake."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from bridge.contracts import Arrival, Kind
from bridge.errors import Unacceptable
from bridge.events.event import EMPTY, REFUSALS, Event, decode_fast
from bridge.events.sizes import LARGE_BYTES, check_size
from bridge.formats.carriers import Found, opened

Decoding = tuple[Callable[[bytes], Event], Callable[[bytes, Kind | None], Iterable[Found]]]
"""How intake decodes a body, and how it opens one that holds an event somewhere inside."""


class Aside:
    """The arrivals with large bodies, and those that must not overtake them."""

    def __init__(self) -> None:
        self.ends: dict[str, asyncio.Future[None]] = {}
        """By source, the end of what is decoded now; its positions must not be overtaken."""

    async def decoding(self, arrival: Arrival, *, large: bool) -> Decoding:
        """Return what decodes and opens an arrival, once large bodies are decoded on a thread.

        What has positions goes on in the order in which it came: the last one that is committed counts (P2).
        """
        source, before = arrival.source, None
        done = asyncio.get_running_loop().create_future()
        if arrival.positions:
            before, self.ends[source] = self.ends.get(source), done
        try:
            decoding: Decoding = (decode_fast, opened)
            if large:
                decoding = await asyncio.to_thread(_decoded_large, arrival.bodies, arrival.kinds)
            if before is not None:
                await asyncio.wait((before,))
        finally:
            # The ones after it only wake once this one was appended: there is no other await until then.
            done.set_result(None)
            if self.ends.get(source) is done:
                del self.ends[source]
        return decoding


def _decoded_large(bodies: Sequence[bytes], kinds: Sequence[Kind | None]) -> Decoding:
    """Return what decodes and what opens these bodies; for large ones both have done their work."""
    events: dict[int, Event | Unacceptable] = {}
    inside: dict[int, Sequence[Found]] = {}
    for body, kind in zip(bodies, kinds, strict=True):
        if len(body) <= LARGE_BYTES:
            continue
        try:
            check_size(body)
            events[id(body)] = decode_fast(body)
        except Unacceptable as error:
            events[id(body)] = error
        except REFUSALS:
            events[id(body)] = EMPTY
        if events[id(body)] == EMPTY:
            inside[id(body)] = [*opened(body, kind)]

    def decode(body: bytes) -> Event:
        event = events.get(id(body))
        if isinstance(event, Unacceptable):
            raise event
        return decode_fast(body) if event is None else event

    def open_up(body: bytes, kind: Kind | None) -> Iterable[Found]:
        found = inside.get(id(body))
        return opened(body, kind) if found is None else found

    return decode, open_up

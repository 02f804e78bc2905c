"""From another form of event to WSO2's own, one by one, so that one bad event is rejected alone."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bridge.errors import Unacceptable
from bridge.events.event import encode
from bridge.events.reading import read_object
from bridge.sources.http.body import Piece


def mapped(pieces: Iterable[Piece], canonical: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[Piece]:
    """Yield what `canonical` makes of each object, or why it is none; `canonical` may raise Unacceptable."""
    for piece in pieces:
        if isinstance(piece, Unacceptable):
            yield piece
            continue
        try:
            data, _ = read_object(piece[1])
            yield None, encode(canonical(data))
        except Unacceptable as error:
            yield error

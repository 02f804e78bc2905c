"""Converts events of another form into WSO2's own, one by one, so that a bad event is rejected alone."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bridge.errors import Unacceptable
from bridge.events.event import encode
from bridge.events.reading import read_object
from bridge.sources.http.body import RawEvent


def converted(
    sent: Iterable[RawEvent], canonical: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[RawEvent]:
    """Yield what `canonical` makes of each object, or why it is not an event; `canonical` may raise Unacceptable."""
    for one in sent:
        if isinstance(one, Unacceptable):
            yield one
            continue
        try:
            data, _ = read_object(one[1])
            yield None, encode(canonical(data))
        except Unacceptable as error:
            yield error

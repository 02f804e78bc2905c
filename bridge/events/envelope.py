"""The `bridge` object in front of an event: what the bridge itself says of it."""

from typing import Final

from bridge.events.event import encode
from bridge.events.reading import read_object

IN_FRONT: Final = b'{"bridge":'
"""How the bytes of every journalled event with a `bridge` begin."""


def in_front(body: bytes, *names: str) -> bytes:
    """Return an event's JSON with these members in front."""
    data, _ = read_object(body)
    return encode({name: data.pop(name) for name in names} | data)

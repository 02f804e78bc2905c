"""The canonical event as it leaves the bridge: WSO2's own fields, and a `bridge` object in front."""

import json
from collections.abc import Iterable, Iterator

from bridge.contracts import Batch
from bridge.shaping.times import format_ms


def tagged(batch: Batch, instance: str) -> Iterator[bytes]:
    """Yield each event's canonical JSON with `bridge: {id, received, instance}` as its first member.

    The id is what a destination drops the second copy by (P5); the event's own bytes are not touched.
    """
    tail = b'","instance":' + json.dumps(instance).encode() + b"},"
    head: dict[int, bytes] = {}
    for event_id, received_ms, body in zip(batch.ids, batch.received_ms, batch.bodies, strict=True):
        received = head.get(received_ms)
        if received is None:
            received = head[received_ms] = b'","received":"' + format_ms(received_ms).encode() + tail
        yield b'{"bridge":{"id":"' + event_id.encode() + received + body[body.index(b"{") + 1 :]


def lines(batches: Iterable[bytes]) -> bytes:
    """Return these as newline-delimited JSON, with the last newline."""
    return b"\n".join(batches) + b"\n"

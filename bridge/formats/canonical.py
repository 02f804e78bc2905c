"""The canonical event as it leaves the bridge: WSO2's own fields, and a `bridge` object in front."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from bridge.batches import Batch
from bridge.events.envelope import IN_FRONT
from bridge.events.event import encode
from bridge.events.reading import read_object
from bridge.events.times import format_ms

_OPENING: Final = b'{"bridge":{'
_RESOLVED: Final = frozenset({"user", "company", "weight"})


class _Tag(msgspec.Struct):
    bridge: dict[str, Any]


_read_tag: Final = msgspec.json.Decoder(_Tag).decode


def tagged(batch: Batch, instance: str) -> Iterator[bytes]:
    """Yield each event's canonical JSON with `bridge: {id, received, instance}` as its first member.

    The id is what a destination drops the second copy by (P5); the event's own bytes are not touched,
    except for those of an event that has a `bridge` object already, from intake or from another bridge before
    this one: no JSON may have the same key twice, so what it says beside these three is kept inside the new one.
    """
    tail = b'","instance":' + json.dumps(instance).encode()
    head: dict[int, bytes] = {}
    for event_id, received_ms, body in zip(batch.ids, batch.received_ms, batch.bodies, strict=True):
        received = head.get(received_ms)
        if received is None:
            received = head[received_ms] = b'","received":"' + format_ms(received_ms).encode() + tail
        tag = _OPENING + b'"id":"' + event_id.encode() + received
        if not body.startswith(IN_FRONT):
            yield tag + b"}," + body[body.index(b"{") + 1 :]
        elif body.startswith(_OPENING) and _is_resolved(body):
            # Intake wrote it: it has nothing that the tag has, too.
            yield tag + b"," + body[len(_OPENING) :]
        else:
            yield _retagged(body, {"id": event_id, "received": format_ms(received_ms), "instance": instance})


def lines(events: Iterable[bytes]) -> bytes:
    """Return these as newline-delimited JSON, with the last newline."""
    return b"\n".join(events) + b"\n"


def _is_resolved(body: bytes) -> bool:
    before = _read_tag(body).bridge
    return bool(before) and before.keys() <= _RESOLVED


def _retagged(body: bytes, tag: dict[str, str]) -> bytes:
    data, _ = read_object(body)
    before = data.pop("bridge")
    kept = before if isinstance(before, dict) else {"before": before}
    return encode({"bridge": {**kept, **tag}, **data})

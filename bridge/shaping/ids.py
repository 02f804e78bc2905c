"""The id of an event: the same for every copy of it, by whichever way it came in (P5).

A UUID of version 8 (RFC 9562, section 5.8) from BLAKE2b-128. Never from the clock, a counter or a random
source, and never from anything that a mask hides.
"""

from hashlib import blake2b

from bridge.events import Event
from bridge.shaping.origin import origin_of
from bridge.shaping.sentinels import NOTHING, real
from bridge.shaping.times import parse_ms


def event_id(event: Event) -> str | None:
    """Return the id by the event's own correlation id, else by its SDK's transaction id; None if it has neither."""
    correlation = event.correlationId
    if correlation is None or correlation in NOTHING:
        return _sdk_id(event)
    kind = "fault" if event.is_fault else "response"
    ms = parse_ms(event.requestTimestamp)
    key = f"{correlation}\n{ms}\n{kind}\n{event.apiId}\n{event.proxyResponseCode}"
    return format_id(blake2b(key.encode(), digest_size=16).hexdigest())


def _sdk_id(event: Event) -> str | None:
    origin = origin_of(event)
    transaction = origin.get("transaction_id") if origin is not None else None
    if not isinstance(transaction, str) or real(transaction) is None:
        return None
    return format_id(blake2b(f"transaction\n{transaction}".encode(), digest_size=16).hexdigest())


def place_id(origin: bytes, place: int, body: bytes) -> str:
    """Return the id of an event that brings none: from where it stood (file or request) and what it is."""
    digest = blake2b(body, digest_size=16, key=origin[:64])
    digest.update(place.to_bytes(8, "big", signed=True))
    return format_id(digest.hexdigest())


def format_id(digits: str) -> str:
    """Return 32 hexadecimal digits as a UUID of version 8; two digits make room for that."""
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

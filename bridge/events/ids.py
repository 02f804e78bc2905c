"""The id of an event: the same for every copy of it, whichever way it came in (P5).

A UUID of version 8 (RFC 9562, section 5.8) from BLAKE2b-128. Never from the clock, a counter or a random
source, and never from anything that a mask hides.
"""

from hashlib import blake2b
from typing import Final

from bridge.events.event import Event, is_fault
from bridge.events.origin import origin_of
from bridge.events.sentinels import SENTINELS, real
from bridge.events.times import format_ms, parse_ms

_LONGEST_SENTINEL: Final = max(map(len, SENTINELS))
# Copying a prepared state is a quarter cheaper than making a new one.
_new_state: Final = blake2b(digest_size=16).copy


def event_id(event: Event) -> str | None:
    """Return the id by the event's own correlation id, else by its SDK's transaction id; None if it has neither."""
    correlation = event.correlationId
    # By its length: the text's hash is needed nowhere else, and would be computed for this.
    if correlation is None or (len(correlation) <= _LONGEST_SENTINEL and correlation in SENTINELS):
        return _sdk_id(event)
    time = event.requestTimestamp
    # Every form of a moment is put into WSO2's usual one, to the millisecond. To check for its marks takes a quarter of
    # the time that reading it takes.
    if not (
        isinstance(time, str)
        and len(time) == 24
        and time[7] == "-"
        and time[10] == "T"
        and time[19] == "."
        and time[23] == "Z"
    ):
        time = _usual_form(time)
    kind = "fault" if is_fault(event) else "response"
    key = f"{correlation}\n{time}\n{kind}\n{event.apiId}\n{event.proxyResponseCode}"
    state = _new_state()
    state.update(key.encode())
    return format_id(state.digest())


def _usual_form(time: str | int | None) -> str:
    ms = parse_ms(time)
    try:
        return "" if ms is None else format_ms(ms)
    except (ValueError, OverflowError):
        # Before the year 1, in a zone that is ahead.
        return str(ms)


def _sdk_id(event: Event) -> str | None:
    origin = origin_of(event)
    transaction = origin.get("transaction_id") if origin is not None else None
    if not isinstance(transaction, str) or real(transaction) is None:
        return None
    return format_id(blake2b(f"transaction\n{transaction}".encode(), digest_size=16).digest())


def place_id(fingerprint: bytes, place: int, body: bytes) -> str:
    """Return the id of an event that has none of its own: made from its file or request, its place and its content."""
    digest = blake2b(body, digest_size=16, key=fingerprint[:64])
    digest.update(place.to_bytes(8, "big", signed=True))
    return format_id(digest.digest())


def format_id(digest: bytes) -> str:
    """Return 16 bytes as a UUID of version 8; two hexadecimal digits make room for that."""
    # The groups that `hex` makes by itself leave three pieces to put together.
    text = digest.hex("-", 6)
    return f"{text[:13]}-8{text[14:17]}-a{text[18:]}"

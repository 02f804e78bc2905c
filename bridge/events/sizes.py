"""How large one event may be, whichever way it came (P8)."""

import re
from typing import Final

from bridge.errors import Unacceptable

MAX_EVENT_BYTES: Final = 4 * 2**20
"""Far more than a destination takes; it leaves room for captured bodies."""
MAX_EVENT_VALUES: Final = 65_536
"""Members of objects and elements of lists, at any depth: each takes a hundred bytes and more once it is decoded."""
LARGE_BYTES: Final = 2 * MAX_EVENT_VALUES
"""Smaller events cannot have too many values, and are decoded on the spot."""

# A text without its end reaches to the end.
_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def check_size(body: bytes) -> None:
    """Raise Unacceptable for an event of more than LARGE_BYTES that is larger than any event may be."""
    if len(body) > MAX_EVENT_BYTES:
        raise too_long()
    if _values(body) > MAX_EVENT_VALUES and _values(_TEXT.sub(b"", body)) > MAX_EVENT_VALUES:
        raise Unacceptable("too_many_values", f"an event of more than {MAX_EVENT_VALUES} values")


def too_long() -> Unacceptable:
    """Return what to raise for more than MAX_EVENT_BYTES."""
    return Unacceptable("too_long", f"an event of more than {MAX_EVENT_BYTES} bytes")


def _values(body: bytes) -> int:
    return body.count(b",") + body.count(b"{") + body.count(b"[")

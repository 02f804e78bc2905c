"""What a gateway captures of a call: headers and bodies, dropped where [apim.analytics.properties] says so.

WSO2 honours `send_headers`, `send_payloads` and `payload_size_limit` when it makes the event (carbon-apimgt,
AnalyticsPayloadUtil); other senders know nothing of them. A key that is not set drops nothing: whoever sent
it was told to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from bridge.events.event import encode
from bridge.privacy.hiding import beside, owners

_HEADERS: Final = ("requestHeaders", "responseHeaders")
# The last two are API Platform's.
BODIES: Final = ("requestBody", "responseBody", "request_payload", "response_payload")
_ENCODING: Final = "TransferEncoding"

CAPTURED: Final = frozenset({*_HEADERS, *BODIES, "origin", "properties", "customProperties"})
"""Keys that no field takes when their value has another type; one of them may have captures inside."""


@dataclass(frozen=True, slots=True)
class Captures:
    """Which captures are kept."""

    headers: bool = True
    bodies: bool = True
    largest_body_bytes: int | None = None
    """None: no limit."""

    @property
    def about_bodies(self) -> bool:
        """Whether some bodies are dropped."""
        return not self.bodies or self.largest_body_bytes is not None

    def apply(self, data: dict[str, Any]) -> bool:
        """Drop from this event's dict what is not to be kept; returns whether there was any."""
        if self.headers and not self.about_bodies:
            return False
        dropped = False
        for owner in chain(owners(data), beside(data)):
            for key in [*self._dropped(owner)]:
                dropped |= owner.pop(key, None) is not None
        return dropped

    def _dropped(self, owner: dict[str, Any]) -> Iterator[str]:
        if not self.headers:
            yield from _HEADERS
        for key in BODIES:
            if owner.get(key) is not None and not self._keeps(owner[key], owner.get(key + _ENCODING)):
                yield key
                yield key + _ENCODING

    def _keeps(self, body: Any, encoding: Any) -> bool:
        if not self.bodies or self.largest_body_bytes is None:
            return self.bodies
        text = body if isinstance(body, str) else encode(body).decode()
        if encoding == "base64":
            return len(text.rstrip("=")) * 3 // 4 <= self.largest_body_bytes
        return len(text.encode("utf-8", "replace")) <= self.largest_body_bytes

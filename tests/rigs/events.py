"""Events as WSO2 writes them, each known by its number."""

import json
import uuid
from typing import Any

from bridge.events.event import decode


def event(number: int, **changes: Any) -> bytes:
    """Return the JSON of an event; its correlation id is made of the number. None takes a field out."""
    fields: dict[str, Any] = {
        "apiName": "PizzaShackAPI",
        "apiId": "8a972559-e872-3ce6-bb8f-6edcc2df606a",
        "apiMethod": "GET",
        "apiContext": "/pizza/1.0.0",
        "apiResourceTemplate": "/menu",
        "proxyResponseCode": 200,
        "responseLatency": 12,
        "requestTimestamp": f"2026-11-21T00:46:{number % 60:02d}.099Z",
        "correlationId": str(uuid.UUID(int=number)),
        "userName": "ada@carbon.super",
        **changes,
    }
    shown = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(shown, separators=(",", ":")).encode()


def events(count: int, first: int = 0, **changes: Any) -> list[bytes]:
    """Return so many events."""
    return [event(number, **changes) for number in range(first, first + count)]


def number_of(body: bytes) -> int:
    """Return the number of an event that `event` has made."""
    return uuid.UUID(str(decode(body).correlationId)).int

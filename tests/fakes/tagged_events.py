"""Events as a bridge's `http` sink sends them: recorded ones of WSO2's publisher, and made ones."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from uuid import UUID

from places import DATA

from bridge.analytics.store import ReceivedEvent
from bridge.batches import Batch
from bridge.errors import Unacceptable
from bridge.events.event import mend
from bridge.events.ids import event_id
from bridge.events.times import format_ms
from bridge.formats.canonical import lines, tagged

RECEIVED_MS: Final = 1_795_219_200_000
FIRST_MS: Final = 1_793_491_200_007
"""When the first made call was asked: 2026-11-01, 7 ms after midnight."""
LINE: Final = re.compile(rb"apimMetrics: apim:\w+, properties :(\{.*\})$", re.MULTILINE)


@cache
def recorded_batch() -> Batch:
    """Return the recorded events as a batch, each id once."""
    bodies: dict[str, bytes] = {}
    for folder in ("wso2-log", "wso2-log-odd"):
        for file in sorted((DATA / folder).glob("*.log")):
            for match in LINE.finditer(file.read_bytes()):
                try:
                    body, event = mend(match[1])
                except Unacceptable:
                    continue
                if (number := event_id(event)) is not None:
                    bodies.setdefault(number, body)
    return Batch([*bodies], [*bodies.values()], [RECEIVED_MS] * len(bodies))


def recorded_body() -> bytes:
    """Return the recorded events as the `http` sink sends them: newline-delimited JSON."""
    return lines(tagged(recorded_batch(), "gateway-1"))


def recorded_events() -> list[dict[str, Any]]:
    """Return the same, decoded."""
    return [json.loads(line) for line in recorded_body().splitlines()]


def received(event: dict[str, Any]) -> ReceivedEvent:
    """Return an event as the store takes it."""
    return ReceivedEvent(event["bridge"]["id"], RECEIVED_MS, event)


def calls(count: int, start: int = 0, **members: Any) -> Iterator[dict[str, Any]]:
    """Yield made calls, a second apart; each has the id of its number."""
    for number in range(start, start + count):
        at = format_ms(FIRST_MS + number * 1000)
        yield {
            "bridge": {
                "id": str(UUID(int=number)),
                "received": "2026-11-21T00:00:00.000Z",
                "instance": "gateway-1",
            },
            "apiName": f"API {number % 7}",
            "proxyResponseCode": 200,
            "correlationId": f"call-{number}",
            "requestTimestamp": at,
            **members,
        }

"""The last events of the journal, for people to look at: masked, as they are there."""

import asyncio
from typing import Any, Final

from bridge.errors import BridgeError
from bridge.events.decoding import decoded
from bridge.events.event import Event
from bridge.events.times import format_ms
from bridge.journal import BlockCorrupt, Journal

_MOST: Final = 20
# If a block is deleted meanwhile, the call would wait for it.
_PATIENCE_SECONDS: Final = 1


async def last_events(journal: Journal) -> list[dict[str, Any]]:
    """Return the newest events first, a few fields of each."""
    rows: list[dict[str, Any]] = []
    seq = journal.last_seq
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while seq > 0 and len(rows) < _MOST:
                block = await journal.next_block(seq)
                if block.seq != seq:
                    break
                bodies = block.bodies[-(_MOST - len(rows)) :]
                rows += [_row(event, block.received_ms) for event in decoded(reversed(bodies))]
                seq -= 1
    except (TimeoutError, BlockCorrupt, BridgeError):
        # What could be read is shown.
        return rows
    return rows


def _row(event: Event, received_ms: int) -> dict[str, Any]:
    return {
        "time": event.requestTimestamp or format_ms(received_ms),
        "api": " ".join(str(part) for part in (event.apiName, event.apiVersion) if part),
        "method": event.apiMethod,
        "resource": event.apiResourceTemplate,
        "status": event.proxyResponseCode,
        "milliseconds": event.responseLatency,
    }

"""Canonical events as CloudEvents 1.0: a structured batch (cloudevents/spec, JSON event format, section 4).

    {"specversion": "1.0", "id": …, "source": "/apim-bridge/INSTANCE", "type": "com.wso2.apim.event.response",
     "time": …, "subject": the API's name, "datacontenttype": "application/json", "data": the canonical event}

`id` is what a receiver drops the second copy by: with `source` it is the same for every copy (P5).
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import msgspec

from bridge.batches import Batch
from bridge.events.event import is_fault
from bridge.events.times import format_ms, parse_ms
from bridge.formats.canonical import tagged

CONTENT_TYPE: Final = "application/cloudevents-batch+json"
_TYPE: Final = "com.wso2.apim.event."
_encode: Final = msgspec.json.Encoder().encode


def cloud_events(batch: Batch, instance: str) -> Iterator[bytes]:
    """Yield each event of a batch as the JSON of one CloudEvent."""
    source = _encode(f"/apim-bridge/{quote(instance, safe='')}")
    bodies = tagged(batch, instance)
    for event_id, received_ms, event, data in zip(
        batch.ids, batch.received_ms, batch.events(), bodies, strict=True
    ):
        asked = parse_ms(event.requestTimestamp)
        head = (
            b'{"specversion":"1.0","id":"%b","source":%b,"type":"%b","time":"%b",'
            b'"datacontenttype":"application/json",'
            % (
                event_id.encode(),
                source,
                (_TYPE + ("faulty" if is_fault(event) else "response")).encode(),
                format_ms(received_ms if asked is None else asked).encode(),
            )
        )
        subject = b'"subject":%b,' % _encode(event.apiName) if event.apiName else b""
        yield b'%b%b"data":%b}' % (head, subject, data)

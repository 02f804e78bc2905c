"""A sender of events over HTTP that costs little itself: plain sockets, requests made of ready pieces.

    python http_load.py PORT REQUESTS EVENTS CONNECTIONS RATE FIRST

Each connection has one request of EVENTS events under way at a time, the next follows the answer. With a RATE
(requests in a second over all connections; 0: none) a request is sent when it is due, and its time counts from
then on, however late it was sent. The events are known by numbers from FIRST on. Prints one JSON object.
"""

import asyncio
import json
import re
import sys
import time
from array import array
from typing import Final, cast

import msgspec
import uvloop

from bridge.demo.calls import CORRELATION
from bridge.demo.gateway import GatewayStandIn

_POOL: Final = 200
_ODD: Final = 0x9E3779B97F4A7C15
_ACCEPTED: Final = re.compile(rb"HTTP/1\.1 202 .*?\r\nContent-Length: (\d+)\r\n", re.DOTALL | re.IGNORECASE)


def event_id(number: int) -> str:
    """Return the correlation id of an event: all different, and as hard to compress as a gateway's own."""
    digits = f"{number * _ODD % 2**64:016x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a000-{number:012x}"


class Requests:
    """Makes requests whose events differ in their ids; the rest comes from a pool."""

    def __init__(self, events: int, first: int) -> None:
        gateway = GatewayStandIn(seed=1, now_ms=lambda: 1_795_220_186_000)
        mark = CORRELATION.encode()
        self._pool = []
        for _ in range(_POOL):
            event = gateway.call().event | {"correlationId": CORRELATION}
            before, after = msgspec.json.encode(event).split(mark)
            self._pool.append((before, after))
        self._events = events
        self._next = first

    def next(self) -> bytes:
        """Return the bytes of the next request."""
        bodies = []
        for number in range(self._next, self._next + self._events):
            before, after = self._pool[number % _POOL]
            bodies.append(before + event_id(number).encode() + after)
        self._next += self._events
        body = bodies[0] if self._events == 1 else b"[" + b",".join(bodies) + b"]"
        return (
            b"POST /events HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )


class Load:
    """What the connections share: how much is left to send, and what came of it."""

    def __init__(self, requests: Requests, count: int, connections: int, rate: float) -> None:
        self.requests = requests
        self.left = count
        self.interval = connections / rate if rate else 0.0
        self.seconds = array("d")
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()
        self._expected = count

    def answered(self, seconds: float, *, accepted: bool) -> None:
        """Note an answer and the time that it took."""
        self.seconds.append(seconds)
        self.refused += not accepted
        if len(self.seconds) == self._expected:
            self.done.set_result(None)


class Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._due = 0.0
        self._prepared = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._load.done.done():
            self._load.done.set_exception(error or ConnectionError("the bridge closed a connection"))

    def begin(self, due: float) -> None:
        """Send the first request."""
        self._due = due
        self._prepare()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        accepted = _ACCEPTED.match(self._received)
        if accepted is not None and len(self._received) < head + 4 + int(accepted[1]):
            return
        self._received = b""
        now = time.monotonic()
        self._load.answered(now - self._due, accepted=accepted is not None)
        self._due = self._due + self._load.interval if self._load.interval else now
        self._prepare()

    def _prepare(self) -> None:
        if not self._load.left:
            return
        self._load.left -= 1
        self._prepared = self._load.requests.next()
        wait = self._due - time.monotonic()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._transport.write(self._prepared)


async def main(port: str, count: str, events: str, connections: str, rate: str, first: str) -> None:
    """Send as the command line says."""
    requests = Requests(int(events), int(first))
    load = Load(requests, int(count), int(connections), float(rate))
    loop = asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda: Connection(load), "127.0.0.1", int(port)))[1]
        for _ in range(int(connections))
    ]
    began, cpu = time.monotonic(), time.process_time()
    for number, sender in enumerate(senders):
        sender.begin(began + load.interval * number / len(senders))
    await load.done
    ended = time.monotonic()
    times = sorted(load.seconds)
    result = {
        "began": began,
        "seconds": ended - began,
        "cpu_share": (time.process_time() - cpu) / (ended - began),
        "refused": load.refused,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

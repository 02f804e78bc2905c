"""A destination that counts: answers every POST at once, keeps the bodies, and says afterwards what was in them.

    python counting_sink.py FOLDER PORT DELAY_MS

Prints its port (0: any that is free). Bodies go to FOLDER/bodies, each behind its length and the moment of its
arrival (eight bytes each, nanoseconds of the machine's monotonic clock), so that reading them costs nothing while
the clock runs. It answers through plain sockets without Nagle's delay: no framework's time is in the figures.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import BinaryIO, Final, cast

import uvloop

_ANSWER: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Counting(asyncio.Protocol):
    """One connection."""

    def __init__(self, bodies: BinaryIO, delay_seconds: float) -> None:
        self._bodies = bodies
        self._delay_seconds = delay_seconds
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            if length:
                self._bodies.write(length.to_bytes(8, "big") + time.monotonic_ns().to_bytes(8, "big"))
                self._bodies.write(self._received[end + 4 : end + 4 + length])
                # Whoever looks sees whole bodies only.
                self._bodies.flush()
            del self._received[: end + 4 + length]
            if self._delay_seconds:
                asyncio.get_running_loop().call_later(self._delay_seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def serve(folder: Path, port: int, delay_seconds: float) -> None:
    with (folder / "bodies").open("wb", buffering=2**20) as bodies:
        server = await asyncio.get_running_loop().create_server(
            lambda: Counting(bodies, delay_seconds), "127.0.0.1", port
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))

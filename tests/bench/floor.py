"""The floor: a bare loop that reads, decodes, maps, encodes, compresses and POSTs, and promises nothing.

    python floor.py URL LOG

No journal, no retry, no metrics, no positions; the bridge's own mapping, so that it sends the same bytes.
Prints CPU seconds and seconds of the loop, as the bridge's are taken from the moment it is healthy, then events,
and the most memory that the process has held, in bytes.
"""

import os
import sys
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import msgspec
from bench.processes import peak_bytes
from isal import igzip

from bridge.contracts import Gateway
from bridge.events.event import decode_fast
from bridge.formats.moesif.mapping import MoesifEvent, moesif_event

_BATCH = 1000
_CHUNK_BYTES = 2**20
_MARK = b"properties :"


def run(url: str, log: str) -> None:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    connection.connect()
    encode = msgspec.json.Encoder().encode
    gateway = Gateway("gateway-1", "https://gw.example.com:8243")
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "X-Moesif-Application-Id": "k" * 60,
    }
    batch: list[MoesifEvent] = []
    events = 0
    began, wall = time.process_time(), time.monotonic()

    def post() -> None:
        connection.request("POST", "/v1/events/batch", igzip.compress(encode(batch), 1), headers)
        connection.getresponse().read()
        batch.clear()

    rest = b""
    with open(log, "rb", buffering=0) as file:  # noqa: PTH123 - a bare loop
        while data := file.read(_CHUNK_BYTES):
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            for line in lines:
                at = line.find(_MARK)
                if at < 0:
                    continue
                event = decode_fast(line[at + len(_MARK) :])
                # The gateway's own correlation id: the floor makes up no other.
                batch.append(moesif_event(event, event.correlationId or "", 0, gateway))
                events += 1
                if len(batch) == _BATCH:
                    post()
    if batch:
        post()
    cpu, seconds = time.process_time() - began, time.monotonic() - wall
    print(cpu, seconds, events, peak_bytes(os.getpid()), flush=True)


if __name__ == "__main__":
    run(*sys.argv[1:3])

"""A gateway's log for a benchmark: written at once, or line by line at a steady rate by a process of its own.

    python gateway_log.py LOG EVENTS RATE SEED TIMES

Writes that many lines in a second, each when it is due, and to TIMES when each was written (eight bytes each,
nanoseconds of the machine's monotonic clock, in the machine's byte order).
"""

import sys
import time
from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from bridge.demo.gateway import make_lines

_MARK: Final = b'"correlationId":"'
_PIECE: Final = 10_000


def write(log: Path, events: int, seed: int) -> None:
    """Write a log; equal seeds give equal lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = make_lines(events, seed)
    # Under another name until it is whole, as a log that was there before the bridge.
    unfinished = log.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        while piece := b"".join(islice(lines, _PIECE)):
            file.write(piece)
    unfinished.rename(log)


def ids(log: Path) -> Iterator[str]:
    """Yield the correlation ids of a log, in the order of its lines."""
    with log.open("rb") as file:
        for line in file:
            at = line.index(_MARK) + len(_MARK)
            yield line[at : line.index(b'"', at)].decode()


def write_steadily(log: Path, lines: list[bytes], rate: float) -> "array[int]":
    """Write lines when they are due, and return when each was written."""
    written = array("q")
    with log.open("ab", buffering=0) as file:
        began = time.monotonic()
        for number, line in enumerate(lines):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            written.append(time.monotonic_ns())
            file.write(line)
    return written


def main(log: str, events: str, rate: str, seed: str, times: str) -> None:
    """Write as the command line says."""
    lines = list(make_lines(int(events), int(seed)))
    Path(times).write_bytes(write_steadily(Path(log), lines, float(rate)).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])

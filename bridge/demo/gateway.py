"""A stand-in for a gateway: makes up API calls and writes them as WSO2's own log appender does.

Shapes, order of fields and quirks are those that WSO2's analytics publisher (1.2.30 to 1.2.32) was seen
to write through log4j2 2.19 with the configuration that WSO2's documentation gives.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from bridge.demo.calls import CORRELATION, TIMESTAMP, Call, correlation_id, invent
from bridge.events.event import encode

# 2026-11-21T00:16:26Z: where the clock of a repeatable run starts.
START_MS: Final = 1_795_220_186_000

LOG_NAME: Final = "apim_metrics.log"
MAX_ROLLED: Final = 10
# log4j2's buffer: what is longer goes to the file in pieces, so that a reader can see half a line.
WRITE_BYTES: Final = 8192

_POOL: Final = 1000


def wall_clock_ms() -> int:
    """Return milliseconds since the epoch, of the machine's own clock."""
    return time.time_ns() // 1_000_000


class GatewayStandIn:
    """Makes up one API call after the other; equal seeds and clocks give equal calls.

    `now_ms` says the moment at which a call ends, in milliseconds since the epoch. `errors` is the share of the calls
    with errors that are kept.
    """

    def __init__(
        self, seed: int = 0, now_ms: Callable[[], int] = wall_clock_ms, *, errors: float = 1
    ) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - made-up calls, no secrets
        self._now_ms = now_ms
        self._errors = errors

    def call(self) -> Call:
        """Return the next call."""
        return self._next(self._now_ms())

    def line(self) -> bytes:
        r"""Return the next call as a line of `apim_metrics.log`, with its \n."""
        now_ms = self._now_ms()
        call = self._next(now_ms)
        return _prefix(now_ms, self._rng) + _entry(call)

    def _next(self, now_ms: int) -> Call:
        call = invent(self._rng)
        while self._errors < 1 and _failed(call) and self._rng.random() > self._errors:
            call = invent(self._rng)
        call.event["correlationId"] = correlation_id(self._rng)
        call.event["requestTimestamp"] = java_time(now_ms - call.event.get("responseLatency", 0))
        return call


def make_lines(n: int, seed: int = 0, now_ms: Callable[[], int] | None = None) -> Iterator[bytes]:
    r"""Yield n lines of `apim_metrics.log`, each with its \n, fast enough for a benchmark.

    Lines differ in id, times and thread; the rest comes from a pool of calls. Without a clock the lines are
    one millisecond apart, from a fixed moment on.
    """
    rng = random.Random(seed)  # noqa: S311 - made-up calls, no secrets
    pool = []
    for _ in range(min(n, _POOL)):
        call = invent(rng)
        pool.append((_entry(call), call.event.get("responseLatency", 0)))
    correlation, timestamp = CORRELATION.encode(), TIMESTAMP.encode()
    now_ms = now_ms or count(START_MS).__next__
    for _ in range(n):
        entry, latency_ms = pool[int(rng.random() * len(pool))]
        at_ms = now_ms()
        entry = entry.replace(correlation, correlation_id(rng).encode(), 1)
        yield _prefix(at_ms, rng) + entry.replace(timestamp, java_time(at_ms - latency_ms).encode(), 1)


def _failed(call: Call) -> bool:
    return call.kind == "fault" or call.event["proxyResponseCode"] >= 400


def java_time(ms: int) -> str:
    """Return a moment as Java's OffsetDateTime prints it: zero milliseconds, then zero seconds, left out."""
    seconds, millis = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    if millis:
        return f"{_minute(minutes)}:{second:02d}.{millis:03d}Z"
    return f"{_minute(minutes)}:{second:02d}Z" if second else f"{_minute(minutes)}Z"


def log_time(ms: int) -> str:
    """Return a moment as log4j2's `HH:mm:ss,SSS`: no date, in the JVM's zone, here UTC."""
    seconds, millis = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{_minute(minutes)[11:]}:{second:02d},{millis:03d}"


@lru_cache(maxsize=1024)
def _minute(minutes: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minutes * 60))


def _prefix(ms: int, rng: random.Random) -> bytes:
    return f"{log_time(ms)} [-] [PassThroughMessageProcessor-{int(rng.random() * 200) + 1}]".encode()


def _entry(call: Call) -> bytes:
    metric = b"apim:response" if call.kind == "response" else b"apim:faulty"
    return b"  INFO ELKCounterMetric apimMetrics: %b, properties :%b\n" % (metric, gson(call.event))


def gson(value: dict[str, Any]) -> bytes:
    r"""Return JSON as Google's Gson writes it by default: `= & < > '` and the Unicode line ends as \uXXXX."""
    body = encode(value)
    for raw, escaped in _GSON:
        if raw in body:
            body = body.replace(raw, escaped)
    return body


# None of these is part of JSON's own syntax, so that they can only stand inside of strings.
_GSON: Final = tuple((c.encode(), f"\\u{ord(c):04x}".encode()) for c in "=&<>'\u2028\u2029")


class RollingLog:
    """A stand-in for log4j2's RollingFile appender as WSO2 configures it: rolls by size and at midnight.

    `apim_metrics.log` becomes `apim_metrics-MM-dd-yyyy-N.log`, N growing from 1 to 10 within a day, -1 the
    oldest. From the eleventh roll of a day on, -1 is deleted, -2 to -10 move down by one and the new one is
    -10. Opening it is a start of the gateway: it appends, and writes the line that each start writes.
    """

    def __init__(self, folder: Path, max_bytes: int, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self.path = folder / LOG_NAME
        self.rolls = 0
        """How often it has rolled."""
        self._max_bytes = max_bytes
        self._now_ms = now_ms
        self._open()
        started_ms = now_ms()
        self._day = _day(started_ms)
        starting = "  INFO ELKMetricReporter LogMetricReporter successfully initialized"
        self.write(f"{log_time(started_ms)} [-] [main]{starting}\n".encode())

    def write(self, line: bytes) -> None:
        """Append one line; before it, roll what is over the size or of another day, as log4j2 does."""
        day = _day(self._now_ms())
        if self._size > self._max_bytes or day != self._day:
            self.roll()
            self._day = day
        for start in range(0, len(line), WRITE_BYTES):
            os.write(self._file, line[start : start + WRITE_BYTES])
        self._size += len(line)

    def roll(self) -> Path:
        """Rename the log to the next name of its day and begin a new one; returns the new name."""
        os.close(self._file)
        number = 1
        while self._rolled(number).exists():
            number += 1
        if number > MAX_ROLLED:
            number = MAX_ROLLED
            self._rolled(1).unlink()
            for older in range(1, MAX_ROLLED):
                self._rolled(older + 1).rename(self._rolled(older))
        target = self.path.rename(self._rolled(number))
        self.rolls += 1
        self._open()
        return target

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._file).st_size

    def _rolled(self, number: int) -> Path:
        return self.path.with_name(f"apim_metrics-{self._day}-{number}.log")


def _day(ms: int) -> str:
    return time.strftime("%m-%d-%Y", time.gmtime(ms // 1000))

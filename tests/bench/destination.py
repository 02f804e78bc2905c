"""The counting sink as a process of its own, and what was in the bodies that it kept."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from isal import igzip

BENCH: Final = Path(__file__).parent


class _Metadata(msgspec.Struct):
    correlationId: str


class _Event(msgspec.Struct):
    metadata: _Metadata


_decode: Final = msgspec.json.Decoder(list[_Event]).decode


@dataclass(frozen=True, slots=True)
class Body:
    """One request that came in."""

    at: float
    """Seconds of the machine's monotonic clock."""
    content: bytes

    def ids(self) -> list[str]:
        """Return the correlation ids of its events."""
        return [event.metadata.correlationId for event in _decode(igzip.decompress(self.content))]


@dataclass(frozen=True, slots=True)
class Sink:
    """The counting sink, running."""

    url: str
    _bodies: Path

    def bodies(self, after: int = 0) -> Iterator[Body]:
        """Yield what was POSTed so far, as it came, from the byte `after` of the file on."""
        with self._bodies.open("rb") as file:
            file.seek(after)
            while head := file.read(16):
                content = file.read(int.from_bytes(head[:8], "big"))
                yield Body(int.from_bytes(head[8:], "big") / 1e9, content)

    def size(self) -> int:
        """Return the size of the file so far."""
        return self._bodies.stat().st_size

    def arrived(self, after: int = 0) -> "Arrived":
        """Return what has come in; decodes everything, so ask when the clock has stopped."""
        found = Arrived()
        for body in self.bodies(after):
            found.add(body)
        return found


@dataclass(slots=True)
class Arrived:
    """What has come in at a sink."""

    ids: set[str] = field(default_factory=set)
    bytes: int = 0
    first: float = float("inf")
    last: float = 0.0
    """Seconds of the machine's monotonic clock."""
    _requests: list[tuple[float, int]] = field(default_factory=list)

    def add(self, body: Body) -> None:
        """Count one request."""
        ids = body.ids()
        self.ids.update(ids)
        self.bytes += len(body.content)
        self.first, self.last = min(self.first, body.at), max(self.last, body.at)
        self._requests.append((body.at, len(ids)))

    def rate(self, began: float) -> float:
        """Return events a second from a moment on.

        Without the last request: at the end of a run it waits for company, for a second, that does not come.
        """
        *steady, _ = sorted(self._requests)
        return sum(events for _, events in steady) / (steady[-1][0] - began)


@contextmanager
def counting_sink(folder: Path, *, port: int = 0, delay_ms: float = 0) -> Iterator[Sink]:
    """Run the sink; `delay_ms` goes by between a request and its answer."""
    folder.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, BENCH / "counting_sink.py", folder, str(port), str(delay_ms)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}", folder / "bodies")
    finally:
        process.kill()
        process.wait()

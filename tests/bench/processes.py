"""The processes of a benchmark: what they cost, and the sink that counts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import sysconf
from pathlib import Path
from typing import Final

import msgspec
from isal import igzip

BENCH: Final = Path(__file__).parent
ROOT: Final = BENCH.parent.parent
_TICKS: Final = sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and of all that it has started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own = sum(map(int, fields[11:15])) / _TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM")


def disk_bytes(pid: int) -> int:
    """Return the bytes that a process has caused to be written to disk."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"])


class _Metadata(msgspec.Struct):
    correlationId: str


class _Event(msgspec.Struct):
    metadata: _Metadata


@dataclass(frozen=True, slots=True)
class Sink:
    """The counting sink, running."""

    url: str
    folder: Path

    def bodies(self) -> Iterator[bytes]:
        """Yield what was POSTed so far, as it came."""
        with (self.folder / "bodies").open("rb") as file:
            while length := file.read(8):
                yield file.read(int.from_bytes(length, "big"))

    def posted(self) -> tuple[set[str], int, int]:
        """Return the ids of the calls that came in, how many events, and how many bytes they took."""
        decode = msgspec.json.Decoder(list[_Event]).decode
        found: set[str] = set()
        events = size = 0
        for body in self.bodies():
            size += len(body)
            calls = decode(igzip.decompress(body))
            events += len(calls)
            found.update(call.metadata.correlationId for call in calls)
        return found, events, size


@contextmanager
def counting_sink(folder: Path, delay_ms: float = 0) -> Iterator[Sink]:
    """Run the sink in a process of its own."""
    folder.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, BENCH / "counting_sink.py", folder, str(delay_ms)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}", folder)
    finally:
        process.kill()
        process.wait()

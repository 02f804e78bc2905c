"""Fills a store from the archives that `file` sinks have written.

The ids decide, as they do for whatever a bridge sends: to read the same archive twice changes nothing, so work that was
interrupted is done again from the start, and what is there already costs a look at its id.
"""

import gzip
import time
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final

from bridge.analytics.server.ingest import received
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.serving import country_lookup
from bridge.analytics.store import ReceivedEvent, ReceivedRecord, Store
from bridge.analytics.store.people import FILE_NAME as PEOPLE
from bridge.errors import ControlError
from bridge.events.sizes import MAX_EVENT_BYTES
from bridge.settings import BridgeSettings

_PATTERNS: Final = ("events-*.ndjson", "events-*.ndjson.gz")
_PACKED: Final = ".gz"
# A few thousand events: one commit.
_CHUNK_BYTES: Final = 4 * 2**20
_MOST_NAMED: Final = 1_000


@dataclass(slots=True)
class Rebuilt:
    """What has become of the archives' lines."""

    files: int = 0
    events: int = 0
    new: int = 0
    known: int = 0
    """Events that were in the store already."""
    old: int = 0
    """Events of a time that retention has emptied."""
    erased: int = 0
    """Events of what was erased after them."""
    left_out: int = 0
    findings: list[dict[str, str]] = field(default_factory=list)
    """Where a line was left out, and why; the first ones."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class Rebuilding:
    """Reads archives into a store."""

    def __init__(self, settings: BridgeSettings) -> None:
        """Raises SettingsError for a database of countries that cannot be used."""
        self.done = Rebuilt()
        self._settings = settings.analytics
        self._country_of = country_lookup(settings.privacy)

    async def steps(
        self, archives: Sequence[Path], folder: Path, erasures_of: Path | None = None
    ) -> AsyncIterator[str]:
        """Read these archives, folders or files, into the store in `folder`; yields a line for what was done.

        What the store in `erasures_of` has erased does not come into it.

        Raises ControlError where there is no archive, StoreUnusable, and StoreWaits when the disk is full.
        """
        files = [file for archive in archives for file in files_of(archive)]
        done = self.done
        memory, threads = self._settings.memory, self._settings.threads
        async with Store.opened(folder, memory_bytes=memory, threads=threads) as store:
            if erasures_of is not None:
                count = await store.eraser.take_over(erasures_of / PEOPLE)
                await store.exchange()
                yield f"{erasures_of}: {count:,} erasures are kept to"
            for file in files:
                before, first = done.new, len(done.findings)
                events = 0
                for number, lines in self._chunks(file):
                    try:
                        appended = await store.append(self._received(lines))
                    except RequestRefused:
                        appended = await store.append(self._one_by_one(file, number, lines))
                    events += (
                        appended.new + appended.known + appended.old + appended.erased + appended.records
                    )
                    done.new += appended.new
                    done.known += appended.known
                    done.old += appended.old
                    done.erased += appended.erased
                done.files += 1
                done.events += events
                for finding in done.findings[first:]:
                    yield f"{finding['where']}: {finding['what']}; left out"
                yield f"{file}: {events:,} events, {done.new - before:,} of them new"
            await store.settle()

    def _received(self, lines: bytes) -> Iterator[ReceivedEvent | ReceivedRecord]:
        return received(lines, int(time.time() * 1000), self._country_of)

    def _one_by_one(self, file: Path, first: int, lines: bytes) -> list[ReceivedEvent | ReceivedRecord]:
        """Return the events of these lines, the first of which has this number, without those that are none."""
        events: list[ReceivedEvent | ReceivedRecord] = []
        for number, line in enumerate(lines.split(b"\n"), first):
            try:
                events += self._received(line)
            except RequestRefused as refused:
                self._leave_out(file, number, str(refused.content["refused"][0]["error"]))
        return events

    def _chunks(self, file: Path) -> Iterator[tuple[int, bytes]]:
        """Yield the whole lines of a file, some at a time, with the number of the first."""
        number, rest, too_long = 1, b"", False
        with _opened(file) as source:
            while True:
                read, trouble = _read(source)
                ended = not read and trouble is None
                # The last line may have no end.
                lines, end, rest = (rest + (b"\n" if ended and rest else read)).rpartition(b"\n")
                if too_long and end:
                    # The end of a line whose beginning was let go of.
                    _, end, lines = lines.partition(b"\n")
                    number, too_long = number + 1, False
                if end:
                    yield number, lines
                    number += lines.count(b"\n") + 1
                if trouble is not None:
                    why = f"the file cannot be read from here on: {trouble}"
                    self._leave_out(file, number, why, always_named=True)
                if ended or trouble is not None:
                    return
                if too_long:
                    rest = b""
                elif len(rest) > MAX_EVENT_BYTES:
                    self._leave_out(file, number, f"a line of more than {MAX_EVENT_BYTES:,} bytes")
                    rest, too_long = b"", True

    def _leave_out(self, file: Path, line: int, why: str, *, always_named: bool = False) -> None:
        self.done.left_out += 1
        if always_named or len(self.done.findings) < _MOST_NAMED:
            self.done.findings.append({"where": f"{file}, line {line}", "what": why})


def _opened(file: Path) -> BufferedIOBase:
    return gzip.open(file) if file.suffix == _PACKED else file.open("rb")


def _read(source: BufferedIOBase) -> tuple[bytes, Exception | None]:
    """Return the next bytes, and what keeps the ones behind them from being read."""
    parts, size = [], 0
    try:
        # Piece by piece: of a larger one nothing would be left when its end cannot be unpacked.
        while size < _CHUNK_BYTES and (part := source.read1(_CHUNK_BYTES - size)):
            parts.append(part)
            size += len(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return b"".join(parts), error
    return b"".join(parts), None


def files_of(archive: Path) -> list[Path]:
    """Return the files of an archive, oldest first: those of a folder, or the file itself. Raises ControlError."""
    if archive.is_file():
        return [archive]
    # The numbers in their names have the same length, until there are a million.
    files = sorted(
        (file for pattern in _PATTERNS for file in archive.glob(pattern)),
        key=lambda file: (len(file.name.partition(".")[0]), file.name),
    )
    if not files:
        raise ControlError(
            f"{archive}: {'has no' if archive.is_dir() else 'is neither a file nor a folder with'} "
            f"{' or '.join(_PATTERNS)}; name the path of a `file` sink, or files of it"
        )
    return files

"""Finds every readable event in a journal's file, whatever happened to it."""

import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.clock import SystemClock
from bridge.errors import JournalUnusable, Unacceptable
from bridge.events.event import Event, decode
from bridge.events.ids import event_id, place_id
from bridge.journal import schema
from bridge.journal.blocks import COLUMNS, BlockCorrupt, ids_intact, read_row, unpack_ids
from bridge.journal.damaged import Damaged, first_page_of, open_damaged
from bridge.journal.seen_ids import SeenIds

# When zlib finds damage, it drops what that call has unpacked. With small calls little is lost.
_STEP_BYTES: Final = 16
_GZIP: Final = 31


@dataclass(frozen=True, slots=True)
class Readable:
    """An event that was found, with the id that it was journalled under (P5)."""

    event_id: str
    body: bytes
    doubtful: bool
    """Its block's checksum is wrong: it reads as an event, but a character in it may be wrong."""


class Recovery:
    """Reads the events of one file; the counts grow while it does."""

    def __init__(self, damaged: Damaged) -> None:
        self._damaged = damaged
        self.damaged_blocks = 0
        """Blocks of which not all could be read."""
        self.lost_events = 0
        """Events that were in those and could not be read."""

    def events(self, *, undelivered: bool = False) -> Iterator[Readable]:
        """Yield the events block by block, then the dead letters.

        `undelivered` leaves out what every sink has dealt with. For a damaged block nobody can tell.
        """
        floor = self._lowest_cursor() if undelivered else 0
        for seq in self._damaged.numbers("blocks"):
            yield from self._block(seq, floor)
        for number in self._damaged.numbers("dead"):
            for name, body in self._damaged.rows("SELECT event_id, event FROM dead WHERE number = ?", number):
                if isinstance(name, str) and _event(body) is not None:
                    yield Readable(name, body, doubtful=False)

    def known_ids(self) -> SeenIds:
        """Return the ids of all undamaged events in this file, to recognise those that come again."""
        numbers = self._damaged.numbers("blocks")
        events = sum(count for (count,) in self._damaged.rows("SELECT sum(count) FROM blocks") if count)
        seen = SeenIds(
            window_seconds=float("inf"), max_ids=4 * (events + len(numbers) + 2**20), clock=SystemClock()
        )
        for found in self.events():
            if not found.doubtful:
                seen.add(found.event_id)
        return seen

    def _lowest_cursor(self) -> int:
        rows = self._damaged.rows("SELECT seq FROM cursors WHERE removed_ms IS NULL")
        return min((seq for (seq,) in rows if isinstance(seq, int)), default=0) if self._damaged.whole else 0

    def _block(self, seq: int, floor: int) -> Iterable[Readable]:
        rows = self._damaged.rows(f"SELECT {COLUMNS} FROM blocks WHERE seq = ?", seq)  # noqa: S608 - constants
        if not rows:
            # Perhaps there never was a block with this number; the index knows.
            for (count,) in self._damaged.rows(
                "SELECT count FROM blocks INDEXED BY blocks_sizes WHERE seq = ?", seq
            ):
                self._lost(count)
            return ()
        try:
            block = read_row(rows[0])
        except BlockCorrupt as error:
            found = list(_pieces(rows[0]))
            self._lost(error.count - len(found))
            return found
        if seq < floor:
            return ()
        return (
            Readable(name, body, doubtful=False) for name, body in zip(block.ids, block.bodies, strict=True)
        )

    def _lost(self, events: int) -> None:
        self.damaged_blocks += 1
        self.lost_events += max(events, 0)


def _pieces(row: tuple[Any, ...]) -> Iterator[Readable]:
    """Yield what reads as an event in a block whose checksums are wrong."""
    seq, _, _, _, packed, events = row
    ids = unpack_ids(packed) if ids_intact(packed) else []
    lines, whole = _unpack(events)
    for at, body in enumerate(lines):
        event = _event(body)
        if event is None:
            continue
        own = event_id(event)
        stored = ids[at] if at < len(ids) else None
        if stored is not None and own is not None and stored != own:
            # It has another event's id, or a field that its id is made of is wrong: not the event that was journalled.
            continue
        name = stored or own
        doubtful = not whole or name is None
        yield Readable(name or place_id(b"block", (seq << 20) + at, body), body, doubtful=doubtful)


def _unpack(packed: object) -> tuple[list[bytes], bool]:
    """Return the lines up to the damage, and whether there was no damage."""
    if not isinstance(packed, bytes):
        return [], False
    unpacker = zlib.decompressobj(_GZIP)
    text = bytearray()
    try:
        for at in range(0, len(packed), _STEP_BYTES):
            text += unpacker.decompress(packed[at : at + _STEP_BYTES])
    except zlib.error:
        pass
    # The last line may be cut off; if it is complete, it reads as an event.
    return bytes(text).split(b"\n"), unpacker.eof


def _event(body: object) -> Event | None:
    if not isinstance(body, bytes):
        return None
    try:
        # What was journalled is plain JSON: nothing is mended here, or damage would be mended, too.
        msgspec.json.decode(body)
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unacceptable):
        return None


@contextmanager
def recovering(path: Path) -> Iterator[Recovery]:
    """Open a journal's file, damaged or not, and never write to it; raises JournalUnusable.

    If copies are needed, they are made in TMPDIR.
    """
    if not path.is_file():
        raise JournalUnusable(f"{path} is not there")
    with tempfile.TemporaryDirectory(prefix="apim-bridge-") as name:
        folder = Path(name)

        def first_page() -> bytes:
            connection = schema.open_file(folder / schema.FILE_NAME)
            try:
                return first_page_of(folder / schema.FILE_NAME, connection)
            finally:
                connection.close()

        cure = "see that you may read it, and that TMPDIR has room for a copy"
        try:
            damaged = open_damaged(path, folder / "graft", first_page)
        except (OSError, sqlite3.Error) as error:
            raise JournalUnusable(f"{path}: {error}; {cure}") from error
        try:
            yield Recovery(damaged)
        except sqlite3.Error as error:
            raise JournalUnusable(f"{path}: {error}; {cure}") from error
        finally:
            damaged.close()

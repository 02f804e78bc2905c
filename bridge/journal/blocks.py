"""A block's bytes: many events in, one row out, and back."""

import sqlite3
import struct
import zlib
from collections.abc import Sequence
from typing import Any, cast

from isal import igzip
from isal.igzip_lib import IsalError

from bridge.batches import Block
from bridge.errors import JournalError
from bridge.journal.schema import is_damage

# ISA-L's second level: level 0 stores 20 % more for 10 % less time, level 3 takes three times as long.
_LEVEL = 1
# Level 1 first clears tables of a quarter of a megabyte: below this size, level 0 takes a fifth of its time.
_SMALL_BYTES = 32 * 2**10
# isal's types declare an instance instead of the class.
_BROKEN_GZIP = cast("type[Exception]", IsalError)
_CRC = struct.Struct(">I")
_ID_BYTES = 16
_ID_DIGITS = 2 * _ID_BYTES
# The length of an id as text, with the end of its line, and where its digits stand.
_ID_TEXT = b"00000000-0000-0000-0000-000000000000\n"
_ID_PLACES = [place for place, character in enumerate(_ID_TEXT) if character == ord("0")]

COLUMNS = "seq, count, source, received_ms, ids, events"


class BlockCorrupt(JournalError):  # noqa: N818 - a state of the block
    """A block's bytes are not what was written."""

    def __init__(self, seq: int, count: int, what: str) -> None:
        super().__init__(f"block {seq} with {count} events is corrupt: {what}")
        self.seq = seq
        self.count = count


def pack_ids(ids: Sequence[str]) -> bytes:
    """Return the ids' bytes and their CRC-32."""
    packed = bytes.fromhex("".join(ids).replace("-", ""))
    return packed + _CRC.pack(zlib.crc32(packed))


def ids_intact(packed: object) -> bool:
    """Tell whether these are ids with the right CRC."""
    return (
        isinstance(packed, bytes)
        and len(packed) % _ID_BYTES == _CRC.size
        and _CRC.pack(zlib.crc32(packed[: -_CRC.size])) == packed[-_CRC.size :]
    )


def unpack_ids(packed: bytes) -> list[str]:
    """Return the ids; raises ValueError when the CRC does not fit."""
    if not ids_intact(packed):
        raise ValueError("checksum of the ids")
    digits = packed[: -_CRC.size].hex().encode()
    # One digit of all ids at a time: for a block of 200 that takes a quarter of the time of one id after the other.
    text = bytearray(_ID_TEXT * (len(digits) // _ID_DIGITS))
    for digit, place in enumerate(_ID_PLACES):
        text[place :: len(_ID_TEXT)] = digits[digit::_ID_DIGITS]
    return text.decode().splitlines()


def pack_events(bodies: Sequence[bytes]) -> bytes:
    """Return the events as newline-delimited JSON under gzip."""
    lines = b"\n".join(bodies)
    packed: bytes = igzip.compress(lines, _LEVEL if len(lines) >= _SMALL_BYTES else 0)
    return packed


def unpack_events(packed: bytes) -> list[bytes]:
    """Return the events that `pack_events` has packed; if it raises anything, the bytes are not what was written."""
    lines: bytes = igzip.decompress(packed)
    return lines.split(b"\n")


def read_row(row: tuple[Any, ...]) -> Block:
    """Return the block of a row of COLUMNS; raises BlockCorrupt."""
    seq, count, source, received_ms, ids, events = row
    try:
        bodies = unpack_events(events)
        names = unpack_ids(ids)
        if not len(bodies) == len(names) == count:
            raise ValueError("number of events")
        return Block(seq, received_ms, source, names, bodies, events)
    except (ValueError, EOFError, OSError, struct.error, _BROKEN_GZIP, TypeError) as error:
        raise BlockCorrupt(seq, count if isinstance(count, int) else 0, str(error)) from error


def read_block(connection: sqlite3.Connection, seq: int) -> Block | None:
    """Return the first block whose number is `seq` or higher, None if there is none; raises BlockCorrupt."""
    where = "FROM blocks WHERE seq >= ? ORDER BY seq LIMIT 1"
    try:
        row = connection.execute(f"SELECT {COLUMNS} {where}", (seq,)).fetchone()
    except sqlite3.DatabaseError as error:
        # Only damage: an I/O error may pass, and no block is given up for it.
        if not is_damage(error):
            raise
        # This needs only the index, which has both.
        found = connection.execute(f"SELECT seq, count {where}", (seq,)).fetchone()
        if found is None:
            raise
        raise BlockCorrupt(found[0], found[1], str(error)) from error
    return None if row is None else read_row(row)


def last_number(connection: sqlite3.Connection) -> int:
    """Return the number of the newest block that there ever was, 0 without one."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'blocks'").fetchone()
    return row[0] if row else 0


def received_ms_from(connection: sqlite3.Connection, seq: int) -> int | None:
    """Return when the first block whose number is `seq` or higher was received, None if there is none."""
    row = connection.execute(
        "SELECT received_ms FROM blocks WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,)
    ).fetchone()
    return row[0] if row else None


def first_since(connection: sqlite3.Connection, received_ms: int) -> int | None:
    """Return the number of the first block received then or later, by the clock as it was then, or None."""
    row = connection.execute(
        "SELECT seq FROM blocks INDEXED BY blocks_sizes WHERE received_ms >= ? ORDER BY seq LIMIT 1",
        (received_ms,),
    ).fetchone()
    return None if row is None else row[0]


def read_ids_below(connection: sqlite3.Connection, seq: int) -> tuple[int, bytes] | None:
    """Return number and packed ids of the last block below `seq`."""
    row: tuple[int, bytes] | None = connection.execute(
        "SELECT seq, ids FROM blocks WHERE seq < ? ORDER BY seq DESC LIMIT 1", (seq,)
    ).fetchone()
    return row

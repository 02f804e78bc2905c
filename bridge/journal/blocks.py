"""A block's bytes: many events in, one row out, and back."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

from isal import igzip
from isal.igzip_lib import IsalError

from bridge.contracts import Block
from bridge.errors import JournalError, Unacceptable
from bridge.events import decode
from bridge.shaping.ids import format_id

# ISA-L's second level: level 0 stores 20 % more for 10 % less time, level 3 takes three times as long.
_LEVEL = 1
_ID_BYTES = 16
_ID_DIGITS = 2 * _ID_BYTES

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
    return packed + struct.pack(">I", zlib.crc32(packed))


def unpack_ids(packed: bytes) -> list[str]:
    """Return the ids; raises ValueError when the CRC does not fit."""
    ids, (crc,) = packed[:-4], struct.unpack(">I", packed[-4:])
    if zlib.crc32(ids) != crc or len(ids) % _ID_BYTES:
        raise ValueError("checksum of the ids")
    digits = ids.hex()
    return [format_id(digits[i : i + _ID_DIGITS]) for i in range(0, len(digits), _ID_DIGITS)]


def pack_events(bodies: Sequence[bytes]) -> bytes:
    """Return the events as newline-delimited JSON under gzip."""
    packed: bytes = igzip.compress(b"\n".join(bodies), _LEVEL)
    return packed


def read_row(row: tuple[Any, ...]) -> Block:
    """Return the block of a row of COLUMNS; raises BlockCorrupt."""
    seq, count, source, received_ms, ids, events = row
    try:
        bodies = igzip.decompress(events).split(b"\n")
        names = unpack_ids(ids)
        if not len(bodies) == len(names) == count:
            raise ValueError("number of events")
        return Block(seq, received_ms, source, names, bodies, [decode(body) for body in bodies])
    except (ValueError, EOFError, OSError, struct.error, IsalError, Unacceptable, TypeError) as error:
        raise BlockCorrupt(seq, count if isinstance(count, int) else 0, str(error)) from error

"""Joins pieces of a JSON array into one gzipped body."""

import asyncio
from collections.abc import Sequence
from typing import Final

from isal import igzip

_LEVEL: Final = 1
# Compressed on the event loop: waking a thread costs more than it saves.
_LITTLE_BYTES: Final = 192 * 2**10
# What a usual batch needs; a larger one gets a buffer for itself.
_KEPT_BYTES: Final = 2 * 2**20
_OPEN, _COMMA, _CLOSE = b"[,]"


class GzippedArray:
    """Joins and compresses one array at a time, in a buffer that it keeps.

    A batch of a thousand events is 1.4 MB before it is compressed. Allocating and freeing that much for
    each batch costs as much in page faults as the compression, or leaves holes that nothing else fits into (P8).
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._turn = asyncio.Lock()

    async def gzipped(self, pieces: Sequence[bytes]) -> bytes:
        """Return the array of these pieces, each some elements with commas between them."""
        # Brackets and commas; an empty array has both brackets, too.
        size = max(sum(map(len, pieces)) + len(pieces) + 1, 2)
        async with self._turn:
            if size <= _LITTLE_BYTES:
                return self._gzipped(pieces, size)
            return await asyncio.to_thread(self._gzipped, pieces, size)

    def _gzipped(self, pieces: Sequence[bytes], size: int) -> bytes:
        # The buffer is set aside while a thread writes to it: when a call is cancelled, its thread goes on.
        buffer, self._buffer = self._buffer, bytearray()
        if len(buffer) < size:
            buffer = bytearray(size)
        buffer[0], at = _OPEN, 1
        for piece in pieces:
            buffer[at : at + len(piece)] = piece
            at += len(piece)
            buffer[at] = _COMMA
            at += 1
        # In the place of the last comma.
        buffer[size - 1] = _CLOSE
        with memoryview(buffer) as view:
            body: bytes = igzip.compress(view[:size], _LEVEL)
        if len(buffer) <= _KEPT_BYTES:
            self._buffer = buffer
        return body

"""Unpacks the gzip of a request's body, in pieces that stay small whatever the ratio."""

from collections.abc import Iterator
from typing import Final

from isal import isal_zlib

INFLATED_BYTES: Final = 256 * 2**10
# Of isal and zlib: with gzip's own head and tail.
_GZIP_WINDOW: Final = 31
# One for each event of a large body: a sender that appends to a gzip file as events come makes so many.
MOST_MEMBERS: Final = 50_000
# What follows a member is copied: so many bytes at a time, so that many members do not cost many copies of all.
_SLICE_BYTES: Final = 8 * 2**10
# So many members, or bytes, are unpacked until the others have their turn.
SLICE_MEMBERS: Final = 500


class TooManyMembers(Exception):  # noqa: N818 - the sender's state, not a failure of the bridge
    """The body is gzip in more members than a body has any use for."""


class BrokenGzip(Exception):  # noqa: N818 - the sender's state, not a failure of the bridge
    """The body is not what its Content-Encoding says."""


class Inflater:
    """Unpacks gzip, also of several members, in pieces that stay small whatever the ratio."""

    def __init__(self) -> None:
        self._member = isal_zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False
        self.members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes unpack to, at most 256 KiB at a time; raises BrokenGzip or TooManyMembers."""
        for start in range(0, len(data), _SLICE_BYTES):
            yield from self._feed(data[start : start + _SLICE_BYTES])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = isal_zlib.decompressobj(_GZIP_WINDOW)
                self.members += 1
                if self.members > MOST_MEMBERS:
                    raise TooManyMembers
            self._begun = True
            try:
                yield self._member.decompress(data, INFLATED_BYTES)
            except Exception as error:  # noqa: BLE001 - isal's types hide that its error is a class
                raise BrokenGzip(str(error)) from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def end(self) -> None:
        """Say that nothing more comes; raises BrokenGzip if the last member is not whole."""
        if self._begun and not self._member.eof:
            raise BrokenGzip("the body ends before its data does")

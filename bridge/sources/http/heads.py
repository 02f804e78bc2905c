"""Lets a request pass that has two User-Agent headers, as each of WSO2's Moesif publisher has.

Moesif's Java SDK adds its own beside that of its HTTP client, in another case. aiohttp's parser refuses the
request for it, with 400, before any code of ours sees it (aiohttp, `SINGLETON_HEADERS`), and the publisher
drops what is answered so. The second one gets another name of the same length. Nothing here reads that
header, and no other that must stand once is touched: twice a length or a host stays an error.
"""

import re
from typing import Final

_NAME: Final = b"user-agent:"
_LINE: Final = b"\n" + _NAME
_OTHER_NAME: Final = b"also-agent:"
_AGENT: Final = re.compile(rb"(?<=\n)user-agent:", re.IGNORECASE)
_START: Final = re.compile(rb"[A-Z]+(?: |\Z)")
_END: Final = b"\r\n\r\n"
# A head that is longer is the parser's to refuse.
_MOST_BYTES: Final = 64 * 2**10


class Heads:
    """The heads of one connection's requests, as they come in."""

    def __init__(self) -> None:
        self._before = b""
        """What has come of an incomplete head, as the parser was given it."""
        self._held = b""
        """The beginning of a line that we cannot identify yet."""

    def mend(self, data: bytes) -> bytes:
        """Return what the parser is given for bytes that go on with a head or begin one.

        What follows the head stays as it is, also the head of a request that did not wait for its answer.
        """
        if not self._before and not self._held:
            end = data.find(_END)
            # The usual case: one whole head. This look costs a fifth of what the pattern costs.
            if end >= 0 and data[:end].lower().count(_LINE) < 2:
                return data
        before = len(self._before)
        whole = self._before + self._held + data
        if not _START.match(whole):
            return data
        end = whole.find(_END)
        agents = list(_AGENT.finditer(whole, 0, len(whole) if end < 0 else end))
        if len(agents) > 1:
            mended = bytearray(whole)
            for again in agents[1:]:
                mended[again.start() : again.end()] = _OTHER_NAME
            whole = bytes(mended)
        self._before = self._held = b""
        if end >= 0:
            return whole[before:]
        line = whole[whole.rfind(b"\n") + 1 :]
        stop = len(whole) - len(line) if line and _NAME.startswith(line.lower()) else len(whole)
        if len(whole) <= _MOST_BYTES:
            self._before, self._held = whole[:stop], whole[stop:]
            return whole[before:stop]
        return whole[before:]

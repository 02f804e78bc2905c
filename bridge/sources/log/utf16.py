"""Logs in UTF-16, as a gateway writes them whose JVM was told so; WSO2's own scripts tell it UTF-8.

They are read as they are: each line is put into UTF-8 by itself, so that its place stays its place in the file.
"""

import codecs
from typing import Final

from bridge.sources.log.framing import Frames, frame

HEAD_BYTES: Final = 64
_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def codec_of(head: bytes) -> str | None:
    """Return which UTF-16 a file is in by its first bytes, with a mark or without; None: another encoding."""
    if (codec := _MARKS.get(head[:2])) is not None:
        return codec
    # Nearly every second byte of what a gateway writes is zero, and no other.
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if half < 8 or max(even, odd) * 4 < half * 3 or min(even, odd) * 10 > half:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def line_end(data: bytes, codec: str, start: int = 0) -> int:
    """Return where the first line that begins at `start` or behind it ends, with its line end; -1: it does not."""
    newline = "\n".encode(codec)
    at = data.find(newline, start)
    while at >= 0 and at % 2:
        at = data.find(newline, at + 1)
    return at if at < 0 else at + 2


def frame_utf16(data: bytes, offset: int, max_line_bytes: int, codec: str) -> Frames:
    """Return the events in the complete lines of `data`; see `frame`."""
    frames = Frames()
    start = 0
    while (end := line_end(data, codec, start)) >= 0:
        if end - start > 2 * max_line_bytes:
            frames.too_long += 1
        else:
            text = data[start:end].decode(codec, "replace").lstrip("\ufeff").encode("utf-8", "replace")
            line = frame(text, offset + start, max_line_bytes, last=True)
            frames.bodies += line.bodies
            frames.kinds += line.kinds
            frames.places += line.places
            frames.ignored += line.ignored
            frames.too_long += line.too_long
        start = end
    frames.consumed = start
    return frames

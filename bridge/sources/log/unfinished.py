"""Incomplete lines of a log: zeros, the rest of an overlong line, a last line that nobody will finish."""

import errno
import os
from typing import Final

from bridge.formats.carriers import Opened, opened
from bridge.formats.marks import looks_like_event
from bridge.sources.log.framing import Frames
from bridge.sources.log.records import BORDER
from bridge.sources.log.utf16 import line_end

_STEP_BYTES: Final = 384 * 1024


def behind_zeros(descriptor: int, start: int, size: int) -> int | None:
    """Return where the zeros end, skipping the file's holes; None if they do not.

    Raises OSError.
    """
    while start < size:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            if error.errno != errno.EINVAL:
                raise
        data = os.pread(descriptor, _STEP_BYTES, start)
        if not data:
            return None
        if text := data.lstrip(b"\0"):
            return start + len(data) - len(text)
        start += len(data)
    return None


def end_of_skipped(data: bytes, codec: str | None) -> int:
    """Return where a line or record that is too long ends; -1: further on."""
    if codec is not None:
        return line_end(data, codec)
    newline, border = data.find(b"\n") + 1, BORDER.search(data)
    if border is not None and not 0 < newline <= border.start():
        return border.end()
    return newline or -1


def whole_only(frames: Frames) -> tuple[Frames, int]:
    """Return the events of the last line of a log, and how many parts of it are torn."""
    whole, torn = Frames(ignored=frames.ignored, too_long=frames.too_long), 0
    for body, kind, place in zip(frames.bodies, frames.kinds, frames.places, strict=True):
        for found in opened(body, kind):
            if isinstance(found, Opened):
                whole.bodies.append(found.body)
                whole.kinds.append(found.kind)
                whole.places.append(place)
            elif kind is not None or looks_like_event(body):
                torn += 1
            else:
                whole.ignored += 1
    return whole, torn

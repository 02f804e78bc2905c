"""The events in the bytes behind a log's mark, in whatever encoding it is."""

from dataclasses import dataclass
from typing import Final

from bridge.sources.log.framing import Frames, frame
from bridge.sources.log.positions import Mark, mark_at
from bridge.sources.log.unfinished import behind_zeros, end_of_skipped
from bridge.sources.log.utf16 import frame_utf16

# No text in any encoding has this many zeros in a row.
ZEROS: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class Lines:
    """What one read of a log brought: the mark behind it, and the events."""

    mark: Mark
    frames: Frames
    torn: int = 0


def lines_in(
    data: bytes, mark: Mark, max_line_bytes: int, codec: str | None, *, descriptor: int, size: int
) -> Lines | None:
    """Return the complete lines in the bytes behind the mark, None without one; the file is so large."""
    start = mark.offset

    def up_to(end: int, frames: Frames, *, skipping: bool = False) -> Lines:
        return Lines(mark_at(descriptor, end, mark, skipping=skipping), frames)

    if mark.skipping:
        end = end_of_skipped(data, codec)
        if end < 0:
            return up_to(start + len(data), Frames(), skipping=True) if data else None
        return up_to(start + end, Frames())
    frames = frames_in(data, start, max_line_bytes, codec)
    if frames.consumed:
        return up_to(start + frames.consumed, frames)
    if data.endswith(ZEROS):
        # The file was cut under a writer that wrote on where it was: what stood before the zeros is not a line.
        text = data.rstrip(b"\0")
        end_of_zeros = behind_zeros(descriptor, start + len(text), size)
        return up_to(end_of_zeros, frame(text + b"\n", start, max_line_bytes)) if end_of_zeros else None
    if len(data) > max_line_bytes * (1 if codec is None else 2):
        return up_to(start + len(data), Frames(too_long=1), skipping=True)
    return None


def frames_in(
    data: bytes, start: int, max_line_bytes: int, codec: str | None, *, last: bool = False
) -> Frames:
    """Return the events in the complete lines of `data`, which begins at `start`; `last`: all lines are."""
    if codec is None:
        return frame(data + b"\n" if last else data, start, max_line_bytes, last=last)
    return frame_utf16(data + "\n".encode(codec) if last else data, start, max_line_bytes, codec)

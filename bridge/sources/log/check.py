"""Will it work? What `apim-bridge check` says of the logs."""

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bridge.contracts import Finding
from bridge.formats.carriers import Opened, opened
from bridge.sources.log.framing import frame
from bridge.sources.log.source import LogTailSettings
from bridge.sources.log.utf16 import HEAD_BYTES, codec_of, frame_utf16, line_end

# How much of a log's end is read to see whether its lines are understood.
_TAIL_BYTES: Final = 64 * 2**10


def check(name: str, settings: LogTailSettings, _sender_keys: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is to be said of each path or pattern, and of the last lines of each log."""
    for pattern in settings.paths:
        files = sorted(path for path in glob.glob(pattern) if Path(path).is_file())  # noqa: PTH207 - an absolute pattern
        if not files:
            folder = Path(pattern).parent
            cure = (
                "the gateway makes it with its first event"
                if folder.is_dir()
                else f"{folder} is not there: look at paths"
            )
            yield Finding("note", f"source {name}: {pattern}: no file yet; {cure}")
        for path in files:
            yield _log(name, path)


def _log(name: str, path: str) -> Finding:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as text, as the pattern gave it
            size = os.fstat(file.fileno()).st_size
            codec = codec_of(file.read(HEAD_BYTES))
            file.seek(max(0, size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
    except OSError as error:
        return Finding("fault", f"source {name}: {path}: {error.strerror}; let uid {os.getuid()} read it")
    if size > _TAIL_BYTES:
        data = data[line_end(data, codec) if codec else data.find(b"\n") + 1 :]
    frames = frame_utf16(data, 0, _TAIL_BYTES, codec) if codec else frame(data, 0, _TAIL_BYTES)
    found = [
        one for body, kind in zip(frames.bodies, frames.kinds, strict=True) for one in opened(body, kind)
    ]
    events = sum(isinstance(one, Opened) for one in found)
    others = len(found) - events + frames.ignored
    if others and not events:
        return Finding(
            "fault",
            f"source {name}: {path}: none of its last {others} lines is an event; it must be the log of WSO2's "
            'ELKMetricReporter: [apim.analytics] type = "elk" on the gateway',
        )
    encoding = (
        "; it is in UTF-16: -Dfile.encoding=UTF8 on the gateway makes it half as large" if codec else ""
    )
    return Finding(
        "ok", f"source {name}: {path}: {events} events in its last lines, {others} other lines{encoding}"
    )

"""Will it work? What `apim-bridge check` says of the logs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bridge.contracts import Finding
from bridge.formats.carriers import Opened, opened
from bridge.sources.log.framing import frame
from bridge.sources.log.search import Search, folder_of
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.trouble import Trouble, of_error, shown
from bridge.sources.log.utf16 import HEAD_BYTES, codec_of, frame_utf16, line_end

# How much of a log's end is read to see whether its lines are understood.
_TAIL_BYTES: Final = 64 * 2**10
# Of thousands of logs the youngest say enough.
_MOST_LOGS: Final = 50


def check(name: str, settings: LogSourceSettings, _sender_keys: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is to be said of each path or pattern, and of the last lines of each log."""
    for pattern in settings.paths:
        listing = Search([pattern]).look()
        for path, trouble in listing.troubles.items():
            yield _trouble(name, path, trouble)
        if not listing.found and not listing.troubles:
            yield Finding("note", f"source {name}: {pattern}: {_why_absent(pattern)}")
        youngest = sorted(listing.found.values(), key=lambda found: found.age)[-_MOST_LOGS:]
        for found in sorted(youngest, key=lambda found: found.path):
            yield _log(name, found.path)
        if len(listing.found) > _MOST_LOGS:
            yield Finding(
                "ok",
                f"source {name}: {pattern}: {len(listing.found) - _MOST_LOGS} older logs, not looked into",
            )


def _trouble(name: str, path: str, trouble: Trouble) -> Finding:
    return Finding(
        "fault", f"source {name}: {shown(path)}: {trouble.what} (uid {os.getuid()}); {trouble.cure}"
    )


def _why_absent(pattern: str) -> str:
    if os.path.islink(pattern):  # noqa: PTH114 - as text, as the configuration gave it
        return f"no file yet; it is a link to {os.readlink(pattern)}, which is not there"  # noqa: PTH115 - as above
    folder = Path(folder_of(pattern) or ".")
    if folder.is_dir():
        return "no file yet; the gateway makes it with its first event"
    return f"no file yet; {folder} is not there: look at paths"


def _log(name: str, path: str) -> Finding:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            size = os.fstat(descriptor).st_size
            codec = codec_of(file.read(HEAD_BYTES))
            file.seek(max(0, size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
    except OSError as error:
        return _trouble(name, path, of_error(error))
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

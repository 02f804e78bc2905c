"""Why a log cannot be read although something is there, and what to do: an error is never an absence."""

import errno
import os
import stat
from collections.abc import Mapping
from typing import Final, NamedTuple

RIGHTS: Final = "rights"
NOT_A_FILE: Final = "not_a_file"
DESCRIPTORS: Final = "descriptors"
PATH: Final = "path"
DISK: Final = "disk"
TROUBLES: Final = (RIGHTS, NOT_A_FILE, DESCRIPTORS, PATH, DISK)
"""Every reason, as the metric `log_unreadable_paths` shows it."""

_CURES: Final[Mapping[str, str]] = {
    RIGHTS: "let the bridge's user read it: chmod g+rx on the folder, g+r on the file, and its group",
    DESCRIPTORS: (
        "too few files may be open: raise the limit with `ulimit -n`, LimitNOFILE= in the systemd unit, or "
        "`ulimits` of the container"
    ),
    PATH: "correct the path or the link in the source's paths, or what is mounted there",
    DISK: "the disk or network file system fails: look at the kernel's log (dmesg), and mount it again",
}
_REASONS: Final[Mapping[int, str]] = {
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EMFILE: DESCRIPTORS,
    errno.ENFILE: DESCRIPTORS,
    errno.ELOOP: PATH,
    errno.ENAMETOOLONG: PATH,
    errno.ENOTDIR: PATH,
}
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Trouble(NamedTuple):
    """What is wrong at a path."""

    reason: str
    """One of TROUBLES."""
    what: str
    cure: str


def shown(path: str) -> str:
    """Return a path as text that any metric, row or log line can carry."""
    return os.fsencode(path).decode("utf-8", "replace")


def of_error(error: OSError) -> Trouble:
    """Return what the system's answer means."""
    reason = _REASONS.get(error.errno or 0, DISK)
    return Trouble(reason, error.strerror or str(error), _CURES[reason])


def of_kind(mode: int) -> Trouble:
    """Return what is wrong with something that stands where a log should be."""
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
    cure = "remove it, so that the gateway can write its log there, or correct the source's paths"
    if stat.S_ISDIR(mode):
        # `docker run -v /a/log:/b/log` makes a folder of a log that is not there yet.
        cure += "; Docker makes a folder of a file that is not there: mount the log's folder, not the log"
    return Trouble(NOT_A_FILE, f"it is {kind}, not a file", cure)

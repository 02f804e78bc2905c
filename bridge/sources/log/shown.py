"""What the log source shows of itself: how far each log was journalled, and what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from bridge.sources.log.following import Following
from bridge.sources.log.held import held
from bridge.sources.log.trouble import TROUBLES, shown

_READ: Final = "(read and closed)"
_WAITING: Final = "(wait to be opened)"
# Of thousands of logs without rights a few say what is wrong.
_MOST_TROUBLES: Final = 20


@dataclass(frozen=True, slots=True)
class FileLag:
    """How far one log was journalled."""

    path: str
    bytes: int
    """Not journalled yet."""
    offset: int
    size: int


def lag(following: Following) -> list[FileLag]:
    """Return for each log that is held open, or was not read to its end, what is not journalled yet.

    The others may be thousands: they stand together as one, and so do files that wait to be opened.
    """
    lags: dict[str, FileLag] = {}
    for log in following.logs:
        offset = log.size if log.original is not None else min(log.committed.offset, log.size)
        path = f"{log.name} (deleted)" if log.missing_since is not None else log.name
        if log.descriptor is None and offset == log.size:
            path = _READ
        other = lags.get(path, FileLag(path, 0, 0, 0))
        lags[path] = FileLag(
            path, other.bytes + log.size - offset, other.offset + offset, other.size + log.size
        )
    if waiting := following.waiting:
        size = sum(found.size for found in waiting)
        lags[_WAITING] = FileLag(_WAITING, size, 0, size)
    return list(lags.values())


def status(following: Following) -> Mapping[str, Any]:
    """Return what an operator may want to know, as plain data."""
    lags = lag(following)
    held_files, held_bytes = held(following.logs)
    troubles = list(following.troubles.items())
    return {
        "files": [asdict(one) for one in lags],
        "followed": len(following.logs),
        "waiting": len(following.waiting),
        "lag_bytes": sum(one.bytes for one in lags),
        "held_files": held_files,
        "held_bytes": held_bytes,
        "max_held_bytes": following.max_held_bytes,
        "troubles": [
            {"path": shown(path), "what": trouble.what, "cure": trouble.cure}
            for path, trouble in troubles[:_MOST_TROUBLES]
        ],
        "more_troubles": max(0, len(troubles) - _MOST_TROUBLES),
    }


def gauges(following: Following) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Yield name, labels without the source's, and value of each gauge."""
    for one in lag(following):
        yield "log_lag_bytes", (one.path,), one.bytes
    yield "log_files_followed", (), len(following.logs)
    yield "log_files_waiting", (), len(following.waiting)
    reasons = Counter(trouble.reason for trouble in list(following.troubles.values()))
    for reason in TROUBLES:
        yield "log_unreadable_paths", (reason,), reasons[reason]
    yield "log_held_bytes", (), held(following.logs)[1]
    yield "log_max_held_bytes", (), following.max_held_bytes

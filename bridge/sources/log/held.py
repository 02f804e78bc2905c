"""Deleted logs that are held open until they are read: what they take of the gateway's disk is bounded (P8)."""

from collections.abc import Iterable

from bridge.sources.log.files import LogFile


def held(logs: Iterable[LogFile]) -> tuple[int, int]:
    """Return how many deleted logs are held open, and how many bytes of their disk they take."""
    sizes = [log.held_bytes for log in logs if log.unlinked and log.descriptor is not None]
    return len(sizes), sum(sizes)


def beyond(logs: Iterable[LogFile], most_bytes: int) -> list[LogFile]:
    """Return the logs to close so that the rest fits into `most_bytes`: first those already read, then the oldest."""
    deleted = [log for log in logs if log.unlinked and log.descriptor is not None]
    deleted.sort(key=lambda log: (not log.done, log.age))
    _, total = held(deleted)
    beyond: list[LogFile] = []
    for log in deleted:
        if total <= most_bytes:
            break
        total -= log.held_bytes
        beyond.append(log)
    return beyond

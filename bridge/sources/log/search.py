"""Looks for the logs that the configured paths and patterns match; costs a stat for each file, no read."""

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

Identity = tuple[int, int]
"""Device and inode: exact while the file is held open, a hint otherwise."""

_NUMBERS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Found:
    """A file as a look saw it."""

    path: str
    identity: Identity
    size: int
    mtime_ns: int

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when somebody writes."""
        return self.size, self.mtime_ns

    @property
    def age(self) -> tuple[int, list[tuple[int, str]]]:
        """Sorts the oldest first."""
        return age(self.mtime_ns, self.path)


@dataclass(slots=True)
class Listing:
    """What one look saw: each file once, however many paths lead to it."""

    found: dict[Identity, Found] = field(default_factory=dict)
    by_path: dict[str, Identity] = field(default_factory=dict)
    failures: dict[str, OSError] = field(default_factory=dict)
    """Folders and files that are there and cannot be looked at."""
    unsure: set[str] = field(default_factory=set)
    """Folders in which a log that was not seen may still be."""


class Search:
    """The configured paths, each a plain path or a pattern."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._looks = [_look_for(path) for path in paths]
        self.folders = {folder_of(path) for path in paths}
        """What can be found is in these; one that is a pattern itself stands for any number of folders."""

    def look(self) -> Listing:
        """Return what is there now; what is not there yet is no failure."""
        listing = Listing()
        for look in self._looks:
            look(listing)
        return listing


def age(mtime_ns: int, path: str) -> tuple[int, list[tuple[int, str]]]:
    """Return a sort key, oldest first: `-2` before `-10` before the log without a number."""
    parts = _NUMBERS.split(os.path.split(path)[1])
    return mtime_ns, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def folder_of(path: str) -> str:
    """Return the folder that a path is in."""
    return os.path.split(path)[0]


def _look_for(path: str) -> Callable[[Listing], None]:
    folder, name = os.path.split(path)
    if glob.has_magic(folder):
        return lambda listing: _add_all(listing, ((found, Path(found).stat) for found in _glob(path)), path)
    if not glob.has_magic(name):
        return lambda listing: _add_all(listing, [(path, Path(path).stat)], path)
    matches = re.compile(fnmatch.translate(name)).match
    hidden = name.startswith(".")

    def entries() -> Iterator[tuple[str, Callable[[], os.stat_result]]]:
        with os.scandir(folder or ".") as listed:
            for entry in listed:
                if matches(entry.name) and (hidden or not entry.name.startswith(".")):
                    yield entry.path, entry.stat

    return lambda listing: _add_all(listing, entries(), folder)


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns


def _add_all(
    listing: Listing, entries: Iterable[tuple[str, Callable[[], os.stat_result]]], place: str
) -> None:
    try:
        for path, status in entries:
            try:
                _add(listing, path, status())
            except FileNotFoundError:
                continue  # renamed or deleted between the listing and the stat, or a dangling link
            except OSError as error:
                listing.failures[path] = error
                listing.unsure.add(folder_of(path))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        listing.failures[place] = error


def _add(listing: Listing, path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        return
    identity = (status.st_dev, status.st_ino)
    listing.by_path[path] = identity
    if identity not in listing.found:
        listing.found[identity] = Found(path, identity, status.st_size, status.st_mtime_ns)

"""Finds the logs that match the configured paths and patterns: one stat for each file, no read."""

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.sources.log.trouble import Trouble, of_error, of_kind

FileIdentity = tuple[int, int]
"""Device and inode: exact while the file is held open, a hint otherwise."""

_NUMBERS: Final = re.compile(r"(\d+)")
_ANY_DEPTH: Final = "**"


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as a look saw it."""

    path: str
    identity: FileIdentity
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

    found: dict[FileIdentity, SeenFile] = field(default_factory=dict)
    by_path: dict[str, FileIdentity] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    """What is there but cannot be looked at, or is not a file, by path."""
    blind: set[str] = field(default_factory=set)
    """Paths that this look could not see into."""
    unsure: set[str] = field(default_factory=set)
    """Folders with files that this look could not see, or that are not open yet."""

    def shown(self) -> set[str]:
        """Return the folders in which this look saw a log."""
        return {folder_of(path) for path in self.by_path}

    def hides(self, path: str) -> bool:
        """Tell whether this look would have missed a file at this path."""
        blind = self.blind
        return bool(blind) and (path in blind or any(folder in blind for folder in _folders_above(path)))

    def may_hold(self, folder: str) -> bool:
        """Tell whether a log that was not seen may still be in this folder."""
        return folder in self.unsure or self.hides(folder)

    def failed(self, path: str, error: OSError) -> None:
        """Note that this path cannot be looked at."""
        self.troubles[path or "."] = of_error(error)
        self.blind.add(path)
        self.unsure.add(folder_of(path))


class Search:
    """The configured paths, each a plain path or a pattern."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._patterns = [_Pattern(path) for path in paths]
        self.folders = {folder_of(path) for path in paths}
        """The folders of the paths; one that is itself a pattern stands for any number of folders."""

    def look(self) -> Listing:
        """Return what is there now; a log that is not there yet is no trouble."""
        listing = Listing()
        for pattern in self._patterns:
            pattern.look(listing)
        return listing


def age(mtime_ns: int, path: str) -> tuple[int, list[tuple[int, str]]]:
    """Return a sort key, oldest first: `-2` before `-10` before the log without a number."""
    parts = _NUMBERS.split(os.path.split(path)[1])
    return mtime_ns, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def folder_of(path: str) -> str:
    """Return the folder that a path is in."""
    return os.path.split(path)[0]


class _Pattern:
    """One configured path. Patterns work as in `glob`, except that `glob` takes every error for an absence."""

    def __init__(self, path: str) -> None:
        names = path.split("/")
        plain = next((at for at, name in enumerate(names[:-1]) if glob.has_magic(name)), len(names) - 1)
        self._root = "/".join(names[:plain]) or ("/" if path.startswith("/") else "")
        self._names = names[plain:]
        self._matches = [re.compile(fnmatch.translate(name)).match for name in self._names]
        self._files = 0
        self._others: dict[str, Trouble] = {}

    def look(self, listing: Listing) -> None:
        """Put into the listing what is there now."""
        self._files, self._others = 0, {}
        self._search(listing, self._root, 0)
        if not self._files:
            # A folder beside logs is normal; a folder alone is where a log should be.
            listing.troubles.update(self._others)

    def _search(self, listing: Listing, folder: str, depth: int) -> None:
        """Look in a folder for what the pattern says from `depth` on."""
        name, last = self._names[depth], depth == len(self._names) - 1
        if name == _ANY_DEPTH and not last:
            for below in self._at_any_depth(listing, folder):
                self._search(listing, below, depth + 1)
        elif glob.has_magic(name):
            for entry in self._entries(listing, folder, depth, guessed=depth > 0):
                if last:
                    self._take(listing, entry.path, entry)
                elif _is_folder(listing, entry):
                    self._search(listing, entry.path, depth + 1)
        elif last:
            self._take(listing, os.path.join(folder, name), None, guessed=depth > 0)  # noqa: PTH118 - as text
        else:
            self._search(listing, os.path.join(folder, name), depth + 1)  # noqa: PTH118 - as text

    def _entries(
        self, listing: Listing, folder: str, depth: int | None, *, guessed: bool
    ) -> list[os.DirEntry[str]]:
        """Return what is in a folder and matches; `guessed`: a pattern led to it, so it may not be a folder."""
        matches = self._matches[depth] if depth is not None else None
        hidden = depth is not None and self._names[depth].startswith(".")
        try:
            # Listed to the end before the next folder: one descriptor is open at a time.
            with os.scandir(folder or ".") as listed:
                return [
                    entry
                    for entry in listed
                    if (matches is None or matches(entry.name)) and (hidden or entry.name[0] != ".")
                ]
        except FileNotFoundError:
            return []
        except OSError as error:
            if not (guessed and isinstance(error, NotADirectoryError)):
                listing.failed(folder, error)
            return []

    def _at_any_depth(self, listing: Listing, folder: str) -> Iterator[str]:
        """Yield a folder and all below it, each once, whatever links lead to them."""
        waiting, known = [folder], set()
        while waiting:
            folder = waiting.pop()
            try:
                status = os.stat(folder or ".")  # noqa: PTH116 - a Path costs more than the question
            except FileNotFoundError:
                continue
            except OSError as error:
                listing.failed(folder, error)
                continue
            if (status.st_dev, status.st_ino) in known:
                continue
            known.add((status.st_dev, status.st_ino))
            yield folder
            entries = self._entries(listing, folder, None, guessed=True)
            waiting += [entry.path for entry in entries if _is_folder(listing, entry)]

    def _take(
        self, listing: Listing, path: str, entry: os.DirEntry[str] | None, *, guessed: bool = False
    ) -> None:
        """List a file, or say why it cannot be a log."""
        try:
            status = os.stat(path) if entry is None else entry.stat()  # noqa: PTH116 - as above
        except FileNotFoundError:
            return  # not there yet; renamed or deleted between the listing and the stat; or a dangling link
        except OSError as error:
            if guessed and isinstance(error, NotADirectoryError):
                return
            closed = isinstance(error, PermissionError) and entry is not None and not entry.is_symlink()
            # Report a folder that we may not enter once, not for each file in it.
            listing.failed(folder_of(path) if closed else path, error)
            return
        if not stat.S_ISREG(status.st_mode):
            self._others[path] = of_kind(status.st_mode)
            return
        self._files += 1
        identity = (status.st_dev, status.st_ino)
        listing.by_path[path] = identity
        if identity not in listing.found:
            listing.found[identity] = SeenFile(path, identity, status.st_size, status.st_mtime_ns)


def _is_folder(listing: Listing, entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link that cannot be followed
        listing.failed(entry.path, error)
        return False


def _folders_above(path: str) -> Iterator[str]:
    while (folder := folder_of(path)) != path:
        yield folder
        path = folder

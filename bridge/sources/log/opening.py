"""Opens the files that a look found, as long as there are descriptors for them."""

import errno
import os
from collections.abc import Sequence
from typing import Final

from bridge.contracts import Clock
from bridge.sources.log.backlog import Backlog
from bridge.sources.log.files import LogFile
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.known import KnownLogs
from bridge.sources.log.search import FileIdentity, Listing, SeenFile, folder_of
from bridge.sources.log.trouble import Trouble, of_error

# This many logs stay open after they are read to the end: the next lines will come into them.
_SPARE_OPEN: Final = 16
_GZIP: Final = b"\x1f\x8b"
_NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE)


class Opening:
    """Opens files of the backlog as known logs; at most `most` logs are open at a time."""

    def __init__(
        self, most: int, known: KnownLogs, backlog: Backlog, happenings: LogHappenings, clock: Clock
    ) -> None:
        self.most = most
        self._known = known
        self._backlog = backlog
        self._happenings = happenings
        self._clock = clock
        self._compressed: dict[FileIdentity, tuple[int, int]] = {}
        self._left_out: dict[FileIdentity, str] = {}

    def wants(self, found: SeenFile) -> bool:
        """Tell whether a file may be a log: it was never passed over, or has changed since."""
        return self._compressed.get(found.identity) != found.stamp

    def forget_absent(self, listing: Listing) -> None:
        """Forget the files that were passed over and are gone."""
        self._compressed = {it: stamp for it, stamp in self._compressed.items() if it in listing.found}

    def leave_out(self, files: Sequence[SeenFile], why: str) -> None:
        """Treat what is in these files now as read."""
        self._left_out.update((found.identity, why) for found in files)

    def open_waiting(self, troubles: dict[str, Trouble]) -> list[LogFile]:
        """Open waiting files while there is room; return the logs that are followed from now on.

        Adds to `troubles` what cannot be opened or read.
        """
        known, backlog = self._known, self._backlog
        known.close_spare(min(_SPARE_OPEN, self.most // 4), crowded=backlog.waits)
        free = self.most - known.open_count()
        opened: list[LogFile] = []
        while free > 0 and backlog.waits:
            found = backlog.to_open(free)
            try:
                log = self._open(found)
            except OSError as error:
                troubles[found.path] = of_error(error)
                if error.errno in _NO_DESCRIPTOR:
                    backlog.put_back(found)
                    known.close_spare(0, crowded=True)
                    break
                continue
            if log is not None:
                opened.append(log)
                free -= 1
        for log, failed in known.recognise() if opened or known.loose else ():
            troubles[log.path] = of_error(failed)
            known.let_go(log, self._clock.monotonic())
        here = [log for file in opened if (log := known.here.get(file.identity)) is not None]
        for log in here:
            self._happenings.following(log.name, log.mark.offset, log.size)
        return here

    def _open(self, found: SeenFile) -> LogFile | None:
        """Open a file that was found; None: there is nothing to read in it now. Raises OSError."""
        now = self._clock.monotonic()
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            self._known.missed([found], now)
            return None
        try:
            status = os.fstat(descriptor)
            same = (status.st_dev, status.st_ino) == found.identity
            compressed = same and os.pread(descriptor, 2, 0) == _GZIP
        except OSError:
            os.close(descriptor)
            raise
        if same and not compressed:
            return self._follow(found, descriptor, now)
        os.close(descriptor)
        if not same:
            # Not the file that was listed: that one was renamed in between, which the next look sees, or deleted.
            self._known.missed([found], now)
        else:
            if found.identity not in self._compressed:
                self._happenings.compressed(found.path)
            self._compressed[found.identity] = found.stamp
        return None

    def _follow(self, found: SeenFile, descriptor: int, now: float) -> LogFile | None:
        log = self._known.add(found, descriptor, now)
        log.folder = folder_of(os.path.realpath(found.path))
        if (why := self._left_out.get(found.identity)) is None:
            return log
        try:
            self._known.leave_out(log)
        except OSError:
            self._known.let_go(log, now)
            raise
        self._happenings.left_out(log.name, why)
        del self._left_out[found.identity]
        if self._backlog.waits:
            # Its descriptor is for a file that has something to read; a later write here shows in the size.
            log.close()
            return None
        return log

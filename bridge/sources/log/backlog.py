"""In which order logs are opened and read: the oldest first, and in a crowd the youngest in turn with it."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from bridge.sources.log.files import LogFile
from bridge.sources.log.search import SeenFile

# So many logs are read in order, the oldest first. With more, the one that is written now must not wait for all.
_CROWD: Final = 32


class Backlog:
    """Logs with something to read, and files that wait until they can be opened."""

    def __init__(self) -> None:
        self._due: deque[LogFile] = deque()
        self._waiting: deque[SeenFile] = deque()
        self._young_first = True

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def waiting(self) -> Iterable[SeenFile]:
        """The files that are not open yet."""
        return self._waiting

    @property
    def waits(self) -> bool:
        """Whether files wait to be opened."""
        return bool(self._waiting)

    def wait(self, files: Iterable[SeenFile]) -> None:
        """Let these be opened as soon as there is room, in place of those before."""
        self._waiting = deque(sorted(files, key=lambda found: found.age))

    def to_open(self, free: int) -> SeenFile:
        """Return the next file to open, if `free` more may be: if not enough for all, from both ends in turn."""
        if len(self._waiting) > free and free % 2:
            return self._waiting.pop()
        return self._waiting.popleft()

    def put_back(self, found: SeenFile) -> None:
        """Open this one later, after all."""
        self._waiting.appendleft(found)

    def read(self, logs: Iterable[LogFile]) -> None:
        """Let these be read, in place of those before."""
        self._due = deque(sorted(logs, key=lambda log: log.age))

    def current(self) -> LogFile | None:
        """Return the log whose turn it is."""
        return self._due[self._turn] if self._due else None

    def replace(self, log: LogFile) -> None:
        """Read this one in place of the current."""
        self._due[self._turn] = log

    def drop(self) -> None:
        """Be done with the current one."""
        del self._due[self._turn]

    def next_turn(self) -> None:
        """Something was read: go on with another log, if there is a crowd."""
        self._young_first = not self._young_first

    @property
    def _turn(self) -> int:
        crowded = len(self._due) + len(self._waiting) > _CROWD
        return -1 if crowded and self._young_first else 0

"""A child process that brings a journal's schema up to date and is killed after so many steps of SQLite's."""

import os
import signal
import sqlite3
import sys
from itertools import count
from pathlib import Path

from bridge.journal.tables import bring_up_to_date


def main(path: Path, kill_at: int) -> None:
    """Say how many steps it took when it was not killed before."""
    connection = sqlite3.connect(path, isolation_level=None)
    steps = count(1)

    def step() -> int:
        if next(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    connection.set_progress_handler(step, 1)
    bring_up_to_date(connection)
    sys.stdout.write(str(next(steps)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""A child process that may write no file beyond 8 KiB, and says how opening the journal ended."""

import asyncio
import resource
import signal
import sys
from pathlib import Path

from rigs.rig import opened

from bridge.errors import JournalUnusable


async def main(folder: Path) -> None:
    """Open the journal as a start does."""
    try:
        async with opened(folder, "moesif", "archive"):
            print("opened")  # noqa: T201 - the parent reads it
    except JournalUnusable as error:
        print(error)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    # Without the signal a write beyond the limit fails as on a broken disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
    asyncio.run(main(Path(sys.argv[1])))

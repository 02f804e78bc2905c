"""A child process that appends until it is killed, and says each number as soon as it is acknowledged."""

import asyncio
import os
import sys
from pathlib import Path

from rigs.clock import FakeClock
from rigs.rig import accepted, opened

from bridge.journal import Advance, StateLock


async def main(folder: Path) -> None:
    """Append event after event from where the position stands, while a sink delivers behind."""
    with StateLock(folder):
        async with opened(folder, "moesif", "archive", clock=FakeClock(hasty=True)) as rig:
            position = int((await rig.journal.positions("log")).get("next", b"0"))
            while True:
                job = accepted([position, position + 1], padding=500, next=str(position + 2).encode())
                step = Advance("moesif", rig.journal.last_seq + 1, 0, delivered=rig.journal.pending["moesif"])
                # First the cursor, so that they share a commit: alone, it waits a while for something to share it with.
                advancing = asyncio.create_task(rig.journal.advance(step))
                await asyncio.sleep(0)
                await rig.journal.append(job)
                await advancing
                position += 2
                os.write(1, b"%d\n" % (position - 1))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""A log source in a process that runs out of descriptors; its tests start this as a process of its own.

`python few_descriptors.py listing FOLDER`: no descriptor is left for a while, with half an event read.
`python few_descriptors.py opening FOLDER`: far fewer than there are logs. Writes what became of it as JSON.
"""

import asyncio
import json
import os
import resource
import sys
from pathlib import Path

from fakes.log_writer import event_body, event_line
from rigs.tailing import Tailing


def leave(count: int) -> None:
    """Leave so many descriptors to be opened."""
    lowest = os.dup(0)
    os.close(lowest)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + count, hard))


def told(tailing: Tailing) -> dict[str, object]:
    """Return what the source has said and brought."""
    return {
        "bodies": [body.decode() for body in tailing.ingest.bodies],
        "rejected": dict(tailing.ingest.rejected),
        "rotations": tailing.count("log_rotations"),
        "said": tailing.events(),
        "cures": [call.kwargs.get("cure", "") for call in tailing.said.calls],
    }


async def listing(folder: Path) -> Tailing:
    """Half an event is read, nothing can be opened for hours, and its rest comes."""
    line = event_line(event_body(2))
    path = folder / "apim.log"
    with path.open("ab", buffering=0) as file:
        file.write(event_line(event_body(1)) + line[:50])
        tailing = Tailing(folder / "apim*.log", folder / "*" / "apim.log")
        await tailing.poll()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        leave(0)
        for _ in range(3):
            await tailing.poll(seconds=3600)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        file.write(line[50:])
    await tailing.poll()
    return tailing


async def opening(folder: Path) -> Tailing:
    """120 logs grow, and their source, which was promised more, finds only 20 descriptors."""
    paths = [folder / f"apim-{number}.log" for number in range(120)]
    for number, path in enumerate(paths):
        path.write_bytes(event_line(event_body(number)))
    tailing = Tailing(folder / "apim*.log")
    leave(20)
    for _ in range(12):
        await tailing.poll()
    for number, path in enumerate(paths):
        with path.open("ab") as file:
            file.write(event_line(event_body(1000 + number)))
    for _ in range(12):
        await tailing.poll()
    return tailing


if __name__ == "__main__":
    scene = {"listing": listing, "opening": opening}[sys.argv[1]]
    # Threads and pipes of the loop are there before anything is counted.
    sys.stdout.write(json.dumps(told(asyncio.run(scene(Path(sys.argv[2]))))))

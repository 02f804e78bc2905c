"""A program that dies by `kill -9` at one statement of a journal's life after the other, and looks at what is left.

Run as a program of its own, because it forks: FOLDER, the first statement, and how many it goes on each time.
Prints how many statements there are.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from rigs.clock import FakeClock
from rigs.events import event, number_of
from rigs.rig import Rig, accepted, opened

from bridge.journal import Letter


class Killer:
    """Kills its own process before the statement with this number."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, _statement: str) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def live(folder: Path, at: int, acknowledged: int) -> None:
    """Do everything that a journal does; a byte on `acknowledged` for each two events that were taken."""
    async with opened(folder, "moesif", "archive", clock=FakeClock(hasty=True), retain=0) as rig:
        # The writer's and the reader's statements count in the order in which they come.
        killer = Killer(at)
        rig.journal._writer._connection.set_trace_callback(killer)
        rig.journal._reader._connection.set_trace_callback(killer)
        for number in range(0, 8, 2):
            await rig.journal.append(accepted([number, number + 1], next=str(number + 2).encode()))
            os.write(acknowledged, b".")
        letter = Letter("0" * 36, event(0), 1000, "refused", 400, "no")
        await rig.deliver("moesif", 2, 1, letters=[letter], state=b"1")
        await rig.deliver("archive", 3, 4)
        await rig.deliver("moesif", 2, 0, replayed=[1])
        await rig.deliver("moesif", 3, 1, letters=[letter])
        await rig.deliver("moesif", 3, 0, refused_again=[(2, letter)])
        await rig.journal.rewind("archive", 0)
        await rig.deliver("archive", 5, 8)
        await rig.deliver("moesif", 5, 4)
        rig.clock.now += 1000
        await rig.journal.tidy()
        await rig.journal.append(accepted([8, 9], next=b"10"))
        os.write(acknowledged, b".")


async def check(folder: Path, acknowledged: int) -> None:
    """See that the next start finds whole transactions only, and all that was acknowledged."""
    async with opened(folder, "moesif", "archive", clock=FakeClock(hasty=True)) as rig:
        assert rig.value("PRAGMA integrity_check") == "ok"
        assert not rig.said_of("books_differ")
        assert not rig.said_of("journal_set_aside")
        rig.check_books()
        position = int((await rig.journal.positions("log")).get("next", b"0"))
        assert 2 * acknowledged <= position <= 2 * acknowledged + 2, (position, acknowledged)
        assert rig.journal.totals.sum("events_journalled") == position
        kept = await numbers(rig)
        assert kept == list(range(10 - len(kept) if position == 10 else position - len(kept), position))
        for sink, pending in rig.journal.pending.items():
            assert len(kept) >= pending, sink


async def numbers(rig: Rig) -> list[int]:
    """Return the events that are kept."""
    found: list[int] = []
    for (seq,) in rig.rows("SELECT seq FROM blocks ORDER BY seq"):
        found += [number_of(data) for data in (await rig.journal.next_block(seq)).bodies]
    return found


def main(folder: Path, first: int, step: int) -> None:
    """Die at one statement, then at a later one, and so on, until a life comes to its end."""
    at = first - step
    ended = False
    while not ended:
        at += step
        place = folder / str(at)
        place.mkdir()
        seen, acknowledged = os.pipe()
        child = os.fork()
        if child == 0:
            asyncio.run(live(place, at, acknowledged))
            os._exit(0)
        os.close(acknowledged)
        _, status = os.waitpid(child, 0)
        ended = os.waitstatus_to_exitcode(status) == 0
        assert ended or os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        with os.fdopen(seen, "rb") as pipe:
            count = len(pipe.read())
        asyncio.run(check(place, count))
    os.write(1, b"%d\n" % at)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

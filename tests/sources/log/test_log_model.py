"""Random lives of a log against a list of lines: every line exactly once, unless it was deleted unseen (P2)."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fakes.log_writer import RollingLog, event_body, event_line
from fakes.memory_ingest import Crash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs.tailing import Tailing

KEEP = 3

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4)),
        st.tuples(st.just("half"), st.integers(1, 200)),
        st.tuples(st.just("roll"), st.just(0)),
        st.tuples(st.just("recreate"), st.just(0)),
        st.tuples(st.just("reboot"), st.integers(-(10**9), 10**6)),
        st.tuples(st.just("copytruncate"), st.integers(0, 1)),
        st.tuples(st.just("poll"), st.sampled_from([0, 0, 1, 100])),
        st.tuples(st.just("full"), st.integers(1, 2)),
        st.tuples(st.just("crash"), st.sampled_from(["now", "before", "after"])),
    ),
    max_size=40,
)


class Life:
    """What a log, its source and the list of its lines go through together."""

    def __init__(self, folder: Path, *, glancing: bool) -> None:
        self.glancing = glancing
        """Each change of the folder was long ago, so that most polls read on without a look."""
        self.changes = 0
        self.log = RollingLog(folder, keep=KEEP)
        self.tailing = Tailing(self.log.pattern)
        self.files: list[list[bytes]] = [[]]
        """The bodies of each log, in the order of the rolls."""
        self.maybe: set[bytes] = set()
        """What was deleted by log4j2, or with the process that held it open, perhaps before it was read."""
        self.unlinked: list[bytes] = []
        """What was deleted while the source held it open."""
        self.order: list[bytes] = []
        self.copies = 0
        self.rest = b""
        self.number = 0

    def write(self, count: int) -> None:
        if self.rest:
            self.log.write(self.rest)
            self.rest = b""
            count -= 1
        for _ in range(count):
            self.number += 1
            self._note(self.log.event(self.number))

    def half(self, size: int) -> None:
        if not self.rest:
            self.number += 1
            body = event_body(self.number)
            line = event_line(body)
            self.log.write(line[:size])
            self.rest = line[size:]
            self._note(body)

    def roll(self) -> None:
        self.write(1)  # log4j2 rolls between two lines
        deleted = self.log.rolled(KEEP).exists()
        inode = self.log.rolled(1).stat().st_ino if deleted else 0
        if deleted and not self._is_held(inode):
            self.maybe.update(self.files[-KEEP - 1])
        self.files.append([])
        self.log.roll()
        self.date()

    async def copytruncate(self, looks: int) -> None:
        self.write(1)  # a line cut in two would be lost to it
        self.copies += 1
        copy = self.log.folder / f"{self.log.name}-copy-{self.copies}.log"
        shutil.copyfile(self.log.path, copy)
        self.date()
        if looks:
            await self.poll(0)
        os.truncate(self.log.path, 0)
        # What it held is in the copy now, which nothing deletes.
        self.files[-1] = []

    def recreate(self) -> None:
        self.write(1)  # a line cut in two would be lost to it
        if self._is_held(self.log.path.stat().st_ino):
            self.unlinked += self.files[-1]
        else:
            self.maybe.update(self.files[-1])
        self.files[-1] = []
        self.log.path.unlink()
        self.log.reopen()
        self.date()

    def date(self) -> None:
        if self.glancing:
            self.changes += 1
            at = self.changes * 10**12
            os.utime(self.log.folder, ns=(at, at))

    def reboot(self, seconds: int) -> None:
        """A new process, by a clock that shows another time."""
        self.tailing.clock.epoch += seconds
        self.forget_unlinked()
        self.tailing.crash()

    def forget_unlinked(self) -> None:
        # What was deleted and only held open is gone with the process.
        self.maybe.update(self.unlinked)
        there = [path.stat().st_ino for path in self.log.folder.iterdir()]
        for log in self.tailing.source._following.logs:
            if log.identity[1] not in there and log.descriptor is not None:
                self.maybe.update(body for bodies in self.files[: -KEEP - 1] for body in bodies)

    def _is_held(self, inode: int) -> bool:
        return any(
            log.identity[1] == inode and log.descriptor is not None
            for log in self.tailing.source._following.logs
        )

    def _note(self, body: bytes) -> None:
        self.files[-1].append(body)
        self.order.append(body)

    async def poll(self, seconds: int) -> None:
        await self.tailing.poll(seconds=seconds)

    def full(self, calls: int) -> None:
        self.tailing.ingest.full = calls

    async def crash(self, when: Any) -> None:
        ingest = self.tailing.ingest
        ingest.full = 0
        if when == "before":
            ingest.crash_before = ingest.calls + 1
        elif when == "after":
            ingest.crash_after = ingest.calls + 1
        if when != "now":
            with contextlib.suppress(Crash):
                await self.tailing.poll()
        ingest.crash_before = ingest.crash_after = None
        self.forget_unlinked()
        self.tailing.crash()

    async def end(self) -> None:
        self.write(1)
        await self.poll(0)
        await self.poll(100)
        bodies = self.tailing.ingest.bodies
        assert len(set(bodies)) == len(bodies), "an event came twice"
        assert set(self.order) - set(bodies) <= self.maybe, "an event is missing that nobody deleted unseen"
        assert set(bodies) <= set(self.order)
        if not self.copies:  # a copy is as young as the log that goes on
            assert bodies == [body for body in self.order if body in set(bodies)], "the order is another"
        assert not self.tailing.ingest.rejected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("glancing", [False, True])
@given(STEPS)
def test_every_line_exactly_once(glancing: bool, steps: list[tuple[str, Any]]) -> None:
    """Whatever the order of writes, half writes, rolls, looks and crashes, a line is read once and in order."""

    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            life = Life(Path(folder), glancing=glancing)
            life.date()
            try:
                for step, argument in steps:
                    match step:
                        case "write":
                            life.write(argument)
                        case "half":
                            life.half(argument)
                        case "roll":
                            life.roll()
                        case "recreate":
                            life.recreate()
                        case "reboot":
                            life.reboot(argument)
                        case "poll":
                            await life.poll(argument)
                        case "copytruncate":
                            await life.copytruncate(argument)
                        case "full":
                            life.full(argument)
                        case _:
                            await life.crash(argument)
                await life.end()
            finally:
                life.log.close()
                life.tailing.close()

    asyncio.run(live())

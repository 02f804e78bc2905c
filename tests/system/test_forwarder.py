"""A forwarder that commits to its hub only what every sink has dealt with, killed again and again."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fakes.hub import Hub, forward
from rigs.delivery import key_of
from rigs.events import event, events
from rigs.forks import FORKS

from bridge.demo.moesif_lookalike import KEY, MoesifLookalike


class Forwarder:
    """The process."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """Run it while the block runs, then kill it."""
        process = FORKS.Process(target=forward, args=(self._folder, self._url))
        process.start()
        try:
            yield
            assert process.exitcode is None
        finally:
            process.kill()
            await asyncio.to_thread(process.join)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.005)


def arrived(moesif: MoesifLookalike) -> set[int]:
    ids = (event["metadata"]["correlationId"] for event in moesif.events)
    return {int(one.replace("-", ""), 16) for one in ids}


def larger(path: Path, size_bytes: int) -> bool:
    return path.exists() and path.stat().st_size > size_bytes


def more(moesif: MoesifLookalike, events: int) -> bool:
    return moesif.unique > events


async def test_a_forwarder_commits_what_is_dealt_with_and_nothing_else(tmp_path: Path) -> None:
    """P1, P3: after kill -9 and a lost disk all events have come, and no offset was ahead of their delivery."""
    hub = Hub(tmp_path)
    async with MoesifLookalike(key=KEY) as moesif:
        process = Forwarder(tmp_path, moesif.url)

        def nothing_is_ahead() -> None:
            there = arrived(moesif)
            for partition in (0, 1):
                first = 1_000 * partition
                assert set(range(first, first + hub.committed(partition))) <= there

        produced = 0
        for round_ in range(3):
            for partition in (0, 1):
                hub.produce(partition, events(20, 1_000 * partition + produced))
            produced += 20
            if round_ == 1:
                # Its destination is away: all is journalled, nothing may be committed.
                await moesif.refuse_connections()
            async with process.killed():
                if round_ == 1:
                    await eventually(partial(larger, tmp_path / "state" / "journal.db-wal", 50_000))
                else:
                    await eventually(partial(more, moesif, moesif.unique + 5))
            nothing_is_ahead()
            if round_ == 1:
                # The disk is lost, with what was never delivered: the hub has it.
                shutil.rmtree(tmp_path / "state")
                await moesif.accept_connections()
        async with process.killed():
            await eventually(lambda: hub.committed(0) == hub.committed(1) == produced)
        nothing_is_ahead()
        assert arrived(moesif) == {
            1_000 * partition + number for partition in (0, 1) for number in range(produced)
        }


async def test_a_forwarder_keeps_parked_events_in_the_hub(tmp_path: Path) -> None:
    """An offset does not pass a parked event, after a kill either, until its key works."""
    hub = Hub(tmp_path)
    hub.produce(0, [*events(5), event(5, apiCreatorTenantDomain="acme.com"), *events(4, 6)])
    async with MoesifLookalike(key=KEY) as moesif:
        process = Forwarder(tmp_path, moesif.url)
        async with process.killed():
            await eventually(lambda: moesif.unique == 9)
        assert hub.committed(0) <= 5
        moesif.keys.add(key_of("acme.com"))
        async with process.killed():
            await eventually(lambda: hub.committed(0) == 10)
        assert moesif.unique == 10

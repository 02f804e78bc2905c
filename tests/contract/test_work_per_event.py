"""What an event costs, in work and not in time: an accidental cost for each event fails here.

The bounds are a little above what is done today. Whoever makes the bridge do less may lower them; whoever has to
raise one says why in the commit.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from rigs.scenes import KEY, config, write_log
from rigs.waiting import until
from rigs.work import Counting, Work

from bridge.app.bridge import Bridge
from bridge.demo.gateway import GatewayStandIn, make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.settings import load
from bridge.sinks import SINKS
from bridge.sources import SOURCES
from bridge.sources.http.source import HttpSource

# So many are read in several chunks and sent in several batches.
_EVENTS = 4000
_POSTS = 800
# Of the events that come before the counting begins.
_FIRST = 12
# How many requests share a commit, whose cost they share, too, depends on what else the machine does: that only ever
# adds to the work, and never to that of each try by the same accident.
_TRIES = 3


class Scene:
    """A bridge that runs in this process, the destination beside it, and what was counted since it stood still."""

    def __init__(self, app: Bridge, moesif: MoesifLookalike, counting: Counting) -> None:
        self.app = app
        self._moesif = moesif
        self._counting = counting
        self._work = counting.now()
        self._commits = self._committed()

    @property
    def url(self) -> str:
        source = self.app.sources["http"]
        assert isinstance(source, HttpSource)
        return source.url + "/events"

    async def delivered(self, events: int) -> None:
        await self._moesif.received(events)
        await until(lambda: not self.app.journal.pending["moesif"])

    def work(self) -> Work:
        return self._counting.now().since(self._work)

    def commits(self) -> float:
        return self._committed() - self._commits

    def requests(self) -> int:
        return len(self._moesif.requests)

    def _committed(self) -> float:
        name = "apim_bridge_journal_commit_duration_seconds_count"
        return self.app.metrics.registry.get_sample_value(name) or 0


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Run the bridge with both sources and a log that is still empty, and let it come to rest."""
    write_log(folder, [])
    async with MoesifLookalike(key=KEY, keep="ids") as moesif:
        path = folder / "bridge.toml"
        text = config(folder, moesif.url, more='[bridge.sources.http]\nlisten = "127.0.0.1:0"')
        # Looks at the log cost by the time, and a slow machine takes more of it.
        path.write_text(text.replace('poll_interval = "50ms"', 'poll_interval = "500ms"'))
        settings = load(
            path,
            sinks={name: sink.settings for name, sink in SINKS.items()},
            sources={name: source.settings for name, source in SOURCES.items()},
            environ=os.environ,
        )
        with Counting().counted() as counting:
            async with Bridge.opened(settings) as app:
                await app.start()
                # The first of everything: connections, caches, the lane's own tasks, and what is said of it.
                write_log(folder, make_lines(10, seed=9))
                running = Scene(app, moesif, counting)
                await post(running.url, bodies(_FIRST - 10, 1), connections=1)
                await running.delivered(_FIRST)
                said = len(app.sources) + len(app.lanes)
                await until(lambda: running.work().lines >= said)
                try:
                    yield Scene(app, moesif, counting)
                finally:
                    await app.stop("the test is over")


async def post(url: str, bodies: list[bytes], connections: int) -> None:
    """Send bodies over so many connections, the next on each when the one before is answered."""
    left = iter(bodies)

    async def sender(session: aiohttp.ClientSession) -> None:
        for body in left:
            async with session.post(url, data=body) as answer:
                assert answer.status == 202

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(sender(session) for _ in range(connections)))


def bodies(requests: int, events: int) -> list[bytes]:
    gateway = GatewayStandIn(seed=2)
    calls = ([gateway.call().event for _ in range(events)] for _ in range(requests))
    return [json.dumps(call if events > 1 else call[0]).encode() for call in calls]


async def test_work_for_an_event_from_a_log(tmp_path: Path) -> None:
    """An event from a log costs some calls; tasks, hops and commits come by the batch, log lines not at all."""
    lines = list(make_lines(_EVENTS, seed=1))
    async with scene(tmp_path) as running:
        write_log(tmp_path, lines)
        await running.delivered(_FIRST + _EVENTS)
        work = running.work() / _EVENTS
        assert work.beyond(Work(calls=13, c_calls=27, tasks=0.03, hops=0.03, kept=6.7)) == {}
        assert running.commits() <= 80
        assert running.requests() <= 40


async def test_work_for_an_event_in_an_array(tmp_path: Path) -> None:
    """An event in an array of a hundred costs some calls; all else comes by the request or the batch."""
    sent = bodies(_EVENTS // 100, 100)
    async with scene(tmp_path) as running:
        await post(running.url, sent, connections=2)
        await running.delivered(_FIRST + _EVENTS)
        work = running.work() / _EVENTS
        assert work.beyond(Work(calls=16, c_calls=27.5, tasks=0.03, hops=0.03, kept=6.8)) == {}
        assert running.commits() <= 80
        assert running.requests() <= 40


async def test_work_for_a_request_of_one_event(tmp_path: Path) -> None:
    """A request of one event costs calls and a task; requests that wait together share a commit."""
    sent = bodies(_TRIES * _POSTS, 1)
    most = Work(calls=152, c_calls=122, tasks=0.3, hops=0.21, kept=50)
    beyond: list[dict[str, float]] = []
    async with scene(tmp_path) as running:
        for number in range(_TRIES):
            before = running.work()
            await post(running.url, sent[number * _POSTS : (number + 1) * _POSTS], connections=16)
            await running.delivered(_FIRST + (number + 1) * _POSTS)
            beyond.append((running.work().since(before) / _POSTS).beyond(most))
            if not beyond[-1]:
                return
    raise AssertionError(beyond)

"""The soak's chaos: a plan of faults that the seed decides alone, and the stage that they are done to."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from rigs.daemon import Daemon

from bridge.demo.moesif_knobs import Failure
from bridge.demo.moesif_lookalike import MoesifLookalike

# What Moesif's next answers are, as many of them as the step's chance wants.
HANGS: Final[Sequence[Failure]] = ("hang", "hang_body")
LOST_ANSWERS: Final[Sequence[Failure]] = ("reset_after", "reset", "drop", "reset_after")
TENANT = "acme.com"
TENANT_KEY = "t" * 60
SINKS = ("moesif", "archive", "hook")
REPLAY_SECONDS = 20

# How often each is done, against the others. Those of the second list end a process.
GENTLE = {
    "errors": 3, "throttled": 2, "refused": 2, "hangs": 2, "lost_answers": 3, "poison": 2, "breaking": 1,
    "key_refused": 1, "tenant_refused": 2, "all_refused": 1, "small_bodies": 1, "hook_trouble": 3,
    "archive_gone": 1, "reload": 2, "bad_reload": 1, "rewind": 1, "replay": 2, "freeze": 1,
}  # fmt: skip
DEADLY = {"kill": 5, "kill_at_start": 2, "stop": 2}


@dataclass(frozen=True)
class Step:
    """One thing that is done."""

    at_seconds: float
    act: str
    seconds: float
    """For how long, of what lasts."""
    number: int
    """What it needs by chance."""


def plan(seed: int, seconds: float, kills_from: float, kills_until: float) -> list[Step]:
    """Return the steps of a run; the same for the same arguments."""
    chance = random.Random(seed)
    steps = []
    at = 0.5
    while at < seconds:
        acts = GENTLE | (DEADLY if kills_from <= at < kills_until else {})
        act = chance.choices(list(acts), list(acts.values()))[0]
        lasts = chance.uniform(0.5, 4)
        steps.append(Step(at, act, lasts, chance.randrange(2**32)))
        at += lasts + chance.uniform(0.2, 2)
    return steps


class Hook:
    """An HTTP destination that keeps nothing but ids."""

    def __init__(self) -> None:
        self.copies: Counter[str] = Counter()
        self.trouble: list[int] = []
        """Statuses of the next answers; 0 closes the connection after everything was taken."""
        self.is_down = False
        self.bad: tuple[str, ...] = ()
        """How the ids of events begin that are refused for good."""
        self.url = ""

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._take, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/in"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.BaseRequest) -> web.Response:
        events = json.loads(await request.read())
        status = self.trouble.pop() if self.trouble else 200
        if self.is_down:
            status = 503
        elif any(event["bridge"]["id"].startswith(self.bad) for event in events):
            status = 400
        if status in {0, 200}:
            self.copies.update(event["bridge"]["id"] for event in events)
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 200)


class Chaos:
    """Does the steps of a plan, and counts them."""

    def __init__(
        self,
        daemon: Daemon,
        moesif: MoesifLookalike,
        hook: Hook,
        archive: Path,
        configure: Callable[[int], str],
    ) -> None:
        """`configure` returns a working configuration that differs by its number."""
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        """What a command said and should not have."""
        self._daemon = daemon
        self._moesif = moesif
        self._hook = hook
        self._archive = archive
        self._configure = configure
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, steps: list[Step]) -> None:
        """Do each step at its time, or as soon as the one before it is done."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for step in steps:
            await asyncio.sleep(max(0, began + step.at_seconds - loop.time()))
            act: Callable[[Step], Awaitable[None]] = getattr(self, f"_{step.act}")
            await act(step)
            self.done[step.act] += 1
        if self._tasks:
            await asyncio.wait(self._tasks)

    # Moesif's knobs

    async def _errors(self, step: Step) -> None:
        self._moesif.knobs.fail_next = [500, 503, 502, 408] * (1 + step.number % 3)
        await asyncio.sleep(step.seconds)

    async def _throttled(self, step: Step) -> None:
        knobs = self._moesif.knobs
        knobs.retry_after = ("1", "nonsense", "Sat, 21 Nov 2026 00:00:00 GMT")[step.number % 3]
        knobs.status = 429
        await asyncio.sleep(step.seconds)
        knobs.status = knobs.retry_after = None

    async def _refused(self, step: Step) -> None:
        await self._moesif.refuse_connections()
        await asyncio.sleep(step.seconds)
        await self._moesif.accept_connections()

    async def _hangs(self, step: Step) -> None:
        self._moesif.knobs.fail_next = [*HANGS[: 1 + step.number % 2]]
        await asyncio.sleep(step.seconds)
        self._moesif.knobs.fail_next = []
        self._moesif.release()

    async def _lost_answers(self, step: Step) -> None:
        self._moesif.knobs.fail_next = [*LOST_ANSWERS[: 1 + step.number % 4]]
        await asyncio.sleep(step.seconds)

    async def _poison(self, step: Step) -> None:
        await self._bad_events(400, step)

    async def _breaking(self, step: Step) -> None:
        await self._bad_events(500, step)

    async def _bad_events(self, status: int, step: Step) -> None:
        bad = f"{step.number % 256:02x}"
        self._moesif.knobs.status_for = lambda event: status if event["transaction_id"][:2] == bad else None
        await asyncio.sleep(step.seconds)
        self._moesif.knobs.status_for = None

    async def _key_refused(self, step: Step) -> None:
        await self._status(401, step)

    async def _all_refused(self, step: Step) -> None:
        await self._status(400, step)

    async def _status(self, status: int, step: Step) -> None:
        self._moesif.knobs.status = status
        await asyncio.sleep(step.seconds)
        self._moesif.knobs.status = None
        # As an operator does who has mended it; else the sink asks in a minute or more.
        self._meanwhile(self.replay("moesif"))

    async def _tenant_refused(self, step: Step) -> None:
        self._moesif.knobs.refused_keys = {TENANT_KEY: 403}
        await asyncio.sleep(step.seconds)
        self._moesif.knobs.refused_keys = {}
        self._meanwhile(self.replay("moesif"))

    async def _small_bodies(self, step: Step) -> None:
        self._moesif.knobs.max_body_bytes = 20_000
        await asyncio.sleep(step.seconds)
        self._moesif.knobs.max_body_bytes = 50_000_000

    # The other destinations

    async def _hook_trouble(self, step: Step) -> None:
        self._hook.trouble = random.Random(step.number).choices((200, 500, 429, 413, 0), k=8)
        await asyncio.sleep(step.seconds)
        self._hook.trouble = []

    async def _archive_gone(self, step: Step) -> None:
        if not self._archive.is_dir():
            return
        elsewhere = self._archive.with_name("elsewhere")
        self._archive.rename(elsewhere)
        self._archive.write_text("a file where the folder should be")
        await asyncio.sleep(step.seconds)
        self._archive.unlink()
        elsewhere.rename(self._archive)

    # The process

    async def _kill(self, _step: Step) -> None:
        await self._daemon.kill()
        await self._daemon.start()

    async def _kill_at_start(self, step: Step) -> None:
        await self._daemon.kill()
        await self._daemon.launch()
        await asyncio.sleep(0.1 + step.number % 1000 / 1000)
        await self._daemon.kill()
        await self._daemon.start()

    async def _stop(self, _step: Step) -> None:
        code = await self._daemon.stop()
        if code != 0:
            self.faults.append(f"SIGTERM ended it with {code}")
        await self._daemon.start()

    async def _freeze(self, step: Step) -> None:
        self._daemon.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(min(step.seconds, 2))
        self._daemon.process.send_signal(signal.SIGCONT)

    # The operator

    async def _reload(self, step: Step) -> None:
        self._daemon.config.write_text(self._configure(step.number))
        self._meanwhile(self._command("reload"))

    async def _bad_reload(self, _step: Step) -> None:
        good = self._daemon.config.read_text()
        self._daemon.config.write_text(good + "\n[bridge.sinks.archive]\nno_such_key = 1\n")
        answer = await self._command("reload")
        self._daemon.config.write_text(good)
        if answer is not None and "error" not in answer:
            self.faults.append(f"a bad configuration was taken: {answer}")

    async def _rewind(self, step: Step) -> None:
        # By the time at which they were received: the last five seconds once more.
        await self._command("rewind", sink=SINKS[step.number % 3], to_ms=int((time.time() - 5) * 1000))

    async def _replay(self, step: Step) -> None:
        self._meanwhile(self.replay(SINKS[step.number % 3]))
        await asyncio.sleep(0)

    async def replay(self, sink: str) -> None:
        """Replay all dead letters of a sink, as far as the daemon lives to do it."""
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(REPLAY_SECONDS):
                await self._daemon.replay(sink)

    async def _command(self, name: str, **arguments: object) -> dict[str, Any] | None:
        try:
            return await self._daemon.ask(name, **arguments)
        except (aiohttp.ClientError, OSError):
            return None  # it was killed meanwhile

    def _meanwhile(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

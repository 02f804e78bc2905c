"""The run behind `test_complete.py`: calls come in both ways while both processes are killed, again and again."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from rigs.daemon import Daemon
from rigs.recorded_lines import RecordedLine
from soak.chaos import Hook

from bridge.demo.gateway import RollingLog

# Fewer rolls than the appender keeps: nothing is deleted before it is read.
_ROLL_BYTES = 12 * 2**20
_AT_ONCE = 40
_SENDERS = 3
_MOST_IN_A_REQUEST = 150
_RETRY_SECONDS = 0.05
_PATIENCE_SECONDS = 300
_BAD = ("0a", "77")

_Portion = asyncio.Queue[Sequence[RecordedLine]]


class CompleteRun:
    """Does what the seed decides; every step has a portion of the calls to go on with."""

    def __init__(self, daemon: Daemon, hook: Hook, events_url: str, seed: int) -> None:
        """`events_url`: where the daemon takes events over HTTP."""
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        """Answers that should not have come."""
        self._daemon = daemon
        self._hook = hook
        self._url = events_url
        self._chance = random.Random(seed)
        self._began_ms = int(time.time() * 1000)

    async def run(
        self, kills: int, logged: Sequence[RecordedLine], posted: Sequence[RecordedLine], folder: Path
    ) -> None:
        """Kill each process so many times; return when all calls are acknowledged or in the log."""
        acts = ["kill_daemon", "kill_analytics", "rewind", "trouble"] * kills
        self._chance.shuffle(acts)
        to_log: _Portion = asyncio.Queue()
        to_post: _Portion = asyncio.Queue()
        load = [
            asyncio.create_task(self._write(folder, to_log)),
            *(asyncio.create_task(self._send(to_post)) for _ in range(_SENDERS)),
        ]
        for place, act in enumerate(acts):
            to_log.put_nowait(_part(logged, place, len(acts)))
            portion = _part(posted, place, len(acts))
            for sender in range(_SENDERS):
                to_post.put_nowait(_part(portion, sender, _SENDERS))
            # Somewhere in the middle of it; a few are repeats, which are not journalled.
            calls = int(
                (place + self._chance.uniform(0, 0.9)) / len(acts) * (len(logged) + len(posted)) * 0.95
            )
            await self._daemon.until(_journalled(calls), _PATIENCE_SECONDS)
            await getattr(self, f"_{act}")()
            self.done[act] += 1
        await to_log.join()
        await to_post.join()
        for task in load:
            task.cancel()
        await self._all_well()

    async def _kill_daemon(self) -> None:
        await self._daemon.kill()
        await self._daemon.start()

    async def _kill_analytics(self) -> None:
        # As soon as there is one: it may be opening its store, or wait for the lock.
        status = await self._daemon.until(lambda now: now["analytics"]["pid"] is not None)
        with suppress(ProcessLookupError):
            os.kill(status["analytics"]["pid"], signal.SIGKILL)

    async def _rewind(self) -> None:
        """Send again what most of the time has brought, once it has been delivered."""
        await self._daemon.until(_is_nearly_through, _PATIENCE_SECONDS)
        now_ms = int(time.time() * 1000)
        to_ms = self._chance.randrange(self._began_ms, (self._began_ms + now_ms) // 2)
        answer = await self._daemon.ask("rewind", sink="analytics", to_ms=to_ms)
        if "error" in answer:
            self.faults.append(f"rewind: {answer}")
        else:
            self.done["events sent again"] += answer["events"]

    async def _trouble(self) -> None:
        """Let the other destination fail in the next way, or be well again and get its dead letters."""
        match self.done["trouble"] % 3:
            case 0:
                self._hook.is_down = True
            case 1:
                self._hook.is_down, self._hook.bad = False, _BAD
            case _:
                await self._all_well()

    async def _all_well(self) -> None:
        self._hook.is_down, self._hook.bad = False, ()
        await self._daemon.replay("hook")

    async def _write(self, folder: Path, portions: _Portion) -> None:
        with RollingLog(folder, _ROLL_BYTES) as log:
            while True:
                for place, one in enumerate(await portions.get()):
                    log.write(one.line)
                    if place % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                portions.task_done()

    async def _send(self, portions: _Portion) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            while True:
                portion = await portions.get()
                at = 0
                while at < len(portion):
                    size = self._chance.randint(1, _MOST_IN_A_REQUEST)
                    await self._post(session, [one.event for one in portion[at : at + size]])
                    at += size
                portions.task_done()

    async def _post(self, session: aiohttp.ClientSession, events: Sequence[bytes]) -> None:
        """Post until it is acknowledged."""
        body = b"[" + b",".join(events) + b"]" if len(events) % 2 else b"\n".join(events)
        kind = "application/json" if len(events) % 2 else "application/x-ndjson"
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(self._url, data=body, headers={"Content-Type": kind}) as answer:
                    said: dict[str, Any] = await answer.json()
                    if answer.status == 202 and not said["rejected"]:
                        return
                    if answer.status != 503:
                        self.faults.append(f"{answer.status}: {said}")
                        return
            self.done["posted again"] += 1
            await asyncio.sleep(_RETRY_SECONDS)


def _journalled(calls: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: bool(status["books"]["journalled"] >= calls)


def _is_nearly_through(status: dict[str, Any]) -> bool:
    return bool(status["sinks"]["analytics"]["pending"] < status["books"]["journalled"] / 4)


def _part(lines: Sequence[RecordedLine], place: int, parts: int) -> Sequence[RecordedLine]:
    return lines[len(lines) * place // parts : len(lines) * (place + 1) // parts]

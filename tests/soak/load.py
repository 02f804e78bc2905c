"""The soak's load: a gateway that writes and rolls its log, and senders that post until they are acknowledged."""

import asyncio
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bridge.demo.gateway import GatewayStandIn, RollingLog
from bridge.events.event import decode
from bridge.events.ids import event_id

PAUSE_SECONDS = 0.05
# At full load the log rolls every few seconds, and the oldest rolled file is deleted after most of a minute.
ROLL_BYTES = 2 * 2**20
FOREIGN = b"TID: [-1] [] [2026-11-21 00:16:33,352]  INFO {org.example.Other} - not an event\n"
DAMAGED = (
    b'00:16:33,352 [-] [main]  INFO ELKCounterMetric apimMetrics: apim:response, properties :{"apiName":"X\n'
)


def id_of(body: bytes) -> str:
    """Return the id that every copy of this event has to carry (P5)."""
    name = event_id(decode(body))
    assert name is not None
    return name


class LogWriter:
    """A gateway that writes so many lines a second, some of them no events."""

    def __init__(self, folder: Path, seed: int, rate: float) -> None:
        self.ids: set[str] = set()
        """Of every event that was written whole."""
        self.damaged = 0
        self.rolls = 0
        self._chance = random.Random(seed)
        self._gateway = GatewayStandIn(seed)
        self._folder = folder
        self._rate = rate

    async def run(self, over: asyncio.Event) -> None:
        """Write until it is over."""
        with RollingLog(self._folder, ROLL_BYTES) as log:
            due = 0.0
            while not over.is_set():
                due += self._rate * PAUSE_SECONDS
                while due >= 1:
                    due -= 1
                    self._write(log)
                self.rolls = log.rolls
                await asyncio.sleep(PAUSE_SECONDS)

    def _write(self, log: RollingLog) -> None:
        odd = self._chance.random()
        if odd < 0.005:
            log.write(FOREIGN)
        elif odd < 0.01:
            log.write(DAMAGED)
            self.damaged += 1
        else:
            line = self._gateway.line()
            log.write(line)
            self.ids.add(id_of(line[line.index(b"{") :].rstrip()))


class Sender:
    """An HTTP client that sends each request until it is acknowledged, and some of them again after that."""

    def __init__(self, url: str, seed: int, rate: float) -> None:
        self.ids: set[str] = set()
        """Of every event of a request that was answered 202."""
        self.asked_again = 0
        """Requests that were sent again because no answer or another one came."""
        self.repeats = 0
        """Requests that were sent again though they had been acknowledged."""
        self.faults: list[str] = []
        """Answers that should not have come."""
        self._url = url
        self._chance = random.Random(seed)
        self._gateway = GatewayStandIn(seed)
        self._rate = rate

    async def run(self, over: asyncio.Event) -> None:
        """Send until it is over; what was begun is sent until it is acknowledged."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not over.is_set():
                calls = [self._gateway.call() for _ in range(self._chance.choice((1, 1, 5, 50)))]
                bodies = [json.dumps(call.event).encode() for call in calls]
                await self._send(session, bodies)
                await asyncio.sleep(len(bodies) / self._rate)

    async def _send(self, session: aiohttp.ClientSession, bodies: Sequence[bytes]) -> None:
        chance = self._chance.random()
        bad = chance < 0.1
        parts = [*bodies, b"42"] if bad else bodies
        text = b"[" + b",".join(parts) + b"]" if len(parts) > 1 else parts[0]
        packed = self._chance.random() < 0.3
        headers = {"Content-Encoding": "gzip"} if packed else {}
        data = gzip.compress(text, 1) if packed else text
        if chance > 0.98:
            await self._garbage(session)
        answer = await self._until_taken(session, data, headers)
        if len(answer["rejected"]) != bad:
            self.faults.append(f"{int(bad)} bad elements, and the answer {answer}")
        self.ids.update(map(id_of, bodies))
        if 0.1 < chance < 0.2:
            self.repeats += 1
            again = await self._until_taken(session, data, headers)
            if again["accepted"] or again["duplicates"] != len(bodies):
                self.faults.append(f"a repeat of {len(bodies)} events got {again}")

    async def _until_taken(
        self, session: aiohttp.ClientSession, data: bytes, headers: dict[str, str]
    ) -> dict[str, Any]:
        while True:
            try:
                async with session.post(self._url, data=data, headers=headers) as answer:
                    if answer.status == 202:
                        counts: dict[str, Any] = await answer.json()
                        return counts
                    if answer.status not in {408, 503}:
                        self.faults.append(f"{answer.status} to a good request: {await answer.text()}")
            except (aiohttp.ClientError, TimeoutError):
                pass  # killed, stopped or frozen: whether it was taken is not known
            self.asked_again += 1
            await asyncio.sleep(0.1)

    async def _garbage(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.post(self._url, data=b'{"no":"event"}') as answer:
                if answer.status not in {400, 503}:
                    self.faults.append(f"{answer.status} to garbage")
        except (aiohttp.ClientError, TimeoutError):
            pass

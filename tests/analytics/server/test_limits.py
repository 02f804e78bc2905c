"""How much is asked at once, and for how long: what goes beyond is told so, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rigs.analytics_parts import at_hand

from bridge.analytics.server import data
from bridge.analytics.server.refusals import Line
from bridge.analytics.server.serving import listening
from bridge.analytics.store import Store
from bridge.errors import QuestionTooLong, Unanswerable
from bridge.settings import Address, AnalyticsSettings

_SLOW = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = ?"
_QUESTION = {"measures": ["calls"]}


@asynccontextmanager
async def _small(
    folder: Path, seconds: float, most: int
) -> AsyncIterator[tuple[Store, aiohttp.ClientSession]]:
    """Serve questions with one reader, and room for so many that wait."""
    settings = AnalyticsSettings.model_validate({"question_seconds": seconds})
    async with (
        at_hand(folder, settings, readers=1, line=Line(most)) as served,
        listening(served, data.endpoints(served), Address("127.0.0.1", 0)) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield served.store, client


async def _ask(client: aiohttp.ClientSession) -> tuple[int, dict[str, Any]]:
    async with client.post("/api/query", json=_QUESTION) as answer:
        return answer.status, await answer.json() | {"retry": answer.headers.get("Retry-After")}


async def test_a_question_has_so_much_time(tmp_path: Path) -> None:
    """Behind one that takes for ever, a question is told so when its time is over."""
    async with _small(tmp_path, 1, 10) as (store, client):
        slow = asyncio.create_task(store.ask(_SLOW, [1], 60))
        await asyncio.sleep(0)
        status, problem = await _ask(client)
        slow.cancel()
        assert (status, bool(problem["cure"])) == (504, True)
        await asyncio.wait([slow])
        # The reader is free again: the slow one was stopped.
        assert (await _ask(client))[0] == 200


async def test_so_many_may_wait(tmp_path: Path) -> None:
    """The others are turned away at once, and places of callers that went away are free again."""
    async with _small(tmp_path, 60, 3) as (store, client):
        slow = asyncio.create_task(store.ask(_SLOW, [1], 60))
        await asyncio.sleep(0)
        # Whoever comes last of four is turned away while the others wait.
        asked = [asyncio.create_task(_ask(client)) for _ in range(4)]
        (turned,), waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert (turned.result()[0], turned.result()[1]["retry"]) == (503, "1")
        for one in waiting:
            one.cancel()
        await asyncio.wait([*waiting])
        slow.cancel()
        await asyncio.wait([slow])
        # The server hears of callers that went away a moment later.
        while (await _ask(client))[0] != 200:
            pass


async def test_a_slow_question_is_stopped_in_time(tmp_path: Path) -> None:
    """What the engine works on itself ends, too."""
    async with _small(tmp_path, 60, 3) as (store, client):
        with pytest.raises(QuestionTooLong):
            await store.ask(_SLOW, [1], 0.05)
        assert (await _ask(client))[0] == 200


async def test_a_question_has_so_much_memory(tmp_path: Path) -> None:
    """One that takes more is refused with the cure, and the next one is answered."""
    async with Store.opened(tmp_path, memory_bytes=16 * 2**20) as store:
        with pytest.raises(Unanswerable, match="memory") as refusal:
            await store.ask("SELECT quantile_cont(range, 0.5) FROM range(10000000) WHERE range > ?", [1], 60)
        assert "shorter period" in refusal.value.cure
        assert await store.ask("SELECT ?", [1], 5) == [(1,)]


async def test_a_caller_that_goes_away_twice_keeps_no_reader(tmp_path: Path) -> None:
    """Cancelled while its question is being stopped, a caller still gives the reader back."""
    async with Store.opened(tmp_path, readers=1) as store:
        for _ in range(3):
            slow = asyncio.create_task(store.ask(_SLOW, [1], 60))
            await asyncio.sleep(0.01)
            slow.cancel()
            await asyncio.sleep(0)
            slow.cancel()
            await asyncio.wait([slow])
        assert await store.ask("SELECT ?", [1], 5) == [(1,)]

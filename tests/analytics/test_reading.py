"""Readers outlive the questions that they are stopped in."""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

from fakes.tagged_events import calls, received

from bridge.analytics.store import Snapshot, Store

_READERS = 4


def _long_question(snapshot: Snapshot) -> list[tuple[Any, ...]]:
    snapshot.ask("SELECT 1", ())
    return snapshot.ask(
        "SELECT count(DISTINCT a.id), sum(hash(b.time)) FROM facts a, (SELECT * FROM facts LIMIT 200) b", ()
    )


def _count(snapshot: Snapshot) -> int:
    ((count,),) = snapshot.ask("SELECT count(*) FROM facts", ())
    return int(count)


async def test_stopped_questions_leave_no_transaction_behind(tmp_path: Path) -> None:
    """Whatever they are stopped in, its begin and its end too: the next question sees the store as it is now."""
    chance = random.Random(7)

    async def ask_and_go_away(store: Store) -> None:
        for _ in range(40):
            asked = asyncio.create_task(store.look(_long_question, 30))
            await asyncio.wait((asked,), timeout=chance.random() * 0.05)
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asked

    async with Store.opened(tmp_path, readers=_READERS) as store:
        await store.append([received(one) for one in calls(10_000)])
        await asyncio.gather(*(ask_and_go_away(store) for _ in range(2 * _READERS)))
        await store.append([received(one) for one in calls(1, 10_000)])
        assert await asyncio.gather(*(store.look(_count, 10) for _ in range(_READERS))) == [10_001] * _READERS

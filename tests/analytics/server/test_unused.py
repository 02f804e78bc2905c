"""What nobody uses any more ends, where the settings say so."""

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
from analytics.server.test_erasures import books, sent
from fakes.tagged_events import calls
from rigs.analytics_erasing import traces
from rigs.analytics_server import listening

from bridge.analytics.admin import for_command
from bridge.analytics.admin.tokens import every, make
from bridge.analytics.store.people import transaction
from bridge.events.times import format_ms

OLD, NEW = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
DAY_MS = 86_400_000


def of_key(key: str, count: int, start: int, received_ms: int) -> list[dict[str, Any]]:
    """Return calls of a key that were received then."""
    events = [*calls(count, start, origin={"api_analytics": {"key": key}})]
    for one in events:
        one["bridge"]["received"] = format_ms(received_ms)
    return events


async def test_unused_keys_and_tokens_end(tmp_path: Path) -> None:
    """The data of a key without calls goes, and a token that nobody has used; those in use stay."""
    now_ms = int(time.time() * 1000)
    with for_command(tmp_path / "analytics") as admin, transaction(admin):
        make(admin, "old", ["read:data"], now_ms=now_ms - 200 * DAY_MS)
        make(admin, "new", ["read:data"], now_ms=now_ms - DAY_MS)
    events = [*of_key(OLD, 10, 0, now_ms - 200 * DAY_MS), *of_key(NEW, 5, 100, now_ms - DAY_MS)]
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        await sent(client, events)
        assert (await books(client))["shown"] == 15
    limits = {"keys_unused_for": "180d", "tokens_unused_for": "180d"}
    async with listening(tmp_path, **limits) as url, aiohttp.ClientSession(url) as client:
        async with asyncio.timeout(30):
            while True:
                async with client.get("/api/erasures") as answer:
                    jobs = (await answer.json())["erasures"]
                if jobs and jobs[0]["state"] == "done":
                    break
                await asyncio.sleep(0.05)
        assert [(one["field"], one["deleted"], one["by"]) for one in jobs] == [("key", 10, "no use")]
        assert (await books(client))["shown"] == 5
    with for_command(tmp_path / "analytics") as admin:
        assert [one.name for one in every(admin)] == ["new"]
    assert traces(tmp_path / "analytics", OLD) == []

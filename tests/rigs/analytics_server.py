"""The analytics server with made-up calls in it, on a real listener."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from rigs.analytics_calls import Values, event_of

from bridge.analytics.server.serving import serving
from bridge.settings import AnalyticsSettings, BridgeSettings


@asynccontextmanager
async def listening(folder: Path, **settings: Any) -> AsyncIterator[str]:
    """Serve an empty store; yields its URL by loopback."""
    analytics = AnalyticsSettings.model_validate({"listen": "127.0.0.1:0", **settings})
    async with serving(BridgeSettings(state_dir=folder, analytics=analytics)) as url:
        yield url.replace("0.0.0.0", "127.0.0.1")


@asynccontextmanager
async def served(
    folder: Path, calls: Sequence[Values], **settings: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve these calls; yields a client."""
    async with listening(folder, **settings) as url, aiohttp.ClientSession(url) as client:
        body = b"".join(json.dumps(event_of(call)).encode() + b"\n" for call in calls)
        headers = {"Content-Type": "application/x-ndjson"}
        async with client.post("/ingest", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        yield client


def token(text: str, *scopes: str) -> dict[str, Any]:
    """Return a token as the settings have it."""
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "scopes": scopes}

"""What the analytics server is made of, without a listener."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bridge.analytics.admin import AdminFile
from bridge.analytics.server.access import Access
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.monitoring import rounds_of
from bridge.analytics.server.parts import endpoints_of
from bridge.analytics.server.served import Served
from bridge.analytics.store import Store
from bridge.clock import SystemClock
from bridge.contracts import Clock
from bridge.settings import AnalyticsSettings
from bridge.settings.analytics import Scope


@asynccontextmanager
async def at_hand(
    folder: Path, settings: AnalyticsSettings | None = None, *, readers: int = 4, **more: Any
) -> AsyncIterator[Served]:
    """Open store and admin.db in a folder; `more` are other members of Served."""
    settings = settings or AnalyticsSettings()
    clock: Clock = more.get("clock") or SystemClock()
    async with Store.opened(folder, readers=readers) as store, AdminFile.opened(folder) as admin:
        access = Access(
            settings.tokens,
            admin,
            clock,
            public=settings.public_url is not None,
            zone=ZoneInfo(settings.time_zone),
        )
        yield Served(store, settings, access, admin, rounds_of(admin, settings, clock), **more)


@cache
def endpoints() -> tuple[ApiEndpoint, ...]:
    """Return all endpoints, for what they say of themselves."""

    async def made() -> tuple[ApiEndpoint, ...]:
        with tempfile.TemporaryDirectory() as folder:
            async with at_hand(Path(folder)) as served:
                return tuple(endpoints_of(served))

    return asyncio.run(made())


def scope_of(method: str, path: str) -> Scope | None:
    """Return the scope that an endpoint needs."""
    (found,) = (one for one in endpoints() if (one.method, one.path) == (method, path))
    return found.scope

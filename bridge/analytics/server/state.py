"""What the process says of itself: /health, /metrics and /api/state."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from bridge import __version__
from bridge.analytics.admin.alerts import alert_gauges
from bridge.analytics.admin.erasures import oldest_ms
from bridge.analytics.server.describing import gives, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.metrics import Labelled
from bridge.analytics.server.monitoring import monitor_metrics
from bridge.analytics.server.served import Served
from bridge.analytics.store.opening import files_bytes
from bridge.events.times import format_ms, parse_ms
from bridge.web.answers import json_response, response

_SECONDS = 10.0
# Of all events that came: those that are there, those that the limits on age and size took, those that were erased, and
# records, which are no calls.
_COUNTED = (
    "SELECT count(*), (SELECT value FROM meta WHERE key = 'let_go'),"
    " (SELECT value FROM meta WHERE key = 'too_old'), (SELECT value FROM meta WHERE key = 'erased'),"
    " (SELECT value FROM meta WHERE key = 'records'){} FROM facts"
)


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of what the process says of itself."""
    state = _State(served)
    return [
        ApiEndpoint("GET", "/health", state.health, None, "Tell whether it runs", gives({"type": "object"})),
        ApiEndpoint(
            "GET",
            "/metrics",
            state.metrics,
            "read:data",
            "Show the process's own metrics for Prometheus",
            gives(text(), "text/plain"),
        ),
        ApiEndpoint(
            "GET",
            "/api/state",
            state.state,
            "read:data",
            "Tell senders, freshness and the books",
            gives({"type": "object"}),
        ),
    ]


class _State:
    def __init__(self, served: Served) -> None:
        self._served = served

    async def health(self, _request: web.Request) -> web.Response:
        return json_response({"status": "ok", "version": __version__})

    async def metrics(self, request: web.Request) -> web.Response:
        served = self._served
        ((events, let_go, too_old, erased, records),) = await served.store.ask(
            _COUNTED.format(""), (), _SECONDS
        )
        counted = events + let_go + too_old + erased + records
        said = [_count(account.get("taken")) for *_, account in await served.store.accounts()]
        asked = {
            "analytics_events": events,
            "analytics_missing_events": (_taken(said, counted) or counted) - counted,
            "analytics_erasure_waiting_seconds": await self._erasure_waits(),
            "analytics_store_bytes": await asyncio.to_thread(files_bytes, served.store.folder),
            "analytics_store_max_bytes": served.settings.max_bytes,
            **await served.admin.read(alert_gauges),
        }
        plain: dict[str, list[Labelled]] = {name: [((), float(value))] for name, value in asked.items()}
        text, content_type = served.metrics.exposed(
            plain | monitor_metrics(served.monitors), request.headers.get("Accept", "")
        )
        return response(text, Content_Type=content_type, Vary="Accept")

    async def _erasure_waits(self) -> float:
        """Return for how long the oldest erasure has been asked for that is not done, in seconds."""
        asked_ms = await self._served.admin.read(oldest_ms)
        return 0 if asked_ms is None else max(0.0, self._served.clock.time() - asked_ms / 1000)

    async def state(self, _request: web.Request) -> web.Response:
        store = self._served.store
        ((events, let_go, too_old, erased, records, oldest, newest),) = await store.ask(
            _COUNTED.format(", epoch_us(min(time)) // 1000, epoch_us(max(time)) // 1000"), (), _SECONDS
        )
        now_ms = int(self._served.clock.time() * 1000)
        senders = [_sender(*account, now_ms) for account in await store.accounts()]
        counted = events + let_go + too_old + erased + records
        taken = _taken([sender["taken"] for sender in senders], counted)
        return json_response(
            {
                "version": __version__,
                "time_zone": self._served.settings.time_zone,
                "events": events,
                "oldest": None if oldest is None else format_ms(oldest),
                "newest": None if newest is None else format_ms(newest),
                "senders": senders,
                "books": {
                    "taken": taken,
                    "shown": events,
                    "let_go": let_go,
                    "too_old": too_old,
                    "erased": erased,
                    "records": records,
                    "missing": None if taken is None else taken - counted,
                },
            }
        )


def _taken(said: Sequence[int], counted: int) -> int | None:
    """Return how many events the senders have taken, of what each has said; None if nobody has said anything (P7)."""
    # An account is some seconds old: what has come since was taken, too.
    return max(counted, sum(said)) if said else None


def _sender(name: str, instance: str, seen_ms: int, account: dict[str, Any], now_ms: int) -> dict[str, Any]:
    newest = account.get("newest")
    newest_ms = parse_ms(newest) if isinstance(newest, str) else None
    sinks = account.get("sinks")
    sinks = sinks if isinstance(sinks, dict) else {}
    return {
        "name": name,
        "instance": instance,
        "seen": format_ms(seen_ms),
        "newest": newest,
        "silent_seconds": None if newest_ms is None else max(0, now_ms - newest_ms) // 1000,
        "taken": _count(account.get("taken")),
        "pending": sum(_count(sink.get("pending")) for sink in sinks.values() if isinstance(sink, dict)),
        "dead": sum(_count(sink.get("dead")) for sink in sinks.values() if isinstance(sink, dict)),
        "sources": account.get("sources"),
        "sinks": sinks,
    }


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0

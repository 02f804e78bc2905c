"""The analytics server as Moesif's clients find it: calls of several users in it, and tokens with one scope each."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from rigs.analytics_calls import Values, event_of, made_up
from rigs.analytics_server import listening, token

USER: Final = "my_user_id"
OTHER: Final = "somebody-else"
TOKENS: Final[dict[str, tuple[str, ...]]] = {
    "makes": ("create:workspaces",),
    "publishes": ("create:workspaces", "create:public_workspaces"),
    "searches": ("read:events",),
    "figures": ("read:data",),
    "sends": ("ingest",),
}


@dataclass(frozen=True, slots=True)
class MoesifCaller:
    """One who calls the server."""

    url: str
    client: aiohttp.ClientSession
    calls: Sequence[Values]
    """What is in the store."""

    async def ask(
        self,
        method: str,
        path: str,
        token_: str = "makes",
        body: Any = None,
        *,
        bare: bool = False,
        **query: str,
    ) -> tuple[int, Any]:
        """Return status and JSON of a call."""
        headers = {"Authorization": token_ if bare else f"Bearer {token_}"}
        options = {} if body is None else {"json": body}
        async with self.client.request(method, path, headers=headers, params=query, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    def of(self, **values: Any) -> list[Values]:
        """Return the calls that have these values, the newest first."""
        passing = [one for one in self.calls if all(one[name] == value for name, value in values.items())]
        return sorted(passing, key=lambda one: (one["time_ms"], one["id"]), reverse=True)


@asynccontextmanager
async def moesif_caller(folder: Path, **settings: Any) -> AsyncIterator[MoesifCaller]:
    """Serve calls of the last days, of two users, and of nobody known."""
    now = datetime.now(UTC)
    # None within the last seconds: what the clock says must not matter.
    calls = made_up(11, 120, now - timedelta(days=5), now - timedelta(minutes=5))
    for number, call in enumerate(calls):
        call["user"] = (USER, OTHER, None)[number % 3]
    tokens = {name: token(name, *scopes) for name, scopes in TOKENS.items()}
    async with listening(folder, tokens=tokens, **settings) as url, aiohttp.ClientSession(url) as client:
        body = b"".join(json.dumps(event_of(call)).encode() + b"\n" for call in calls)
        headers = {"Content-Type": "application/x-ndjson", "Authorization": "Bearer sends"}
        async with client.post("/ingest", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        yield MoesifCaller(url, client, calls)


def workspace(**more: Any) -> dict[str, Any]:
    """Return a body that makes a public workspace of the user's calls in the last week."""
    body: dict[str, Any] = {
        "name": "Calls of a user",
        "chart": {"args": "", "url_query": "", "view": "events", "from": "-1w", "to": "now"},
        "policy": {
            "resource": {
                "must": [
                    {"range": {"request.time": {"gte": "now-1w", "lte": "now"}}},
                    {"terms": {"user_id.raw": [USER]}},
                ]
            },
            "acl": [
                {"grantee": "org|177:3", "permission": "admin"},
                {"grantee": "public", "permission": "read"},
            ],
        },
    }
    return body | more


def policy(*must: dict[str, Any], public: bool = True) -> dict[str, Any]:
    """Return a policy of these clauses."""
    acl = [{"grantee": "public", "permission": "read"}] if public else []
    return {"resource": {"must": [*must]}, "acl": acl}

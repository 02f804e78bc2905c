"""Moesif's collector API: serves Moesif's SDKs, and above all WSO2's own publisher, as Moesif would.

WSO2's publisher drops what is answered with 4xx, and its newest release never gets past it: so 201 is the
answer to whatever came in, 503 to what should come again; only a wrong key is refused, and more in one request
than that publisher ever sends. It blocks the gateway's start until `/v1/config` and `/v1/rules` are answered,
and asks again after each POST whose answer has an ETag header: so these come at once, and without one
(wso2/apim-analytics-publisher, Moesif reporter).
"""

import functools
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from aiohttp import web

from bridge.errors import Unacceptable
from bridge.events.origin import RECORD_PATHS
from bridge.formats.moesif.parsing import canonical, record
from bridge.sources.http.answers import Answer, Answers, Refusal
from bridge.sources.http.body import is_blank, split
from bridge.sources.http.endpoints.converting import converted
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.portions import portions
from bridge.sources.http.reception import Endpoint, OpenDoor, Reception, is_one_of

KEY_HEADER: Final = "X-Moesif-Application-Id"

# The bridge does the sampling; rules could only be enforced by whoever serves the call.
_CONFIG: Final = {"sample_rate": 100}
_RULES: Final[list[Any]] = []
# Two equal ones in a row are two, and of A, B, A the third counts: each says how things are now.
_UPSERTS: Final = frozenset(RECORD_PATHS) - {"/v1/actions"}

# Why a whole body cannot be read, by the status that any other path would answer. 408 and 503 are not here: a sender
# that should send again must not be told that its events were taken.
_UNREADABLE: Final = {400: "not_json", 413: "too_long", 415: "not_json"}

Conversion = Callable[[dict[str, Any], str], dict[str, Any]]
"""Takes what was sent, and the tenant whose key came with it; returns the canonical event or raises Unacceptable."""


class Senders:
    """Who may send, and for whom: by the key in the X-Moesif-Application-Id header."""

    def __init__(
        self,
        keys: Collection[bytes],
        tenants: Mapping[str, str],
        door: OpenDoor,
        happenings: HttpHappenings,
    ) -> None:
        """`keys`: the sender's must be one of them; empty: any will do. `tenants`: key to tenant."""
        self._keys = keys
        self._door = door
        self._tenants = tenants
        self._happenings = happenings

    def admit(self, request: web.BaseRequest) -> None:
        """Return if the key is known; raises Refusal (401), which costs the sender its events."""
        if not self._keys:
            self._door.admit(request)
            return
        if is_one_of(request.headers.get(KEY_HEADER, ""), self._keys):
            return
        self._happenings.unauthorised(request.remote or "?")
        raise Refusal(
            401,
            f"{KEY_HEADER} is missing or not known",
            "set the sender's moesifKey to the bridge's moesifKey, to a tenant's key or to one of its tokens",
        )

    def tenant(self, request: web.BaseRequest) -> str:
        """Return the tenant whose key the request brought; empty for a key that is no tenant's own."""
        return self._tenants.get(request.headers.get(KEY_HEADER, ""), "")


class CollectorEndpoint:
    """Takes events, or records of one collection; `reception.Endpoint`."""

    method = "POST"

    def __init__(
        self,
        reception: Reception,
        answers: Answers,
        senders: Senders,
        convert: Conversion,
        *,
        upserts: bool = False,
    ) -> None:
        """`upserts`: see `contracts.Arrival`."""
        self._reception = reception
        self._senders = senders
        self._convert = convert
        self._upserts = upserts
        self._taken = {close: answers.make(201, {}, close=close) for close in (False, True)}
        self.admit = senders.admit

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return 201 once all good events are on disk; bad ones are rejected, counted and logged.

        Raises Refusal for a request with too many events: those beyond the limit are not counted.
        """
        async with AsyncExitStack() as stack:
            try:
                body = await stack.enter_async_context(self._reception.body(request))
            except Refusal as refusal:
                reason = _UNREADABLE.get(refusal.status)
                if reason is None or refusal.cut:
                    raise
                bad = Unacceptable(reason, refusal.content["error"])
                await self._reception.take(request, portions([bad]), 0)
            else:
                if not is_blank(body):
                    tenant = self._senders.tenant(request)
                    events = converted(split(body), lambda sent: self._convert(sent, tenant))
                    await self._reception.take(request, portions(events, upserts=self._upserts), len(body))
        return self._taken[close]


class _Page:
    """A GET with always the same answer; `reception.Endpoint`."""

    method = "GET"

    def __init__(self, answers: Answers, content: Any, senders: Senders) -> None:
        self._page = {close: answers.make(200, content, close=close) for close in (False, True)}
        self.admit = senders.admit

    async def answer(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - the protocol's; nothing in it changes the answer
        *,
        close: bool,
    ) -> Answer:
        """Return the page, which was made at the start."""
        return self._page[close]


def collector_endpoints(reception: Reception, answers: Answers, senders: Senders) -> Mapping[str, Endpoint]:
    """Return the paths of Moesif's collector API, each with its endpoint."""
    events = CollectorEndpoint(reception, answers, senders, canonical)
    table: dict[str, Endpoint] = {
        "/v1/events": events,
        "/v1/events/batch": events,
        "/v1/config": _Page(answers, _CONFIG, senders),
        "/v1/rules": _Page(answers, _RULES, senders),
    }
    for path in RECORD_PATHS:
        form = functools.partial(record, path=path)
        endpoint = CollectorEndpoint(reception, answers, senders, form, upserts=path in _UPSERTS)
        table[path] = table[f"{path}/batch"] = endpoint
    return table

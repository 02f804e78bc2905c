"""Moesif's collector API: what a Moesif SDK sends, WSO2's own publisher before all, is served as Moesif would.

WSO2's publisher drops what is answered with 4xx, and its newest release never gets past it: so 201 is the
answer to whatever came in, 503 to what should come again, and only a wrong key is refused. It blocks the
gateway's start until `/v1/config` and `/v1/rules` are answered, and asks again after each POST whose answer
has an ETag header: so these come at once, and without one (wso2/apim-analytics-publisher, Moesif reporter).
"""

from collections.abc import Collection
from typing import Any, Final

from aiohttp import web

from bridge.errors import Unacceptable
from bridge.shaping.from_moesif import canonical
from bridge.sources.http_answers import Answer, Answers, Refusal
from bridge.sources.http_body import is_blank, portions, split
from bridge.sources.http_mapping import mapped
from bridge.sources.http_reception import Reception, is_one_of
from bridge.telemetry.http_source import HttpHappenings

KEY_HEADER: Final = "X-Moesif-Application-Id"

# The bridge does the sampling, and rules could only be enforced by who serves the call.
_CONFIG: Final = {"sample_rate": 100}
_RULES: Final[list[Any]] = []

# Why a body as a whole cannot be read, by the status that any other path would answer. 408 and 503 are not
# here: what the sender sends again must not be called taken.
_UNREADABLE: Final = {400: "not_json", 413: "too_long", 415: "not_json"}


class CollectorEndpoint:
    """`POST /v1/events` and `/v1/events/batch`; `http_reception.Endpoint`."""

    method = "POST"

    def __init__(
        self, reception: Reception, answers: Answers, keys: Collection[bytes], happenings: HttpHappenings
    ) -> None:
        """`keys`: one of them has to come as X-Moesif-Application-Id; empty: whatever comes will do."""
        self._reception = reception
        self._keys = keys
        self._happenings = happenings
        self._taken = {close: answers.make(201, {}, close=close) for close in (False, True)}

    def admit(self, request: web.BaseRequest) -> None:
        """Return for a key that is known; raises Refusal (401), which costs the sender its events."""
        if not self._keys or is_one_of(request.headers.get(KEY_HEADER, ""), self._keys):
            return
        self._happenings.unauthorised(request.remote or "?")
        raise Refusal(
            401,
            f"{KEY_HEADER} is missing or not known",
            "set the sender's moesifKey to the bridge's moesifKey or to one of its tokens",
        )

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return 201 when all that is good is on disk; what is bad is rejected, counted and said."""
        try:
            async with self._reception.body(request) as body:
                if not is_blank(body):
                    await self._reception.take(request, portions(mapped(split(body), canonical)), len(body))
        except Refusal as refusal:
            reason = _UNREADABLE.get(refusal.status)
            if reason is None or refusal.cut:
                raise
            bad = Unacceptable(reason, refusal.content["error"])
            await self._reception.take(request, portions([bad]), 0)
        return self._taken[close]


class _Page:
    """A GET that is always answered with the same; `http_reception.Endpoint`."""

    method = "GET"

    def __init__(self, answers: Answers, content: Any, collector: CollectorEndpoint) -> None:
        self._page = {close: answers.make(200, content, close=close) for close in (False, True)}
        self.admit = collector.admit

    async def answer(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - the protocol's; nothing in it changes the answer
        *,
        close: bool,
    ) -> Answer:
        """Return the page, which was made at the start."""
        return self._page[close]


def pages(answers: Answers, collector: CollectorEndpoint) -> tuple[_Page, _Page]:
    """Return `GET /v1/config` and `GET /v1/rules`, for the senders that the collector admits."""
    return _Page(answers, _CONFIG, collector), _Page(answers, _RULES, collector)

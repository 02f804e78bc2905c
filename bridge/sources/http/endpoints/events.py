"""`POST /events`: WSO2's own events, in whatever form the sender chose."""

import functools
from typing import Final

from aiohttp import web

from bridge.sources.http.answers import Answer, Answers, Refusal
from bridge.sources.http.body import is_blank, split
from bridge.sources.http.portions import portions
from bridge.sources.http.reception import Bearer, Reception

PATH: Final = "/events"

# How many answers are kept ready, one for each number of events.
_KEPT_ANSWERS: Final = 64


class EventsEndpoint:
    """Answers with what became of each event; `reception.Endpoint`."""

    method = "POST"

    def __init__(self, reception: Reception, answers: Answers, bearer: Bearer) -> None:
        self._reception = reception
        self._answers = answers
        self.admit = bearer.admit
        # Most arrays of a sender have the same size, and looking an answer up is cheaper than making it.
        self._usual = functools.lru_cache(_KEPT_ANSWERS)(self._all_accepted)

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return 202 with counts, or 400 if no event was good."""
        async with self._reception.body(request) as body:
            parts = portions(split(body, lines=b"\n" in body and _says_lines(request)))
            tally = await self._reception.take(request, parts, len(body))
            if tally.is_all_accepted:
                return self._usual(tally.accepted, close)
            if is_blank(body):
                raise Refusal(
                    400, "the body is empty", "send an event, a JSON array or a line for each event"
                )
        return self._answers.make(400 if tally.is_nothing_good else 202, tally.content(), close=close)

    def _all_accepted(self, events: int, close: bool) -> Answer:
        return self._answers.make(202, {"accepted": events, "duplicates": 0, "rejected": []}, close=close)


def _says_lines(request: web.BaseRequest) -> bool:
    """Return whether the sender calls its body newline-delimited."""
    kind = request.headers.get("Content-Type", "")
    return "json" in kind and any(word in kind for word in ("ndjson", "jsonl", "json-l"))

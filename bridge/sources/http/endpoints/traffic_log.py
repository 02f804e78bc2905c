"""`POST /traffic-log`: WSO2's API Platform gateway sends its traffic log, an event on each line.

Its sender keeps what is answered with 429 or 5xx in memory and tries again, honours Retry-After up to 30 s,
and drops a batch for good on any other 4xx (wso2/api-platform, policy-engine, publishers/sink_http.go): so
that is the answer to what can never be taken, and to nothing else.
"""

from typing import Final

from aiohttp import web

from bridge.formats.traffic_log import canonical
from bridge.sources.http.answers import Answer, Answers, Refusal
from bridge.sources.http.body import is_blank, split
from bridge.sources.http.endpoints.converting import converted
from bridge.sources.http.portions import portions
from bridge.sources.http.reception import Bearer, Reception

_TIMEOUT: Final = web.HTTPRequestTimeout.status_code


class TrafficLogEndpoint:
    """Answers with what became of each line; `reception.Endpoint`."""

    method = "POST"

    def __init__(self, reception: Reception, answers: Answers, bearer: Bearer) -> None:
        self._reception = reception
        self._answers = answers
        self.admit = bearer.admit

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return 202 with counts once all good events are on disk, or 400 if none was good."""
        try:
            async with self._reception.body(request) as body:
                if is_blank(body):
                    raise Refusal(400, "the body is empty", "send a line for each event")
                parts = portions(converted(split(body, lines=True), canonical))
                tally = await self._reception.take(request, parts, len(body))
        except Refusal as refusal:
            if refusal.status != _TIMEOUT:
                raise
            # A body that comes too slowly is a sign of load, and 408 would cost the sender its events.
            error, cure = refusal.content["error"], refusal.content["cure"]
            raise Refusal(503, error, cure, {"Retry-After": "1"}, cut=refusal.cut) from None
        return self._answers.make(400 if tally.is_nothing_good else 202, tally.content(), close=close)

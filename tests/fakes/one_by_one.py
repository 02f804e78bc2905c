"""A made-up destination that answers for each event by itself, as Elasticsearch's `_bulk` does, and a sink for it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from aiohttp import web
from fakes.http_server import HttpServer

from bridge.batches import Batch
from bridge.contracts import Payload, Traits
from bridge.errors import NeedsOperator, Refused, RetryLater, SinkError, SomeFailed, TenantRefused, TooLarge
from bridge.formats.canonical import lines, tagged
from bridge.settings import HttpSinkSettings
from bridge.sinks import SinkFittings
from bridge.transports.http.post import Poster

Json = dict[str, Any]


_STATUSES: Final[Mapping[type[SinkError] | None, int]] = {
    Refused: 400,
    NeedsOperator: 401,
    TenantRefused: 403,
    TooLarge: 413,
    RetryLater: 429,
}


class OneByOneDestination(HttpServer):
    """Takes newline-delimited events; `status_for` is the knob: what it says of an event, None: taken."""

    def __init__(self) -> None:
        super().__init__()
        self.status_for: Callable[[Json], int | None] = lambda _event: None
        self.answer = ""
        """What it says beside each status."""
        self.status = 200
        """Of its answers as a whole."""
        self.requests: list[list[Json]] = []
        self.taken: list[Json] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.address}/"

    @property
    def settings(self) -> Json:
        """What the sink's settings need to reach it."""
        return {"url": self.url}

    def fail(self, errors: Mapping[str, type[SinkError]]) -> None:
        """Let the events of these ids fail so, and no others."""
        self.status_for = lambda event: _STATUSES.get(errors.get(event["bridge"]["id"]))

    def ids(self) -> Counter[str]:
        """How often each event's id was taken."""
        return Counter(event["bridge"]["id"] for event in self.taken)

    def numbers(self) -> list[int]:
        """The numbers that the events taken were made of, in the order of their arrival."""
        return [int(event["correlationId"][-12:], 16) for event in self.taken]

    async def take(self, request: web.BaseRequest) -> web.Response:
        events = [json.loads(line) for line in (await request.read()).splitlines()]
        if events:
            self.requests.append(events)
        if self.status != 200:
            return web.Response(status=self.status, text=self.answer)
        failed: dict[int, int] = {}
        for index, event in enumerate(events):
            if (status := self.status_for(event)) is not None:
                failed[index] = status
            else:
                self.taken.append(event)
        return web.json_response({"failed": failed, "answer": self.answer})


def one_by_one(_path: object = None) -> AbstractAsyncContextManager[OneByOneDestination]:
    """Run the destination."""
    return OneByOneDestination().running()


class OneByOneSettings(HttpSinkSettings):
    """Settings of the sink."""

    url: str


class OneByOneSink:
    """POSTs events, and tells the lane what the destination said of each."""

    def __init__(self, name: str, settings: OneByOneSettings, fittings: SinkFittings) -> None:
        self.name = name
        self.traits = Traits()
        self.destination = settings.url
        self.keeps: Callable[[bytes], bool] = lambda _body: True
        """Its sampling."""
        self.says: Callable[[Mapping[int, SinkError]], Mapping[int, SinkError]] = lambda failures: failures
        """What it makes of the failures: a knob for faults of a sink."""
        self._instance = fittings.gateway.instance
        self._poster = Poster(settings.url, {}, settings, sink=name, logger=fittings.logger, cure="url")

    async def start(self, _state: bytes | None) -> None:
        """Nothing to prepare."""

    async def encode(self, batch: Batch) -> Payload:
        """Return what its sampling keeps, the last event first, and which event of the part each line is."""
        left_out = [index for index, body in enumerate(batch.bodies) if not self.keeps(body)]
        kept = [index for index in reversed(range(len(batch))) if index not in left_out]
        body = lines(tagged(batch.pick(kept), self._instance))
        return Payload((body, kept), len(body), len(kept), left_out)

    async def send(self, payload: Payload) -> None:
        """POST it; raises SomeFailed for what the destination names."""
        body, kept = payload.body
        answer = json.loads((await self._poster.post(body)).body)
        if answer["failed"]:
            failures = {
                kept[int(index)]: error_of(status, answer["answer"])
                for index, status in answer["failed"].items()
            }
            raise SomeFailed(self.says(failures))

    async def probe(self) -> str:
        """Send nothing."""
        await self._poster.post(b"")
        return "reachable"

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()


_RETRIED: Final = {429: "throttled", 500: "server_error", 504: "timeout"}


def error_of(status: int, answer: str) -> SinkError:
    """Return what a status for one event means."""
    text = f"the destination said {status} of one event"
    match status:
        case 400:
            return Refused(text, status=status, answer=answer)
        case 401:
            return NeedsOperator(f"{text}; set the key", reason="credentials", status=status, answer=answer)
        case 403:
            return TenantRefused(f"{text}; set its key", tenant="umbrella", status=status, answer=answer)
        case 413:
            return TooLarge(text, status=status, answer=answer)
        case _:
            return RetryLater(text, reason=_RETRIED[status], status=status, answer=answer)

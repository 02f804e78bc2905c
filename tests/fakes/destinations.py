"""A destination on this machine for each type of sink, for the tests that all sinks share."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from aiohttp import web
from fakes.http_server import HttpServer
from fakes.one_by_one import OneByOneSettings, OneByOneSink

from bridge.batches import Batch
from bridge.clock import SystemClock
from bridge.contracts import Clock, Gateway, Sink
from bridge.errors import SinkError
from bridge.sinks import SINKS, SinkFittings, SinkType
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics

GATEWAY = Gateway("gateway-1", "https://gw.example.com:8243")
SECRET = "s3cret-enough-to-be-found-anywhere".ljust(60, "0")


def fittings(
    gateway: Gateway = GATEWAY,
    *,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    logger: Any = None,
) -> SinkFittings:
    """Return what a sink under test is given."""
    return SinkFittings(
        gateway,
        clock or SystemClock(),
        metrics or Metrics(),
        logger or logs.logger(),
        "http://127.0.0.1:9882",
    )


def batch_of(*bodies: bytes, received_ms: int = 1_795_221_984_099) -> Batch:
    """Return a batch of these events, with ids that count up."""
    return Batch(
        [f"00000000-0000-8000-a000-{number:012x}" for number in range(len(bodies))],
        bodies,
        [received_ms] * len(bodies),
    )


class Destination(Protocol):
    """What a sink delivers to."""

    @property
    def settings(self) -> dict[str, Any]:
        """What the sink's settings need to reach it."""
        ...

    def ids(self) -> Counter[str]:
        """How often each event's id has arrived."""
        ...

    async def vanish(self) -> None:
        """Be out of reach."""
        ...

    async def return_(self) -> None:
        """Be there again."""
        ...


class ForTenants(Destination, Protocol):
    """A destination whose sink can have a key for each tenant."""

    @property
    def tenants(self) -> dict[str, Any]:
        """Settings beside the others, with keys for the tenants acme and umbrella."""
        ...

    def refuse(self, *tenants: str) -> None:
        """Refuse the keys of these tenants from now on, and no others."""
        ...


class OneByOne(Destination, Protocol):
    """A destination that answers for each event by itself."""

    def fail(self, errors: Mapping[str, type[SinkError]]) -> None:
        """Let the events of these ids fail from now on, so that the sink has to say this, and no others."""
        ...


@dataclass(frozen=True)
class Request:
    """One request that the collector took."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    """Without compression."""


class Collector(HttpServer):
    """An HTTP server that takes whatever comes."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.status: Callable[[web.BaseRequest], int] = lambda _request: 200

    @property
    def url(self) -> str:
        """Where it listens, with a secret in the query."""
        return f"{self.address}/in?token={SECRET}"

    @property
    def settings(self) -> dict[str, Any]:
        """What the sink's settings need to reach it."""
        return {"url": self.url, "bearer_token": SECRET, "headers": {"X-Key": SECRET}}

    def answer_all(self, status: int) -> None:
        """Answer every request with this status."""
        self.status = lambda _request: status

    def ids(self) -> Counter[str]:
        """How often each event's id has arrived."""
        return Counter(
            event["bridge"]["id"]
            for request in self.requests
            if request.method == "POST"
            for event in json.loads(request.body)
        )

    async def take(self, request: web.BaseRequest) -> web.Response:
        # The server unpacks gzip by itself, but keeps the header.
        body = await request.read()
        body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        self.requests.append(Request(request.method, request.path_qs, request.headers.copy(), body))
        return web.Response(status=self.status(request))


def collector() -> AbstractAsyncContextManager[Collector]:
    """Run an HTTP server that takes whatever comes."""
    return Collector().running()


KINDS: Final = {**SINKS, "one_by_one": SinkType(OneByOneSettings, OneByOneSink)}
"""The types of sinks, and a made-up one."""


def driver_of(kind: str) -> Any:
    """Return the module that runs a destination for this type of sink."""
    try:
        return import_module(f"fakes.sinks.{kind}")
    except ModuleNotFoundError:
        pytest.fail(f"a new sink needs tests/fakes/sinks/{kind}.py with a `destination`", pytrace=False)


def destination_for(kind: str, folder: Path) -> AbstractAsyncContextManager[Destination]:
    """Return the context in which a destination for this type of sink runs."""
    made: AbstractAsyncContextManager[Destination] = driver_of(kind).destination(folder)
    return made


def kinds_with(knob: str) -> list[str]:
    """Return the types whose destinations have a knob: `tenants` (ForTenants), `one_by_one` (OneByOne)."""
    return [kind for kind in sorted(KINDS) if knob in getattr(driver_of(kind), "KNOBS", ())]


def build(kind: str, destination: Destination, **changes: Any) -> Sink:
    """Return a sink of this type, as the application builds it."""
    made = KINDS[kind]
    settings = made.settings.model_validate({"type": kind} | destination.settings | changes)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    return made.build("archive", settings, fittings())

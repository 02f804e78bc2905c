"""The HTTP source: takes events from requests and acknowledges them when they are on disk (P1).

request ──▶ body ──▶ split ──▶ ingest ──▶ 202
"""

import asyncio
import hmac
import os
import socket
from collections.abc import Iterator
from typing import Any, Final, Self

from aiohttp import HttpVersion11, web
from pydantic import Field, SecretStr, model_validator

from bridge.contracts import Clock, Ingest, Receipt
from bridge.errors import JournalError, JournalFull, SettingsError
from bridge.settings import Address, Duration, Size, SourceSettings
from bridge.sources.http_answers import Answer, Answers, Listener, Refusal
from bridge.sources.http_body import PORTION_BYTES, Body, Portion, is_blank, portions, split
from bridge.sources.http_upload import Room, Turns, Upload
from bridge.telemetry.http_source import HttpHappenings

EVENTS_PATH: Final = "/events"
# Rejected events beyond these are counted only.
_MOST_REJECTED: Final = 100
# At the stop, requests that are on their way may take so long.
_FINISH_SECONDS: Final = 5.0
_BACKLOG: Final = 1024
# Bytes of events that are decoded and on their way to disk at a time; decoded they take about five times that.
_INSIDE_BYTES: Final = 2 * 2**20


class HttpSettings(SourceSettings):
    """`[bridge.sources.http]`: events POSTed by a gateway, a shipper or a test."""

    listen: Address = Field(
        Address("127.0.0.1", 9880), description="Where events are taken; beyond loopback only with tokens."
    )
    tokens: tuple[SecretStr, ...] = Field(
        (),
        description="Each request has to bring one of them as Authorization: Bearer TOKEN.",
        json_schema_extra={"sample": ["$secret{bridge_token}"], "default": "none: loopback only"},
    )
    dedupe_window: Duration = Field(
        600, description="For so long a repeated event is known and not journalled again."
    )
    dedupe_max_ids: int = Field(
        1_000_000, ge=1, description="Most events that are known at a time, at 16 bytes of memory each."
    )
    max_body_bytes: Size = Field(50 * 2**20, gt=0, description="Largest body of a request, unpacked.")
    in_flight_bytes: Size = Field(
        8 * 2**20,
        gt=0,
        description="Most bytes of bodies in memory at a time; a single larger one is taken alone.",
    )
    max_connections: int = Field(1000, ge=1, description="Further connections are turned away.")
    request_timeout: Duration = Field(30, gt=0, description="How long a sender may take for one body.")
    idle_timeout: Duration = Field(75, gt=0, description="A connection without a request is closed after it.")

    @model_validator(mode="after")
    def _guard(self) -> Self:
        if not self.tokens and not self.listen.is_loopback:
            raise ValueError(
                f"listen = {self.listen} is open to other machines and there are no tokens;"
                ' set tokens = ["$secret{bridge_token}"], or listen on 127.0.0.1'
            )
        return self


class Tally:
    """What became of the events of one request."""

    def __init__(self) -> None:
        self.accepted = self.duplicates = self.rejected_total = 0
        self.rejected: list[tuple[int, str, str]] = []

    def add(self, portion: Portion, receipt: Receipt) -> None:
        """Add what became of a portion."""
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        if receipt.rejected or portion.refused:
            places = portion.places
            rejected = [(places[at], reason, detail) for at, reason, detail in receipt.rejected]
            rejected += portion.refused
            self.rejected_total += len(rejected)
            self.rejected += sorted(rejected)[: _MOST_REJECTED - len(self.rejected)]

    @property
    def is_one_event(self) -> bool:
        """Whether it is the usual case: one event, accepted."""
        return self.accepted == 1 and not self.duplicates and not self.rejected_total

    @property
    def is_nothing_good(self) -> bool:
        """Whether there were events and none of them could be taken."""
        return bool(self.rejected_total) and not self.accepted and not self.duplicates

    def content(self) -> dict[str, Any]:
        """Return it as the answer says it; `rejected_total` is there when the list is cut."""
        content = {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": [
                {"index": index, "reason": reason, "detail": detail}
                for index, reason, detail in self.rejected
            ],
        }
        if self.rejected_total > len(self.rejected):
            content["rejected_total"] = self.rejected_total
        return content


class HttpSource:
    """Takes events over HTTP; `contracts.Source`. `bind` comes before `run`."""

    name = "http"

    def __init__(
        self, settings: HttpSettings, *, ingest: Ingest, happenings: HttpHappenings, clock: Clock
    ) -> None:
        self._settings = settings
        self._ingest = ingest
        self._happenings = happenings
        self._tokens = [token.get_secret_value().encode() for token in settings.tokens]
        self._room = Room(settings.in_flight_bytes)
        self._turns = Turns(_INSIDE_BYTES)
        self._answers = Answers(clock)
        usual = {"accepted": 1, "duplicates": 0, "rejected": []}
        self._usual = {close: self._answers.make(202, usual, close=close) for close in (False, True)}
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._stopping = False
        self._full = False
        self._busy = 0
        self._idle = asyncio.Event()
        self.url = ""

    async def bind(self) -> None:
        """Open the socket and serve; raises SettingsError when the address cannot be had."""
        address = self._settings.listen
        self._listener = Listener(
            self._answer,
            self._answers,
            max_connections=self._settings.max_connections,
            idle_seconds=self._settings.idle_timeout,
            happenings=self._happenings,
        )
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._listener, address.host, address.port, backlog=_BACKLOG
            )
        except OSError as error:
            # The event loop wraps the system's word in its own; the resolver has only its own.
            why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise SettingsError(
                f"[bridge.sources.http] listen = {address}: {why}; choose a free address of this machine"
            ) from None
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{Address(address.host, port)}"
        self._happenings.listening(self.url, tokens=len(self._tokens))

    async def run(self) -> None:
        """Serve until cancelled; the event loop does the work."""
        await asyncio.get_running_loop().create_future()

    async def finish(self) -> None:
        """Refuse what is new, answer what is on its way, and close every connection."""
        self._stopping = True
        if self._server is None or self._listener is None:
            return
        self._server.close()
        if self._busy:
            self._idle.clear()
            try:
                async with asyncio.timeout(_FINISH_SECONDS):
                    await self._idle.wait()
            except TimeoutError:
                # What is not whole by now was not acknowledged: its sender will come again.
                pass
        self._listener.pre_shutdown()
        await self._listener.shutdown(1)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        close = self._stopping or not request.keep_alive or request.version != HttpVersion11
        path = EVENTS_PATH if request.path == EVENTS_PATH else "other"
        self._busy += 1
        try:
            self._admit(request, path)
            answer = await self._take(request, close=close)
        except Refusal as refusal:
            answer = self._answers.refusing(refusal, close=close)
        except ConnectionError:
            # Nobody is there to read it; aiohttp finds that out when it sends.
            answer = self._answers.make(400, {}, cut=True)
        except JournalFull as full:
            self._full = True
            self._happenings.no_room(str(full))
            answer = self._unavailable("the journal is full", full.retry_after_seconds, close=close)
        except JournalError as error:
            self._happenings.failed(error)
            answer = self._unavailable("the journal cannot be written", 5, close=close)
        except Exception as error:  # noqa: BLE001 - whatever it was, the sender has to come again
            self._happenings.failed(error)
            answer = self._answers.make(
                500, {"error": "the bridge failed", "cure": "send it again a little later"}, close=close
            )
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()
        self._happenings.answered(path, answer.status)
        return answer

    def _unavailable(self, error: str, seconds: int, *, close: bool) -> Answer:
        content = {"error": error, "cure": f"send it again after {seconds} s"}
        return self._answers.make(503, content, {"Retry-After": str(seconds)}, close=close)

    def _admit(self, request: web.BaseRequest, path: str) -> None:
        """Raise Refusal for what is not a POST of events by someone who may."""
        if self._tokens and not self._is_known(request.headers.get("Authorization", "")):
            self._happenings.unauthorised(request.remote or "?")
            raise Refusal(
                401,
                "a token is missing or not known",
                "send Authorization: Bearer TOKEN",
                {"WWW-Authenticate": 'Bearer realm="apim-bridge"'},
            )
        if path != EVENTS_PATH:
            raise Refusal(404, "nothing is served at this path", f"POST events to {EVENTS_PATH}")
        if request.method != "POST":
            raise Refusal(405, "only POST is served here", f"POST events to {EVENTS_PATH}", {"Allow": "POST"})
        if self._stopping:
            raise Refusal(503, "the bridge is stopping", "send it again after 5 s", {"Retry-After": "5"})

    def _is_known(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        # Every token is compared, each in constant time: how long it takes tells nothing.
        matches = [hmac.compare_digest(given, known) for known in self._tokens]
        return scheme.lower() == "bearer" and any(matches)

    async def _take(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return the answer to a request of events, when all of them are on disk."""
        settings = self._settings
        upload = Upload(
            request, self._room, max_bytes=settings.max_body_bytes, seconds=settings.request_timeout
        )
        try:
            body = await upload.read()
            tally = Tally()
            if is_blank(body):
                raise Refusal(
                    400, "the body is empty", "send an event, a JSON array or a line for each event"
                )
            # Larger bodies are taken portion by portion, so that no more than one is inside at a time.
            inside = min(len(body), PORTION_BYTES)
            await self._turns.enter(inside)
            try:
                await self._take_events(body, tally, lines=b"\n" in body and _says_lines(request))
            finally:
                self._turns.leave(inside)
        finally:
            upload.release()
        if self._full:
            self._full = False
            self._happenings.room_again()
        if tally.is_one_event:
            return self._usual[close]
        if tally.is_nothing_good:
            _, reason, detail = tally.rejected[0]
            self._happenings.nothing_good(request.remote or "?", reason, detail)
        return self._answers.make(400 if tally.is_nothing_good else 202, tally.content(), close=close)

    async def _take_events(self, body: Body, tally: Tally, *, lines: bool) -> None:
        """Return when the events of a body are on disk, and in the tally."""
        parts = portions(split(body, lines=lines))
        if len(body) <= PORTION_BYTES:
            for portion in list(parts):
                tally.add(portion, await self._ingest(portion.arrival(self.name)))
            return
        # Splitting takes long: the others want their turn. A failure between two portions is an error for
        # all of them; those that were taken are duplicates when they come again.
        while more := await asyncio.to_thread(_next, parts):
            tally.add(more, await self._ingest(more.arrival(self.name)))


def _next(parts: Iterator[Portion]) -> Portion | None:
    return next(parts, None)


def _says_lines(request: web.BaseRequest) -> bool:
    """Return whether the sender calls its body newline-delimited."""
    kind = request.headers.get("Content-Type", "")
    return "json" in kind and any(word in kind for word in ("ndjson", "jsonl", "json-l"))

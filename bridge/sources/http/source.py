"""The HTTP source: takes events from requests and acknowledges them when they are on disk (P1).

request ──▶ path ──▶ admit ──▶ answer, when it is on disk
"""

import asyncio
import functools
import os
import re
import secrets
import socket
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from aiohttp import HttpVersion11, web

from bridge.errors import JournalError, JournalWaits, SettingsError
from bridge.settings import Address
from bridge.sources import SourceFittings
from bridge.sources.http.answers import Answer, Answers, Refusal
from bridge.sources.http.endpoints.api_analytics import PATHS as CLIENT_PATHS
from bridge.sources.http.endpoints.api_analytics import ClientsEndpoint, client_keys
from bridge.sources.http.endpoints.events import PATH as EVENTS_PATH
from bridge.sources.http.endpoints.events import EventsEndpoint
from bridge.sources.http.endpoints.firehose import FirehoseEndpoint
from bridge.sources.http.endpoints.firehose_requests import RequestIds
from bridge.sources.http.endpoints.moesif import Senders, collector_endpoints
from bridge.sources.http.endpoints.traffic_log import TrafficLogEndpoint
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.listener import Listener
from bridge.sources.http.reception import Bearer, Endpoint, OpenDoor, Reception
from bridge.sources.http.settings import HttpSourceSettings
from bridge.transports.http.callers import Callers
from bridge.transports.tls import server_context

# How long requests may still take at the stop.
_FINISH_SECONDS: Final = 5.0
_BACKLOG: Final = 1024
_HANDSHAKE_SECONDS: Final = 10


class HttpSource:
    """Takes events over HTTP; `contracts.ListeningSource`."""

    def __init__(
        self,
        name: str,
        settings: HttpSourceSettings,
        fittings: SourceFittings,
    ) -> None:
        """Raise SettingsError for an open door, and for TLS whose files cannot be used."""
        tls, logger, clock = settings.tls, fittings.logger, fittings.clock
        self.name = name
        self._ingest = fittings.ingest
        self._happenings = HttpHappenings(fittings.metrics, logger, name, clock)
        self.tls = None if tls is None else server_context(tls, f"[bridge.sources.{name}]", logger)
        self._inherited = fittings.inherited
        self._descriptors = fittings.descriptors
        self._answers = Answers(clock)
        self._clock = clock
        # How far Firehose's requests were taken.
        self._requests = RequestIds(fittings.positions, clock)
        self._country_of = fittings.country_of
        self._take(settings, fittings.sender_keys)
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._stopping = False
        self._busy = 0
        self._idle = asyncio.Event()
        self.url = ""

    def renew(self, settings: HttpSourceSettings, fittings: SourceFittings) -> bool:
        """Serve by other settings from the next request on, over the same connections.

        Returns False, and nothing is changed, for another address: that takes another source. Raises
        SettingsError for other TLS on this one, and for an open door.
        """
        elsewhere = self._inherited is None and settings.listen != self._settings.listen
        if self._listener is None or elsewhere:
            return False
        if settings.tls != self._settings.tls:
            raise SettingsError(
                f"[bridge.sources.{self.name}.tls]: other files need a restart, or another address in listen; files "
                "that are replaced under their names are read again by themselves"
            )
        self._country_of = fittings.country_of
        self._take(settings, fittings.sender_keys)
        self._descriptors = fittings.descriptors
        self._listener.renew(most=self._most_connections, idle_seconds=settings.idle_timeout)
        return True

    @property
    def _most_connections(self) -> int:
        return min(self._settings.max_connections, self._descriptors)

    async def bind(self) -> None:
        """Open the socket and serve; raises SettingsError when the address cannot be had."""
        self._listener = Listener(
            self._answer,
            self._answers,
            max_connections=self._most_connections,
            idle_seconds=self._settings.idle_timeout,
            happenings=self._happenings,
            make_room=self._make_room,
        )
        try:
            self._server = await self._serve(self._listener)
        except OSError as error:
            # The event loop wraps the system's word in its own; the resolver has only its own.
            why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise SettingsError(
                f"[bridge.sources.{self.name}] listen = {self._address}: {why}; choose a free address of this machine"
            ) from None
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'http' if self.tls is None else 'https'}://{Address(self._address.host, port)}"
        self._happenings.listening(
            self.url, tokens=len(self._settings.tokens), inherited=self._inherited is not None
        )

    def _make_room(self) -> None:
        self._reception.cut_off_slow()

    def _serve(self, listener: Listener) -> Awaitable[asyncio.Server]:
        serve = functools.partial(
            asyncio.get_running_loop().create_server,
            listener,
            backlog=_BACKLOG,
            ssl=self.tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if self.tls is not None else None,
        )
        if self._inherited is not None:
            return serve(sock=self._inherited)
        return serve(self._address.host, self._address.port)

    @property
    def example(self) -> str:
        """A command that sends an event."""
        event = '{"apim_event_response": {"apiName": "Hello", "proxyResponseCode": 200}}'
        return f"curl -d '{event}' {self.url}{EVENTS_PATH}"

    def status(self) -> Mapping[str, Any]:
        """Return where it listens."""
        return {"url": self.url}

    def gauges(self) -> tuple[()]:
        """Return nothing: this source has only counters."""
        return ()

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
                # Requests that are still incomplete were not acknowledged: their senders will send them again.
                pass
        self._listener.pre_shutdown()
        await self._listener.shutdown(1)

    def _take(self, settings: HttpSourceSettings, moesif_tenants: Mapping[str, str]) -> None:
        """Set up what answers requests; requests under way keep what they began with."""
        inherited = self._inherited
        address = settings.listen if inherited is None else Address(*inherited.getsockname()[:2])
        settings.refuse_open_door(self.name, moesif_tenants, address)
        self._settings, self._address = settings, address
        self._tokens = [token.get_secret_value().encode() for token in settings.tokens]
        if not self._tokens and not address.is_loopback and not settings.knows_callers:
            # Moesif's keys only let in Moesif's senders; nobody has the token for the rest.
            self._tokens = [secrets.token_bytes(32)]
        callers = Callers(address, settings.hosts, f"[bridge.sources.{self.name}]")
        door = OpenDoor(None if settings.knows_callers else callers, self._happenings)
        self._bearer = Bearer(self._tokens, door, self._happenings)
        self._reception = Reception(
            self._ingest,
            self._happenings,
            source=self.name,
            in_flight_bytes=settings.in_flight_bytes,
            max_body_bytes=settings.max_body_bytes,
            seconds=settings.request_timeout,
        )
        # Only this machine can reach it, so any key that a gateway was given will do.
        keys = [] if address.is_loopback else [*self._tokens, *map(str.encode, moesif_tenants)]
        self._table = self._endpoints(Senders(keys, moesif_tenants, door, self._happenings), door)

    def _endpoints(self, senders: Senders, door: OpenDoor) -> Mapping[str, Endpoint]:
        """Return the table of what is served: each path with its endpoint."""
        reception, answers = self._reception, self._answers
        clients = ClientsEndpoint(
            reception,
            answers,
            client_keys(self._settings, self._address, self.name),
            door,
            self._happenings,
            zone=self._settings.zone,
            country_of=self._country_of,
        )
        return {
            EVENTS_PATH: EventsEndpoint(reception, answers, self._bearer),
            **collector_endpoints(reception, answers, senders),
            "/firehose": FirehoseEndpoint(
                reception, answers, self._tokens, door, self._requests, self._happenings, self._clock
            ),
            "/traffic-log": TrafficLogEndpoint(reception, answers, self._bearer),
            **dict.fromkeys(CLIENT_PATHS, clients),
        }

    def _find(self, path: str) -> tuple[str, Endpoint | None]:
        """Return the path as the table has it, and what is served there; `other` where nothing is.

        A collector's base URL may have a path of its own and end with a slash (`//`), as Moesif's own proxy has.
        """
        if path not in self._table and "/v1/" in path:
            path = re.sub("//+", "/", path)
            path = path[path.rindex("/v1/") :]
        endpoint = self._table.get(path)
        return ("other", None) if endpoint is None else (path, endpoint)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        close = self._stopping or not request.keep_alive or request.version != HttpVersion11
        path = request.raw_path
        endpoint = self._table.get(path)
        if endpoint is None:
            path, endpoint = self._find(request.path)
        self._busy += 1
        try:
            answer = await self._admit(request, path, endpoint).answer(request, close=close)
        except Refusal as refusal:
            answer = self._answers.refusing(refusal, close=close)
        except ConnectionError:
            # The sender has gone; aiohttp notices when it sends the answer.
            answer = self._answers.make(400, {}, cut=True)
        except JournalWaits as waits:
            self._reception.no_room(str(waits))
            answer = self._unavailable(waits.in_short, waits.retry_after_seconds, close=close)
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

    def _admit(self, request: web.BaseRequest, path: str, endpoint: Endpoint | None) -> Endpoint:
        """Return the endpoint for a request; raises Refusal if it may not be sent, or nothing is served there."""
        if endpoint is None:
            self._bearer.admit(request)
            raise Refusal(404, "nothing is served at this path", f"POST events to {EVENTS_PATH}")
        endpoint.admit(request)
        if request.method != endpoint.method:
            raise Refusal(
                405,
                f"only {endpoint.method} is served here",
                f"send {endpoint.method} {path}",
                {"Allow": endpoint.method},
            )
        if self._stopping:
            raise Refusal(503, "the bridge is stopping", "send it again after 5 s", {"Retry-After": "5"})
        return endpoint

"""A look-alike of Moesif's collector on loopback: as strict as the real one and stricter, with knobs.

    async with MoesifLookalike(key="…") as moesif:
        …                            # send to moesif.url
        await moesif.received(100)   # returns when 100 different events are there

`PUT /_knobs` turns knobs, `GET /_report` and `GET /_ids` say what came in. `moesif_process` runs it as a process.
"""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Literal, Self

from aiohttp import web

from bridge.demo.moesif_api import NotTakenError, Posted, etags, how_many, page, post
from bridge.demo.moesif_knobs import Failure, Knobs, Received

LOOPBACK: Final = "127.0.0.1"
KEY: Final = "lookalike".ljust(60, "0")  # Moesif's Node SDK refuses ids of less than 50 characters.

Keep = Literal["events", "ids"]


class MoesifLookalike:
    """The collector, listening from `async with` on.

    `key`: the application id that it lets in; `port`: 0 for any; `keep`: whole events, or only their ids,
    for runs of millions.
    """

    def __init__(self, key: str = KEY, *, port: int = 0, keep: Keep = "events") -> None:
        self.knobs = Knobs()
        self.keys = {key}
        """The application ids that it lets in; may be changed while it runs."""
        self.requests: list[Received] = []
        self.copies: Counter[str] = Counter()
        """How often each transaction_id was taken."""
        self.accepted = 0
        """Events taken, copies included."""
        self.others: list[tuple[str, dict[str, Any]]] = []
        """Users, companies, subscriptions and actions taken, with the name of their collection."""
        self._without_id = 0
        self._keep = keep
        self._port = port
        self._reserved: socket.socket | None = None
        self._released = asyncio.Event()
        self._noted = asyncio.Event()

    @property
    def url(self) -> str:
        """Return the base URL, without a slash at its end."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return all events taken, in order of arrival, copies included."""
        return [event for request in self.requests for event in request.events]

    @property
    def unique(self) -> int:
        """Return how many different events were taken; those without an id count as different."""
        return len(self.copies) + self._without_id

    @property
    def duplicates(self) -> int:
        """Return how many events taken were copies of an earlier one."""
        return self.accepted - self.unique

    async def received(self, number: int) -> None:
        """Return when this many different events have been taken."""
        await self.wait_for(lambda: self.unique >= number)

    async def wait_for(self, predicate: Callable[[], object]) -> None:
        """Return when the predicate holds; it is asked now and after each request."""
        # An event for each request, rather than a condition: noting a request must not wait for a lock, or a
        # client that goes away could leave its batch taken and not noted.
        while not predicate():
            await self._noted.wait()

    def report(self) -> dict[str, Any]:
        """Return what came in, as JSON values."""
        return {
            "accepted": self.accepted,
            "unique": self.unique,
            "duplicates": self.duplicates,
            "without_id": self._without_id,
            "others": len(self.others),
            "body_bytes": sum(request.body_bytes for request in self.requests),
            "requests": dict(Counter(str(request.status) for request in self.requests)),
        }

    async def __aenter__(self) -> Self:
        # Bodies come as they were sent, so that their compressed size can be noted.
        self._server = web.Server(
            self.answer, handler_cancellation=True, auto_decompress=False, access_log=None
        )
        self._reserve()
        await self.accept_connections()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse_connections()
        if self._reserved is not None:
            self._reserved.close()

    async def refuse_connections(self) -> None:
        """Close the listening socket and reset what is open, until `accept_connections`."""
        if self._reserved is None:
            self._listener.close()
            self._reserve()
            for connection in self._server.connections:
                _reset(connection.transport)
            await self._server.shutdown(timeout=1)

    async def accept_connections(self) -> None:
        """Listen again, on the same port."""
        if self._reserved is not None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(self._server, sock=self._reserved, backlog=1024)
            self._reserved = None

    def release(self) -> None:
        """Let the requests that hang go on."""
        self._released.set()
        self._released = asyncio.Event()

    def _reserve(self) -> None:
        # A socket that is bound but does not listen: connections are refused, and nobody takes the port.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind((LOOPBACK, self._port))
        self._port = self._reserved.getsockname()[1]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: the script of failures first, then the other knobs, then what is right."""
        if request.path.startswith("/_"):
            return await self._command(request)
        posted = request.method == "POST"
        failure = self.knobs.fail_next.pop(0) if posted and self.knobs.fail_next else None
        if failure == "reset":
            self._note(request, failure, b"")
            _reset(request.transport)
            return web.Response()
        body = await request.content.read()
        if failure == "drop":
            self._note(request, failure, body)
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        if failure == "hang":
            self._note(request, failure, body)
            await self._released.wait()
            failure = None
        if posted and self.knobs.delay_seconds:
            await asyncio.sleep(self.knobs.delay_seconds)
        return await self._settle(request, body, failure)

    async def _settle(
        self, request: web.BaseRequest, body: bytes, failure: int | Failure | None
    ) -> web.StreamResponse:
        forced = failure if isinstance(failure, int) else self.knobs.status
        headers = etags(request.headers, self.knobs)
        try:
            if forced is not None and not 200 <= forced < 300:
                raise NotTakenError(forced, self.knobs.answer)
            if request.method != "POST":
                text = page(request.path, request.headers, self.keys, self.knobs)
                self._note(request, forced or 200, body)
                headers["Content-Type"] = "application/json"
                return web.Response(status=forced or 200, body=text, headers=headers)
            posted = post(request.path, request.headers, body, self.keys, self.knobs)
            taken = self._take(posted)
        except NotTakenError as error:
            if self.knobs.retry_after is not None:
                headers["Retry-After"] = self.knobs.retry_after
            self._note(request, error.status, body)
            return web.Response(status=error.status, body=error.text.encode(), headers=headers)
        outcome = failure or forced or 201
        self._note(request, outcome, body, len(posted.events), taken, tuple(posted.objects))
        if outcome == "reset_after":
            _reset(request.transport)
        if outcome == "hang_body":
            return await self._hang_body(request)
        return web.Response(status=forced or 201, headers=headers)

    def _take(self, posted: Posted) -> tuple[dict[str, Any], ...]:
        objects = posted.as_objects() if self.knobs.status_for or self._keep == "events" else []
        if self.knobs.status_for is not None:
            for item in objects:
                status = self.knobs.status_for(item)
                if status is not None:
                    raise NotTakenError(status, self.knobs.answer)
        if posted.collection != "events":
            self.others += [(posted.collection, item) for item in posted.objects]
            return ()
        self.accepted += len(posted.events)
        for event in posted.events:
            if event.transaction_id is None:
                self._without_id += 1
            else:
                self.copies[event.transaction_id] += 1
        return tuple(objects) if self._keep == "events" else ()

    def _note(
        self,
        request: web.BaseRequest,
        status: int | Failure,
        body: bytes,
        number: int | None = None,
        taken: tuple[dict[str, Any], ...] = (),
        objects: tuple[dict[str, Any], ...] = (),
    ) -> None:
        if number is None:
            number = how_many(request.headers, body) if body else 0
        key = request.headers.get("X-Moesif-Application-Id", "")
        received = Received(request.method, request.path, key, status, number, len(body), taken, objects)
        self.requests.append(received)
        self._noted.set()
        self._noted = asyncio.Event()

    async def _hang_body(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"Content-Length": "2"})
        await response.prepare(request)
        await self._released.wait()
        await response.write(b"{}")
        return response

    async def _command(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path:
            case "GET", "/_report":
                return web.json_response(self.report())
            case "GET", "/_ids":
                return web.Response(
                    text="".join(f"{name} {number}\n" for name, number in self.copies.items())
                )
            case "PUT", "/_knobs":
                try:
                    for name, value in json.loads(await request.read()).items():
                        await self._turn(name, value)
                except (ValueError, AttributeError) as error:
                    return web.Response(status=400, text=str(error))
                return web.Response(status=204)
        return web.Response(status=404)

    async def _turn(self, name: str, value: Any) -> None:
        match name, value:
            case "refuse_connections", True:
                await self.refuse_connections()
            case "refuse_connections", False:
                await self.accept_connections()
            case "release", True:
                self.release()
            case "keys", list():
                self.keys = set(value)
            case _:
                self.knobs.turn(name, value)


def _reset(transport: asyncio.Transport | None) -> None:
    """Abort a connection so that the other side gets a reset, whatever is unread."""
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
